/**
 * All ranks start from the weights and optimizer states of rank 0, to the bit, and can prove that they still have
 * the same ones.
 * @module
 */
import { createHash } from "node:crypto";
import type { Engine } from "../../engine/engine.ts";
import { statesOf } from "../../engine/trainables.ts";
import { readSlot } from "../saving/checkpoint.ts";
import { spreadStates } from "../../engine/ranks/optimizer_shards.ts";
import { narrowed } from "../saving/saved_model.ts";
import type { Ranks } from "./ranks.ts";

/** Numbers that are read and sent at once. */
const CHUNK = 1 << 22;

/**
 * Passes what rank 0 trains, and the states of its optimizer, to all ranks. `checkpoint` is what rank 0 has restored;
 * null: the run starts.
 */
export async function shareTrained(
  { collective }: Ranks,
  engine: Engine,
  checkpoint: string | null,
): Promise<void> {
  const { session, planned: { trainables, request } } = engine;
  if (trainables === null) return;
  const slots = request.train?.optimizer.slots ?? [];
  if (engine.isSharded && checkpoint !== null) {
    const read = (name: string) => readSlot(checkpoint, name);
    await spreadStates(session, { trainables, slots, collective, read });
  }
  for (const { name } of trainables.tensors) {
    const states = engine.isSharded ? [] : statesOf(trainables, slots, name);
    for (const variable of [name, ...states.map((s) => s.variable)]) {
      const of = elementsOf(engine, variable);
      for (let start = 0; start < of.elements; start += CHUNK) {
        const count = Math.min(CHUNK, of.elements - start);
        const values = await session.read(variable, { start, count });
        await collective.broadcast(values, 0);
        session.write(variable, narrowed(values, of.dtype), start);
        await session.drain();
      }
    }
  }
}

/** {@linkcode weightsHash}, compared with that of all ranks; `warn` is called where they differ. */
export async function compareWeights(
  ranks: Ranks,
  engine: Engine,
  warn: (message: string) => void,
): Promise<string> {
  const hash = await weightsHash(engine);
  const others = await ranks.ofAll(hash);
  const apart = others.flatMap((of, rank) => of === others[0] ? [] : [rank]);
  if (apart.length > 0) {
    warn(
      `The weights of rank ${
        apart.join(", ")
      } differ from those of rank 0, which are saved: the ranks compute on different processors or devices`,
    );
  }
  return hash;
}

/** SHA-256 of all trained weights. */
export async function weightsHash(engine: Engine): Promise<string> {
  const { session, planned: { trainables } } = engine;
  const hash = createHash("sha256");
  for (const { name } of trainables?.tensors ?? []) {
    const { elements } = elementsOf(engine, name);
    for (let start = 0; start < elements; start += CHUNK) {
      const count = Math.min(CHUNK, elements - start);
      const { buffer } = await session.read(name, { start, count });
      hash.update(new Uint8Array(buffer));
    }
  }
  return hash.digest("hex");
}

function elementsOf({ session }: Engine, variable: string) {
  const place = session.memory.variables.get(variable);
  if (place === undefined) throw new RangeError(`There is no ${variable}`);
  const elements = place.shape.reduce((a, b) => a * b, 1);
  return { elements, dtype: place.dtype };
}
