/**
 * ZeRO-1 (arXiv 1910.02054): each rank keeps the optimizer states of its share of an arena alone, updates that share,
 * and all ranks gather the weights. Gradients and their norm are whole everywhere, so that each share gets the bits
 * that it would get without.
 *
 * ```text
 * parameters:group0.0   |----- rank 0 -----|----- rank 1 -----|--- rank 2 ---|
 * m, v of rank 1                           |------------------|
 * shard of rank 1                          |------------------|   its weights, in the memory of the whole
 * ```
 * @module
 */
import type { Collective } from "../../contracts/collective.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type { Optimizer } from "../../contracts/optimizer.ts";
import type { Arena } from "../../graph/memory.ts";
import type { Session } from "../session.ts";
import { shardName, shareOf } from "./shard.ts";
import { slotName, type Trainables } from "../trainables.ts";

/** Refuses optimizers that are more than an expression an element. Throws `ConfigError`. */
export function checkShardable(
  optimizer: Optimizer,
  { groups }: Trainables,
): void {
  const reason = groups.some(({ updates }) => updates !== null)
    ? "updates whole tensors by a graph of its own"
    : optimizer.average !== undefined
    ? "keeps an average of the weights"
    : null;
  if (reason === null) return;
  throw new ConfigError(
    `parallel.optimizer_sharding cannot share out the states of this optimizer, which ${reason}; set it to false, or take an optimizer such as adamw`,
  );
}

/** Gives all ranks the weights that each has updated. */
export async function gatherWeights(
  session: Session,
  trainables: Trainables,
  collective: Collective,
): Promise<void> {
  for (const arena of arenasOf(trainables)) {
    const variable = `parameters:${arena.name}`;
    const whole = await gathered(session, shardName(variable), {
      arena,
      collective,
    });
    session.write(variable, whole);
    await session.drain();
  }
}

/** The optimizer states of all ranks, whole, by the names that they have without shards. */
export async function gatherStates(
  session: Session,
  { trainables, slots, collective }: {
    readonly trainables: Trainables;
    readonly slots: readonly string[];
    readonly collective: Collective;
  },
): Promise<Map<string, Float32Array>> {
  const states = new Map<string, Float32Array>();
  for (const arena of arenasOf(trainables)) {
    for (const slot of slots) {
      const whole = await gathered(session, slotName(slot, arena.name), {
        arena,
        collective,
      });
      if (collective.rank !== 0) continue;
      for (const { name, shape, offset } of arena.members) {
        const size = shape.reduce((a, b) => a * b, 1);
        states.set(
          slotName(slot, name),
          whole.subarray(offset, offset + size),
        );
      }
    }
  }
  return states;
}

/** Gives each rank its share of states that rank 0 reads, by the names that they have without shards. */
export async function spreadStates(
  session: Session,
  { trainables, slots, collective, read }: {
    readonly trainables: Trainables;
    readonly slots: readonly string[];
    readonly collective: Collective;
    /** Called on rank 0 alone. */
    readonly read: (name: string) => Float32Array;
  },
): Promise<void> {
  for (const arena of arenasOf(trainables)) {
    const { offset, width } = shareOf(arena.elements, collective);
    for (const slot of slots) {
      const whole = new Float32Array(arena.elements);
      if (collective.rank === 0) {
        for (const member of arena.members) {
          whole.set(read(slotName(slot, member.name)), member.offset);
        }
      }
      await collective.broadcast(whole, 0);
      if (width === 0) continue;
      session.write(
        slotName(slot, arena.name),
        whole.slice(offset, offset + width),
      );
    }
  }
}

function arenasOf({ groups }: Trainables): readonly Arena[] {
  return groups.flatMap(({ arenas }) => arenas);
}

/** A variable of which each rank has its share, whole. */
async function gathered(
  session: Session,
  variable: string,
  { arena, collective }: {
    readonly arena: Arena;
    readonly collective: Collective;
  },
): Promise<Float32Array> {
  const own = shareOf(arena.elements, collective);
  const sent = new Float32Array(own.most);
  if (own.width > 0) sent.set(await session.read(variable));
  const all = await collective.allGather(sent);
  // shares are as long as `most`, all but the last: they are in their places
  return all.slice(0, arena.elements);
}
