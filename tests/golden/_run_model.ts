/**
 * Runs a golden model on a device: the graph as the trainer builds it, without the trainer.
 * @module
 */
import {
  buildModel,
  type Device,
  dim,
  type Extents,
  gradients,
  type InputData,
  inventoryOf,
  linearCrossEntropy,
  loadWeights,
  matmul,
  Memory,
  type ModelFolder,
  type ModelSpec,
  openModelFolder,
  planProgram,
  selectRows,
  Session,
  type Storage,
  type Tensor,
} from "@denotune/denotune/core";

/** A batch as it goes to the device. */
export interface TinyBatch {
  readonly extents: Extents;
  readonly inputs: InputData;
  /** Supervised rows. */
  readonly trained: number;
}

/** What `models/NAME.json` says of the batch. */
export interface GoldenBatch {
  readonly input_ids: readonly (readonly number[])[];
  readonly lengths: readonly number[];
  readonly labels: readonly (readonly number[])[];
}

interface Row {
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

/** A golden model on a device. */
export interface TinyModel extends AsyncDisposable {
  readonly spec: ModelSpec;
  readonly names: readonly string[];
  /** Logits of every token (B*T, V). */
  logits(batch: TinyBatch): Promise<Float32Array>;
  /** Mean loss of the batch, and the gradient of every weight. */
  step(
    batch: TinyBatch,
  ): Promise<{ loss: number; gradients: Map<string, Float32Array> }>;
  read(name: string): Promise<Float32Array>;
  write(name: string, data: Float32Array): void;
}

/** Loads a model folder on a device and plans its programs for batches up to `capacities`. */
export async function openTiny(
  device: Device,
  options: {
    folder: string;
    describe(config: { readonly [key: string]: unknown }): ModelSpec;
    checkpoint?: boolean;
    /** Storage of the weights of `logits`; without it also `step` can run. */
    storageOf?(name: string, shape: readonly number[]): Storage;
  },
): Promise<TinyModel> {
  using folder: ModelFolder = openModelFolder(options.folder);
  const spec = options.describe(folder.config);
  const maxPositions = 64;
  const capacities: Extents = {
    B: 3,
    T: 32,
    R: 48,
    "tokens.unique": 64,
    "tokens.unique+1": 65,
    "positions.unique": 64,
    "positions.unique+1": 65,
  };
  const { weights, constants } = inventoryOf(spec, maxPositions);
  const storage = new Map(
    weights.map((w) => [w.name, options.storageOf?.(w.name, w.shape) ?? "f32"]),
  );
  const memory = new Memory(device.info);
  const build = (training: boolean) =>
    buildModel(spec, {
      adapter: null,
      training,
      causal: true,
      maxPositions,
      trains: () => training,
      dtypeOf: (name) => storage.get(name) ?? "f32",
      checkpoint: training && (options.checkpoint ?? false),
      cache: null,
    });
  for (const { name, shape } of weights) {
    memory.variable(name, shape, { role: "weights", dtype: storage.get(name) });
    memory.variable(`grad.${name}`, shape, { role: "gradients" });
  }
  for (const { name, shape } of constants) {
    memory.variable(name, shape, { role: "weights" });
  }

  const look = build(false);
  look.graph.output(
    "logits",
    matmul(look.graph, look.hidden, look.head, { layout: "NT" }),
  );
  const programs = [
    planProgram(look.graph, { name: "logits", memory, capacities }),
  ];
  if (options.storageOf === undefined) {
    const { graph, hidden, head } = build(true);
    const R = dim("R");
    const slots = new Map<Tensor, Tensor>();
    for (const { name, shape } of weights) {
      slots.set(
        graph.variable(name, shape),
        graph.variable(`grad.${name}`, shape),
      );
    }
    const selected = selectRows(graph, hidden, graph.input("rows", [R], "i32"));
    const loss = linearCrossEntropy(graph, {
      hidden: selected,
      weight: head,
      targets: graph.input("targets", [R], "i32"),
      weights: graph.input("weights", [R]),
      scale: graph.input("scale", [1]),
    }, { dHidden: true, dWeightSlot: slots.get(head) ?? null });
    if (loss.dWeight === null) throw new Error("the head is trained");
    graph.output("losses", loss.losses);
    const parameters = [...slots.keys()];
    slots.set(head, loss.dWeight);
    const grads = gradients(graph, {
      seeds: loss.seeds,
      parameters,
      accumulators: slots,
    });
    for (const { name } of weights) {
      const parameter = graph.variable(name, []);
      const grad = grads.get(parameter) ??
        (parameter === head ? loss.dWeight : undefined);
      if (grad === undefined) throw new Error(`${name} has no gradient`);
      graph.assign(graph.variable(`grad.${name}`, []), grad);
    }
    programs.push(planProgram(graph, { name: "step", memory, capacities }));
  }

  const session = await Session.open(device, memory, programs);
  await loadWeights(folder, { spec, weights }, {
    dtypeOf: (name) => storage.get(name) ?? "f32",
    sink: ({ name, data }) => session.write(name, data), // tiny: one chunk each
  });
  for (const { name, make } of constants) session.write(name, make());
  return {
    spec,
    names: weights.map((w) => w.name),
    async logits({ extents, inputs }) {
      session.run("logits", extents, inputs);
      const out = await session.output("logits", "logits", extents);
      return Float32Array.from(out);
    },
    async step({ extents, inputs, trained }) {
      for (const { name, shape } of weights) {
        const elements = shape.reduce((a, b) => a * b, 1);
        session.write(`grad.${name}`, new Float32Array(elements));
      }
      session.run("step", extents, inputs);
      const losses = Float32Array.from(
        await session.output("step", "losses", extents),
      );
      const found = new Map<string, Float32Array>();
      for (const { name } of weights) {
        found.set(name, await session.read(`grad.${name}`));
      }
      return {
        loss: losses.reduce((a, b) => a + b, 0) / trained,
        gradients: found,
      };
    },
    read: (name) => session.read(name),
    write: (name, data) => session.write(name, data),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/** One step of AdamW on the host, in double precision, with decoupled decay on every weight. */
export class HostAdamW {
  readonly #state = new Map<string, { m: Float64Array; v: Float64Array }>();
  #step = 0;

  constructor(
    readonly settings: {
      readonly lr: number;
      readonly betas: readonly number[];
      readonly eps: number;
      readonly weight_decay: number;
    },
  ) {}

  /** Updates every weight by its gradient. */
  async update(
    model: TinyModel,
    grads: ReadonlyMap<string, Float32Array>,
  ): Promise<void> {
    const { lr, betas: [b1, b2], eps, weight_decay } = this.settings;
    this.#step++;
    for (const [name, g] of grads) {
      const p = await model.read(name);
      const { m, v } = this.#state.get(name) ??
        { m: new Float64Array(p.length), v: new Float64Array(p.length) };
      this.#state.set(name, { m, v });
      for (let i = 0; i < p.length; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        const step = m[i] / (1 - b1 ** this.#step) /
          (Math.sqrt(v[i] / (1 - b2 ** this.#step)) + eps);
        p[i] = p[i] * (1 - lr * weight_decay) - lr * step;
      }
      model.write(name, p);
    }
  }
}
