/**
 * Runs a small model on a device: the graphs that training and generation use, without the trainer.
 * @module
 */
import {
  buildModel,
  type BuiltModel,
  inventoryOf,
  type ModelInventory,
} from "../../../core/engine/model/build_model.ts";
import { stateShape } from "../../../core/engine/model/layer_states.ts";
import { type InputData, Session } from "../../../core/engine/session.ts";
import { computeInHalf } from "../../../core/graph/precision/half_precision.ts";
import { dim } from "../../../core/graph/dims.ts";
import { gradients } from "../../../core/graph/gradients.ts";
import { Memory } from "../../../core/graph/memory.ts";
import { selectRows } from "../../../core/graph/ops/embedding.ts";
import { linearCrossEntropy } from "../../../core/graph/ops/linear_cross_entropy.ts";
import { projectLogits } from "../../../core/graph/ops/head.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import type { Precision } from "../../../core/contracts/backend.ts";
import type { Storage } from "../../../core/io/read_safetensors.ts";
import type {
  Device,
  Extents,
  Graph,
  ModelSpec,
  Tensor,
  WeightSpec,
} from "@denotune/denotune/core";

/** A batch as it goes to the device. */
export interface TinyBatch {
  readonly extents: Extents;
  readonly inputs: InputData;
  /** Supervised rows. */
  readonly trained: number;
}

/** A padded batch as golden files write it. */
export interface GoldenBatch {
  readonly input_ids: readonly (readonly number[])[];
  readonly lengths: readonly number[];
  readonly labels: readonly (readonly number[])[];
}

/** Tokens, and labels that are not shifted (-100: not trained). */
export interface Row {
  readonly ids: readonly number[];
  readonly labels: readonly number[];
}

/** The rows of the golden batch, without padding. */
export function rowsOf(golden: GoldenBatch): Row[] {
  return golden.lengths.map((n, i) => ({
    ids: golden.input_ids[i].slice(0, n),
    labels: golden.labels[i].slice(0, n),
  }));
}

/** Lays rows out: each list of rows behind one another as segments, padded to the longest. */
export function layOut(lines: readonly (readonly Row[])[]): TinyBatch {
  const B = lines.length;
  const T = Math.max(
    ...lines.map((l) => l.reduce((n, r) => n + r.ids.length, 0)),
  );
  const tokens = new Int32Array(B * T);
  const positions = new Int32Array(B * T);
  const segments = new Int32Array(B * T);
  const rows: number[] = [];
  const targets: number[] = [];
  lines.forEach((line, b) => {
    let t = b * T;
    line.forEach(({ ids, labels }, s) => {
      ids.forEach((id, i) => {
        tokens[t] = id;
        positions[t] = i;
        segments[t] = s + 1;
        const label = labels[i + 1] ?? -100; // shifted once, here
        if (label >= 0) {
          rows.push(t);
          targets.push(label);
        }
        t++;
      });
    });
  });
  const R = rows.length;
  const byToken = sorted(tokens);
  const byPosition = sorted(positions);
  return {
    extents: {
      B,
      T,
      R,
      "tokens.unique": byToken.ids.length,
      "tokens.unique+1": byToken.starts.length,
      "positions.unique": byPosition.ids.length,
      "positions.unique+1": byPosition.starts.length,
    },
    inputs: {
      tokens,
      positions,
      segments,
      row_keys: new Int32Array(B * T),
      rows: Int32Array.from(rows),
      targets: Int32Array.from(targets),
      weights: new Float32Array(R).fill(1),
      scale: Float32Array.of(1 / R),
      "tokens.order": byToken.order,
      "tokens.ids": byToken.ids,
      "tokens.starts": byToken.starts,
      "positions.order": byPosition.order,
      "positions.ids": byPosition.ids,
      "positions.starts": byPosition.starts,
    },
    trained: R,
  };
}

function sorted(
  index: Int32Array,
): { order: Int32Array; ids: Int32Array; starts: Int32Array } {
  const order = Int32Array.from(index.keys()).sort((a, b) =>
    index[a] - index[b] || a - b
  );
  const ids: number[] = [];
  const starts: number[] = [];
  order.forEach((at, i) => {
    if (ids[ids.length - 1] === index[at]) return;
    ids.push(index[at]);
    starts.push(i);
  });
  return {
    order,
    ids: Int32Array.from(ids),
    starts: Int32Array.from([...starts, index.length]),
  };
}

/** A model on a device. Its weights are written by name; until then they are zero. */
export interface TinyModel extends AsyncDisposable {
  readonly inventory: ModelInventory;
  /** Logits of every token (B*T, V). */
  logits(batch: TinyBatch): Promise<Float32Array>;
  /**
   * Mean loss of the batch, and the gradient of every weight: over `divisor` tokens instead of the batch's own, and
   * added to the gradients that are there with `keep`.
   */
  step(
    batch: TinyBatch,
    options?: { readonly divisor?: number; readonly keep?: boolean },
  ): Promise<{ loss: number; gradients: Map<string, Float32Array> }>;
  /** Logits of each id (T, V), fed through the states of layers behind `from` tokens of slot 0. */
  cached(ids: readonly number[], from: number): Promise<Float32Array>;
  /** The same for several rows at once: (T, V) of each, T its own number of ids; the shorter ones are padded. */
  cachedRows(rows: readonly CachedRow[]): Promise<Float32Array[]>;
  read(name: string): Promise<Float32Array>;
  write(name: string, data: Float32Array | Uint16Array): void;
}

/** New tokens of a row that generates. */
export interface CachedRow {
  readonly ids: readonly number[];
  /** Tokens that the slot has seen before; 0: a row that starts, whatever is in the slot. */
  readonly from: number;
  /** One of {@linkcode SLOTS}. */
  readonly slot: number;
}

/** Rows that a small model generates at a time. */
export const SLOTS = 3;

/** How a small model is run. */
export interface TinyOptions {
  /** Compute blocks again in the backward pass. */
  readonly checkpoint?: boolean;
  /** Precision of the products of `logits` and `step`; default float32. */
  readonly precision?: Precision;
  /** Storage of the weights; with it only `logits` can run. */
  storageOf?(name: string, shape: readonly number[]): Storage;
  /** Most tokens of a row, and one more than the largest position; default 32. */
  readonly maxLength?: number;
}

/** Plans a model's programs on a device, for batches of up to 4 rows. */
export async function openTiny(
  device: Device,
  spec: ModelSpec,
  options: TinyOptions = {},
): Promise<TinyModel> {
  const maxPositions = options.maxLength ?? 32;
  const N = 4 * maxPositions;
  const capacities: Extents = {
    B: 4,
    T: maxPositions,
    R: N,
    "tokens.unique": N,
    "tokens.unique+1": N + 1,
    "positions.unique": N,
    "positions.unique+1": N + 1,
  };
  const inventory = inventoryOf(spec, maxPositions);
  const { weights, constants } = inventory;
  const storage = new Map(
    weights.map((w) => [w.name, options.storageOf?.(w.name, w.shape) ?? "f32"]),
  );
  const memory = new Memory(device.info);
  for (const { name, shape } of weights) {
    memory.variable(name, shape, { role: "weights", dtype: storage.get(name) });
    memory.variable(`grad.${name}`, shape, { role: "gradients" });
  }
  for (const { name, shape } of constants) {
    memory.variable(name, shape, { role: "weights" });
  }
  for (const state of inventory.states) {
    memory.variable(
      state.name,
      stateShape(state, { rows: SLOTS, capacity: maxPositions }),
      { role: "cache" },
    );
  }
  const build = (kind: "logits" | "step" | "cached") =>
    buildModel(spec, {
      adapter: null,
      training: kind === "step",
      causal: true,
      maxPositions,
      trains: () => kind === "step",
      dtypeOf: (name) => storage.get(name) ?? "f32",
      checkpoint: kind === "step" && (options.checkpoint ?? false),
      cache: kind === "cached"
        ? { capacity: maxPositions, slots: SLOTS }
        : null,
    });
  const plan = (name: string, graph: Graph) => {
    if (name !== "cached") {
      if (options.precision === "bfloat16") computeInHalf(graph, "bf16");
      if (options.precision === "float16") computeInHalf(graph, "f16");
    }
    return planProgram(graph, {
      name,
      memory,
      capacities: name === "cached" ? { ...capacities, B: SLOTS } : capacities,
    });
  };
  const programs = (["logits", "cached"] as const).map((name) => {
    const { graph, hidden, head } = build(name);
    graph.output("logits", projectLogits(graph, hidden, head));
    return plan(name, graph);
  });
  if (options.storageOf === undefined) {
    programs.push(plan("step", trainable(build("step"), weights)));
  }

  const session = await Session.open(device, memory, programs);
  for (const { name, make } of constants) session.write(name, make());
  const cachedRows: TinyModel["cachedRows"] = async (rows) => {
    const [B, T] = [rows.length, Math.max(...rows.map((r) => r.ids.length))];
    const extents = { ...capacities, B, T };
    const padded = (value: (row: CachedRow, t: number) => number) =>
      Int32Array.from(
        { length: B * T },
        (_, i) => value(rows[Math.floor(i / T)], i % T),
      );
    const each = (value: (row: CachedRow) => number) =>
      Int32Array.from(rows, value);
    session.run("cached", extents, {
      tokens: padded(({ ids }, t) => ids[t] ?? 0),
      positions: padded(({ from }, t) => Math.min(from + t, maxPositions - 1)),
      row_keys: new Int32Array(B * T),
      lengths: each(({ from }) => from),
      counts: each(({ ids }) => ids.length),
      index: each(({ slot }) => slot),
    });
    const logits = Float32Array.from(
      await session.output("cached", "logits", extents),
    );
    const V = spec.vocabSize;
    return rows.map(({ ids }, b) =>
      logits.slice(b * T * V, (b * T + ids.length) * V)
    );
  };
  return {
    inventory,
    async logits({ extents, inputs }) {
      const read = Object.entries(inputs).filter(([name]) =>
        session.needs("logits", name)
      );
      session.run("logits", extents, Object.fromEntries(read));
      return Float32Array.from(
        await session.output("logits", "logits", extents),
      );
    },
    async step({ extents, inputs, trained }, options = {}) {
      const { divisor = trained, keep = false } = options;
      for (const { name, shape } of keep ? [] : weights) {
        const elements = shape.reduce((a, b) => a * b, 1);
        session.write(`grad.${name}`, new Float32Array(elements));
      }
      session.run("step", extents, {
        ...inputs,
        scale: Float32Array.of(1 / divisor),
      });
      const losses = Float32Array.from(
        await session.output("step", "losses", extents),
      );
      const found = new Map<string, Float32Array>();
      for (const { name } of weights) {
        found.set(name, await session.read(`grad.${name}`));
      }
      return {
        loss: losses.reduce((a, b) => a + b, 0) / divisor,
        gradients: found,
      };
    },
    cached: async (ids, from) =>
      (await cachedRows([{ ids, from, slot: 0 }]))[0],
    cachedRows,
    read: (name) => session.read(name),
    write: (name, data) => session.write(name, data),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** Adds the loss and the gradient of every weight, summed into `grad.NAME`. */
function trainable(
  { graph, hidden, head }: BuiltModel,
  weights: readonly WeightSpec[],
): Graph {
  const R = dim("R");
  const slots = new Map<Tensor, Tensor>();
  for (const { name, shape } of weights) {
    slots.set(
      graph.variable(name, shape),
      graph.variable(`grad.${name}`, shape),
    );
  }
  const loss = linearCrossEntropy(graph, {
    hidden: selectRows(graph, hidden, graph.input("rows", [R], "i32")),
    ...head,
    targets: graph.input("targets", [R], "i32"),
    weights: graph.input("weights", [R]),
    scale: graph.input("scale", [1]),
  }, {
    dHidden: true,
    dWeightSlot: slots.get(head.weight) ?? null,
    dBiasSlot: head.bias === null ? null : slots.get(head.bias) ?? null,
  });
  if (loss.dWeight === null) throw new Error("The head is no weight");
  const ofHead = new Map([[head.weight, loss.dWeight]]);
  if (head.bias !== null && loss.dBias !== null) {
    ofHead.set(head.bias, loss.dBias);
  }
  graph.output("losses", loss.losses);
  const grads = gradients(graph, {
    seeds: loss.seeds,
    parameters: [...slots.keys()],
    accumulators: new Map([...slots, ...ofHead]),
  });
  for (const [parameter, slot] of slots) {
    const grad = grads.get(parameter) ?? ofHead.get(parameter);
    if (grad === undefined) {
      throw new Error(`${JSON.stringify(parameter.source)} has no gradient`);
    }
    graph.assign(slot, grad);
  }
  return graph;
}
