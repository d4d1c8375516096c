/**
 * The programs of generation. `prefill` reads prompts, all but their last token, into the states of layers;
 * `decode` reads one token of each row, chooses the next and keeps it, so that it can run again at once:
 *
 * ```text
 * tokens, places ─► model, cache ─► logits ─► sample ─► take_tokens ─► tokens, places
 *                                                            └─► ring: the last tokens, for the host
 * ```
 *
 * A row of a batch has a slot of every state, whichever it is: rows that end leave the batch, new ones join it.
 * @module
 */
import type { LayerState, ModelSpec } from "../../contracts/model.ts";
import { buildModel, type BuildOptions } from "../model/build_model.ts";
import { type CacheFeed, stateShape } from "../model/layer_states.ts";
import type { Session } from "../session.ts";
import { programInput } from "../inputs/program_inputs.ts";
import { dim } from "../../graph/dims.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Memory } from "../../graph/memory.ts";
import { selectRows } from "../../graph/ops/embedding.ts";
import { projectLogits } from "../../graph/ops/head.ts";
import {
  type DecodeState,
  sample,
  takeTokens,
} from "../../graph/ops/sampling.ts";
import { wordsOfBits } from "../../graph/kernels/mod.ts";
import { type PlannedProgram, planProgram } from "../../graph/planner.ts";

/** What generation is sized for. */
export interface GenerationLimits {
  /** Rows that are decoded together. */
  readonly rows: number;
  /** Tokens a row: prompt and answer. */
  readonly capacity: number;
  /** Prompt tokens that are read at once. */
  readonly prefill: number;
  /**
   * Whether the host may read logits: those of each step of decoding, and those of prompts by the program
   * `prefill_logits`. Default: false.
   */
  readonly logits?: boolean;
}

/** Elements of the logits of a prompt that exist at a time: 64 MB. */
const LOGIT_ELEMENTS = 16 * 1024 * 1024;

/** Tokens, of all rows together, whose logits `prefill_logits` gives at once. */
export function scoredTokens(
  { rows, prefill, capacity }: GenerationLimits,
  vocabSize: number,
): number {
  const most = Math.max(1, Math.floor(LOGIT_ELEMENTS / vocabSize));
  return Math.min(most, rows * Math.min(prefill, capacity));
}

/** Steps whose tokens the device keeps until they are read. */
export const RING_STEPS = 16;

/** Names of the variables that decoding keeps. */
export const STATE = {
  tokens: "decode.tokens",
  places: "decode.places",
  ring: "decode.ring",
  seen: "decode.seen",
} as const;

/** Places what layers keep, a slot for each row, and the state of decoding. */
export function placeGeneration(
  memory: Memory,
  spec: ModelSpec,
  { states, limits }: {
    readonly states: readonly LayerState[];
    readonly limits: GenerationLimits;
  },
): void {
  for (const state of states) {
    memory.variable(state.name, stateShape(state, limits), { role: "cache" });
  }
  for (const [name, shape] of Object.entries(stateShapes(spec, limits))) {
    memory.variable(name, shape, { role: "cache", dtype: "i32" });
  }
}

function stateShapes(
  { vocabSize }: ModelSpec,
  { rows }: GenerationLimits,
): Record<string, number[]> {
  return {
    [STATE.tokens]: [rows],
    [STATE.places]: [rows],
    [STATE.ring]: [RING_STEPS, rows],
    [STATE.seen]: [rows, wordsOfBits(vocabSize)],
  };
}

/** Plans `prefill` and `decode`. */
export function planGeneration(
  spec: ModelSpec,
  build: BuildOptions,
  options: { memory: Memory; limits: GenerationLimits },
): PlannedProgram[] {
  const { memory, limits } = options;
  const { rows, capacity } = limits;
  const cache = { capacity, slots: rows };
  const prefill = buildModel(spec, { ...build, causal: true, cache });
  const decode = decodeGraph(spec, build, limits);
  const T = Math.min(limits.prefill, capacity);
  return [
    planProgram(prefill.graph, {
      name: "prefill",
      memory,
      capacities: { B: rows, T },
    }),
    planProgram(decode, {
      name: "decode",
      memory,
      capacities: { B: rows, T: 1 },
    }),
    ...(limits.logits === true
      ? [
        planProgram(prefillLogits(spec, build, limits), {
          name: "prefill_logits",
          memory,
          capacities: { B: rows, T, R: scoredTokens(limits, spec.vocabSize) },
        }),
      ]
      : []),
  ];
}

/** `prefill` that gives the logits behind the tokens at `rows`. */
function prefillLogits(
  spec: ModelSpec,
  build: BuildOptions,
  { rows, capacity }: GenerationLimits,
): Graph {
  const { graph, hidden, head } = buildModel(spec, {
    ...build,
    causal: true,
    cache: { capacity, slots: rows },
  });
  graph.scope("head", () => {
    const at = selectRows(graph, hidden, programInput(graph, "rows"));
    graph.output("logits", projectLogits(graph, at, head));
  });
  return graph;
}

function decodeGraph(
  spec: ModelSpec,
  build: BuildOptions,
  limits: GenerationLimits,
): Graph {
  const [B, T] = [dim("B"), dim("T")];
  const { rows: slots, capacity } = limits;
  const shapes = stateShapes(spec, limits);
  const stateOf = (graph: Graph): DecodeState => {
    const variable = (name: string) =>
      graph.variable(name, shapes[name], "i32");
    return {
      tokens: variable(STATE.tokens),
      places: variable(STATE.places),
      ring: variable(STATE.ring),
      seen: variable(STATE.seen),
    };
  };
  const feed = (graph: Graph): CacheFeed => {
    const { tokens, places } = stateOf(graph);
    return {
      tokens: { ...tokens, shape: [B, T] },
      positions: { ...places, shape: [B, T] },
      lengths: { ...places, shape: [B] },
      index: programInput(graph, "index"),
    };
  };
  const { graph, hidden, head } = buildModel(spec, {
    ...build,
    causal: true,
    cache: { capacity, slots, feed },
  });
  const state = stateOf(graph);
  const { lengths, index } = feed(graph);
  const logits = graph.scope(
    "head",
    () =>
      projectLogits(graph, { ...hidden, shape: [B, spec.hiddenSize] }, head),
  );
  if (limits.logits === true) graph.output("logits", logits);
  const chosen = sample(graph, {
    logits,
    options: programInput(graph, "sampling"),
    keys: programInput(graph, "keys"),
    places: lengths,
    index,
    seen: state.seen,
  });
  takeTokens(graph, chosen, state, {
    index,
    capacity,
    columns: spec.vocabSize,
  });
  return graph;
}

/** The logits of a program's last run. */
export async function logitsOf(
  session: Session,
  program: string,
  extents: Readonly<Record<string, number>>,
): Promise<Float32Array> {
  return Float32Array.from(await session.output(program, "logits", extents));
}
