/**
 * Which tensors are trained, in which groups, and where they are stored: parameters, gradients and optimizer
 * slots have one layout, so that one dispatch a group and arena does the update.
 * @module
 */
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { WeightSpec } from "../contracts/model.ts";
import type {
  Optimizer,
  StateSpec,
  TensorUpdate,
} from "../contracts/optimizer.ts";
import { ConfigError } from "../contracts/errors.ts";
import { type Arena, count, type Memory } from "../graph/memory.ts";
import { BLOCK, fitsBlocks, isBlockStorage } from "../graph/quantize/blocks.ts";
import { namePattern } from "./name_pattern.ts";
import { type Shard, shardName, shareOf } from "./ranks/shard.ts";

/** Tensors updated with the same learning rate and decay. */
export interface Group {
  readonly index: number;
  readonly learningRateFactor: number;
  readonly decayed: boolean;
  readonly arenas: readonly Arena[];
  /** The graph of each tensor, by name; null where expressions update whole arenas. */
  readonly updates: ReadonlyMap<string, TensorUpdate> | null;
}

/** Everything that is trained. */
export interface Trainables {
  readonly tensors: readonly WeightSpec[];
  readonly names: ReadonlySet<string>;
  readonly groups: readonly Group[];
  /** Number of trained values, and of all values of the model and its adapter. */
  readonly trained: number;
  readonly total: number;
}

/** Name of the gradient slot of a parameter. */
export function gradientName(parameter: string): string {
  return `gradient:${parameter}`;
}

/** Name of an optimizer slot of a parameter. */
export function slotName(slot: string, parameter: string): string {
  return `${slot}:${parameter}`;
}

/** Chooses what is trained: everything without an adapter, else the adapter's and what it adds. */
export function chooseTrainables(
  memory: Memory,
  options: {
    readonly weights: readonly WeightSpec[];
    readonly adapter: AttachedAdapter | null;
    readonly optimizer: Optimizer;
    /** Weights of the base that stay as they are. */
    readonly frozen: ReadonlySet<string>;
  },
): Trainables {
  const { weights, adapter, optimizer, frozen } = options;
  const tensors = [
    ...(adapter?.parameters ?? []),
    ...weights.filter((w) =>
      !frozen.has(w.name) && (adapter === null || adapter.trainsBase(w.name))
    ),
  ];
  const byKey = new Map<string, {
    readonly factor: number;
    readonly decayed: boolean;
    readonly updates: Map<string, TensorUpdate> | null;
    readonly tensors: WeightSpec[];
  }>();
  for (const tensor of tensors) {
    const factor = (optimizer.learningRateFactor?.(tensor) ?? 1) *
      (adapter?.learningRateFactor?.(tensor) ?? 1);
    const decayed = optimizer.decays(tensor);
    const update = optimizer.tensorUpdate?.(tensor) ?? null;
    const key = `${factor}/${decayed}/${update !== null}`;
    const updates = update === null ? null : new Map<string, TensorUpdate>();
    const group = byKey.get(key) ?? { factor, decayed, updates, tensors: [] };
    group.tensors.push(tensor);
    if (update !== null) group.updates?.set(tensor.name, update);
    byKey.set(key, group);
  }
  const size = (w: WeightSpec) => w.shape.reduce((a, b) => a * b, 1);
  const total = (list: readonly WeightSpec[]) =>
    list.reduce((n, w) => n + size(w), 0);
  return {
    tensors,
    names: new Set(tensors.map((t) => t.name)),
    groups: [...byKey.values()].map((g, index) => ({
      index,
      learningRateFactor: g.factor,
      decayed: g.decayed,
      updates: g.updates,
      arenas: memory.layout(`group${index}`, g.tensors),
    })),
    trained: total(tensors),
    total: total(weights) + total(adapter?.parameters ?? []),
  };
}

/** Places parameters, gradients and slots of everything that is trained; with `shard` this rank's share of the slots. */
export function placeTrainables(
  memory: Memory,
  trainables: Trainables,
  slots: readonly string[],
  shard: Shard | null = null,
): void {
  for (const { arenas, updates } of trainables.groups) {
    for (const arena of arenas) {
      memory.place(arena, {
        name: `parameters:${arena.name}`,
        role: "weights",
        memberName: (n) => n,
      });
      memory.place(arena, {
        name: gradientName(arena.name),
        role: "gradients",
        memberName: gradientName,
      });
      for (const { name } of updates === null ? [] : arena.members) {
        for (const state of statesOf(trainables, slots, name)) {
          memory.variable(state.variable, state.shape, {
            role: "optimizer",
            dtype: state.dtype,
          });
        }
      }
      if (shard !== null) {
        placeShare(memory, arena, { slots, shard });
        continue;
      }
      for (const slot of updates === null ? slots : []) {
        memory.place(arena, {
          name: slotName(slot, arena.name),
          role: "optimizer",
          memberName: (n) => slotName(slot, n),
        });
      }
    }
  }
}

/** Places a rank's share of an arena's slots, and names the weights that it updates. */
function placeShare(
  memory: Memory,
  { name, elements }: Arena,
  { slots, shard }: {
    readonly slots: readonly string[];
    readonly shard: Shard;
  },
): void {
  const { offset: start, width } = shareOf(elements, shard);
  if (width === 0) return;
  for (const variable of slots.map((slot) => slotName(slot, name))) {
    memory.variable(variable, [width], { role: "optimizer" });
  }
  const whole = `parameters:${name}`;
  memory.part(whole, { name: shardName(whole), start, width });
}

/** Name of the scales of a state that is stored in blocks. */
export function absmaxName(slot: string, parameter: string): string {
  return slotName(`${slot}.absmax`, parameter);
}

/** A state of a trained tensor, or a part of one, as it is placed and saved. */
export interface TensorState {
  readonly shape: readonly number[];
  readonly dtype?: "f32" | "bf16" | "f16" | "i8";
  /** Name of its variable. */
  readonly variable: string;
}

/** The states that the optimizer keeps of a tensor: the slots of its rule, or those of the tensor's graph. */
export function statesOf(
  trainables: Trainables,
  slots: readonly string[],
  tensor: string,
): TensorState[] {
  const found = trainables.tensors.find(({ name }) => name === tensor);
  const shape = found?.shape ?? [];
  const update = trainables.groups.map((g) => g.updates?.get(tensor))
    .find((u) => u !== undefined);
  const states = update === undefined
    ? slots.map((slot): [string, StateSpec] => [slot, { shape }])
    : Object.entries<StateSpec>(update.states);
  return states.flatMap(([name, spec]) => partsOf(spec, { name, tensor }));
}

function partsOf(
  { shape, dtype }: StateSpec,
  { name, tensor }: { readonly name: string; readonly tensor: string },
): TensorState[] {
  const variable = slotName(name, tensor);
  if (!isBlockStorage(dtype)) return [{ shape, dtype, variable }];
  if (!fitsBlocks(shape)) {
    throw new RangeError(
      `The state ${name} of ${tensor} (${
        shape.join(", ")
      }) cannot be stored as ${dtype}: its elements are no multiple of ${BLOCK}`,
    );
  }
  return [
    { shape, dtype: "i8", variable },
    { shape: [count(shape) / BLOCK], variable: absmaxName(name, tensor) },
  ];
}

/**
 * Names that patterns choose; `*` matches any run of characters. Throws `ConfigError` for a pattern that
 * matches nothing.
 */
export function frozenWeights(
  patterns: readonly string[],
  weights: readonly WeightSpec[],
): ReadonlySet<string> {
  const frozen = new Set<string>();
  for (const pattern of patterns) {
    const rule = namePattern(pattern);
    const found = weights.filter((w) => rule(w.name));
    if (found.length === 0) {
      const names = weights.slice(0, 8).map((w) => w.name).join(", ");
      throw new ConfigError(
        `model.freeze: "${pattern}" matches no weight; the model has ${weights.length}, such as ${names}`,
      );
    }
    for (const w of found) frozen.add(w.name);
  }
  return frozen;
}
