/**
 * Builds a model's graph through its sites: once dry, to list weights and sites, and then for each
 * program (training, evaluation, prefill and decoding).
 * @module
 */
import type { AttachedAdapter, Site } from "../../contracts/adapter.ts";
import type {
  LayerState,
  ModelBuilder,
  ModelDropout,
  ModelSpec,
  WeightSpec,
} from "../../contracts/model.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { dim, product } from "../../graph/dims.ts";
import { isQuantized, type TensorDType } from "../../graph/dtype.ts";
import { Graph, type Tensor } from "../../graph/graph.ts";
import { embedding } from "../../graph/ops/embedding.ts";
import { dropout } from "../../graph/ops/dropout.ts";
import { matmul } from "../../graph/ops/matmul.ts";
import type { Head } from "../../graph/ops/head.ts";
import { rope } from "../../graph/ops/rope.ts";
import { type CacheOptions, LayerStates } from "./layer_states.ts";
import { headColumns } from "../objective_head.ts";
import { programInput } from "../inputs/program_inputs.ts";
import { norm, sortedInputs, weightShape } from "./build_sites.ts";

/** A table that the host computes once. */
export interface ConstantSpec {
  /** Name of the variable. */
  readonly name: string;
  /** Its sizes. */
  readonly shape: readonly number[];
  /** Computes it, row-major. */
  make(): Float32Array;
}

/** What a model is made of. */
export interface ModelInventory {
  /** Weights, in the order of their first use. */
  readonly weights: readonly WeightSpec[];
  /** Named sites, in order. */
  readonly sites: readonly Site[];
  /** Tables that the host computes. */
  readonly constants: readonly ConstantSpec[];
  /** What generation keeps of a row, in order. */
  readonly states: readonly LayerState[];
  /** Names of the losses of its own. */
  readonly losses: readonly string[];
}

/** First stream of random numbers of a model's own dropout. */
const OWN_DROPOUT = 0x40000000;

/** How a graph is built. */
export interface BuildOptions {
  /** The graph that the model is added to; absent: one of its own. */
  readonly graph?: Graph;
  /** The variable that holds a weight or a parameter of the adapter; absent: the one of the same name. */
  variableOf?(name: string): string;
  /** What rewrites the sites; null: nothing. */
  readonly adapter: AttachedAdapter | null;
  /** Whether dropout and noise are on. */
  readonly training: boolean;
  /** Whether tokens see only earlier ones. */
  readonly causal: boolean;
  /** One more than the largest position of the run. */
  readonly maxPositions: number;
  /** Weights that are trained: their embeddings need the tokens sorted. */
  trains(weight: string): boolean;
  /** Storage of a weight. */
  dtypeOf(weight: string): Exclude<TensorDType, "i32" | "i8">;
  /** Whether memory keeps a matrix by output although its file has it by input; absent: quantised ones alone. */
  isTransposed?(weight: string): boolean;
  /** Dropout of the model's own, where `training`; absent: none. */
  readonly dropout?: ModelDropout;
  /** Recompute each block in the backward pass. */
  readonly checkpoint: boolean;
  /** Generation behind what layers keep; null: whole segments, each of which starts anew. */
  readonly cache: CacheOptions | null;
}

/** A loss of a model's own. */
export interface ModelLoss {
  /** Its name among the metrics. */
  readonly name: string;
  /** A number of each token (N). */
  readonly values: Tensor;
  /** What its mean is multiplied by. */
  readonly coefficient: number;
}

/** A model's graph up to the hidden states. */
export interface BuiltModel {
  /** The graph, up to the hidden states. */
  readonly graph: Graph;
  /** Hidden states after the last norm (N, C). */
  readonly hidden: Tensor; // (N, C)
  /** Vocabulary projection. */
  readonly head: Head;
  /** Losses of the model's own. */
  readonly losses: readonly ModelLoss[];
  /** The inputs that every program has. */
  readonly inputs: {
    readonly tokens: Tensor;
    readonly positions: Tensor;
    readonly rowKeys: Tensor;
  };
}

/** Lists the weights, sites and constants of a model, in the order in which it uses them. */
export function inventoryOf(
  spec: ModelSpec,
  maxPositions: number,
): ModelInventory {
  const weights = new Map<string, WeightSpec>();
  const sites: Site[] = [];
  const constants = new Map<string, ConstantSpec>();
  const states = new Map<string, LayerState>();
  const losses: string[] = [];
  const recorder: Recorder = {
    state(s) {
      if (states.has(s.name)) {
        throw new RangeError(`Two layers keep a state called ${s.name}`);
      }
      states.set(s.name, s);
    },
    weight: (w) => weights.set(w.name, w),
    site: (s) => sites.push(s),
    constant: (c) => constants.set(c.name, c),
    loss: (name) => losses.push(name),
  };
  buildModel(spec, {
    adapter: null,
    training: false,
    causal: true,
    maxPositions,
    trains: () => false,
    dtypeOf: () => "f32",
    checkpoint: false,
    cache: null,
  }, recorder);
  return {
    weights: [...weights.values()],
    sites,
    constants: [...constants.values()],
    states: [...states.values()],
    losses,
  };
}

/** Receives what a model uses while its graph is built. */
export interface Recorder {
  /** Receives each weight. */
  weight(w: WeightSpec): void;
  /** Receives each site. */
  site(s: Site): void;
  /** Receives each table. */
  constant(c: ConstantSpec): void;
  /** Receives each state that a layer keeps. */
  state(s: LayerState): void;
  /** Receives the name of each loss of the model's own. */
  loss(name: string): void;
}

/**
 * Builds the graph of a model: named inputs `tokens`, `positions`, `segments` (or `lengths` and `index`), and
 * `row_keys`.
 */
export function buildModel(
  spec: ModelSpec,
  options: BuildOptions,
  recorder?: Recorder,
): BuiltModel {
  const { graph = new Graph(), variableOf = (name: string) => name } = options;
  const [B, T] = [dim("B"), dim("T")];
  const N = product([B, T]);
  const fed = options.cache?.feed?.(graph);
  const tokens = fed?.tokens ?? programInput(graph, "tokens");
  const positions = fed?.positions ?? programInput(graph, "positions");
  const rowKeys = programInput(graph, "row_keys");
  const causal = options.causal && spec.attention !== "bidirectional";
  let block: number | null = null;
  let stream = 0;
  const losses: ModelLoss[] = [];
  const state = new LayerStates(graph, options.cache, {
    fed,
    declare: (s) => recorder?.state(s),
  });

  const weight = (w: WeightSpec, shape = w.shape): Tensor => {
    recorder?.weight(w);
    return graph.variable(variableOf(w.name), shape, options.dtypeOf(w.name));
  };
  const refuseOneSided = (name: string) => {
    if (causal) return;
    throw new ConfigError(
      `The model (model_type ${spec.modelType}) cannot see later tokens, as the objective wants: its layer ${name}, a convolution or recurrence, passes on earlier ones alone; choose a model of attention, or an objective with causal attention`,
    );
  };
  const adaptation = () => ({
    graph,
    parameter: (name: string) => {
      const own = options.adapter;
      const found = [...own?.parameters ?? [], ...own?.constants ?? []]
        .find((p) => p.name === name);
      if (found === undefined) {
        throw new RangeError(`The adapter has no parameter ${name}`);
      }
      return graph.variable(variableOf(name), found.shape);
    },
    training: options.training,
    rowKeys,
    stream: stream++,
  });

  const drops = options.training ? options.dropout : undefined;
  // streams of their own, so that adapters draw the same numbers with and without it
  let dropped = OWN_DROPOUT;
  const dropAttention = () => {
    const p = drops?.attention ?? 0;
    return p === 0 ? {} : { dropout: { p, stream: dropped++, rowKeys } };
  };

  const builder: ModelBuilder = {
    graph,
    tokens,
    positions,
    N,
    maxPositions: options.maxPositions,
    causal,
    embedding(index, site) {
      recorder?.site({ kind: "embedding", site, block });
      const name = `${site.name}.weight`;
      const table = weight({
        name,
        shape: [site.rows, site.columns],
        init: site.init,
      });
      const output = graph.scope(
        site.name,
        () =>
          embedding(
            graph,
            table,
            index,
            options.trains(name) ? sortedInputs(graph, index) : undefined,
          ),
      );
      return options.adapter?.embedding?.({
        ...adaptation(),
        site,
        output,
        lengths: programInput(graph, "segment_lengths"),
      }) ?? output;
    },
    linear(x, filed, addend) {
      recorder?.site({ kind: "linear", site: filed, block });
      const name = `${filed.name}.weight`;
      // a quantised matrix is kept by output, however its file lays it out
      const site = isQuantized(options.dtypeOf(name)) ||
          options.isTransposed?.(name) === true
        ? { ...filed, layout: "NT" as const }
        : filed;
      const w = weight(
        { name, shape: weightShape(filed), init: site.init },
        weightShape(site),
      );
      const { layout, exact } = site;
      const bias = site.bias
        ? weight({
          name: `${site.name}.bias`,
          shape: [site.out],
          init: { kind: "zeros" },
        })
        : undefined;
      return graph.scope(site.name, () => {
        const adapted = options.adapter?.linear({
          ...adaptation(),
          site,
          x,
          addend,
          weight: w,
          bias,
        }) ?? null;
        return adapted ??
          matmul(graph, x, w, { layout, exact, bias, addend });
      });
    },
    norm: (x, site) =>
      graph.scope(site.name, () => norm(graph, x, site, weight)),
    dropout(x, place) {
      const p = drops?.[place] ?? 0;
      return p === 0 ? x : dropout(graph, x, rowKeys, { p, stream: dropped++ });
    },
    drops: (place) => (drops?.[place] ?? 0) > 0,
    parameter: (w) => weight({ ...w, float32: true }),
    constant(name, shape, make) {
      recorder?.constant({ name, shape, make });
      return graph.variable(name, shape);
    },
    rope: (x, table, o) => rope(graph, x, positions, table, o),
    attention: (layer, q, k, v, { sharedWith, ...o }) =>
      graph.scope(
        `attention.${layer}`,
        () =>
          state.attention(layer, { q, k, v, sharedWith }, {
            ...o,
            causal,
            ...dropAttention(),
          }),
      ),
    convolution(name, x, weight) {
      refuseOneSided(name);
      return graph.scope(name, () => state.convolution(name, x, weight));
    },
    recurrence(name, operands) {
      refuseOneSided(name);
      return graph.scope(name, () => state.recurrence(name, operands));
    },
    loss(name, values, { coefficient }) {
      if (losses.some((own) => own.name === name)) {
        throw new RangeError(`Two losses of the model are called ${name}`);
      }
      recorder?.loss(name);
      losses.push({ name, values, coefficient });
    },
    block(index, body) {
      block = index;
      try {
        return options.checkpoint ? graph.checkpoint(body) : body();
      } finally {
        block = null;
      }
    },
  };

  const hidden = spec.forward(builder);
  if (!spec.head.tied) {
    weight({
      name: spec.head.name,
      shape: [headColumns(spec), spec.hiddenSize],
      init: spec.head.init,
    });
  }
  recorder?.site({
    kind: "head",
    name: spec.head.name,
    rows: headColumns(spec),
    columns: spec.hiddenSize,
    tied: spec.head.tied,
  });
  const { name, bias, logits } = spec.head;
  const head: Head = {
    weight: graph.variable(
      variableOf(name),
      [headColumns(spec), spec.hiddenSize],
      options.dtypeOf(name),
    ),
    bias: bias === undefined ? null : weight({
      name: bias,
      shape: [headColumns(spec)],
      init: { kind: "zeros" },
    }),
    logits: logits === undefined ? null : (x) => logits(x),
  };
  return {
    graph,
    hidden,
    head,
    losses,
    inputs: { tokens, positions, rowKeys },
  };
}
