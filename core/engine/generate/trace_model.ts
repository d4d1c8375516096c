/**
 * The program that answers, as an exporter gets it: new tokens of some rows behind what layers keep of earlier ones,
 * to logits of every new token and what layers keep then.
 *
 * ```text
 * tokens, positions (B, T) ─┐                     ┌─► logits (B*T, V)
 * state.0.k, state.0.v, ... ┴─► calls of kernels ─┴─► state.0.k, state.0.v, ... with the new tokens
 * ```
 *
 * A model whose tokens see later ones keeps nothing: it has `segments` (B, T) in place of states.
 * @module
 */
import type { AttachedAdapter } from "../../contracts/adapter.ts";
import type {
  LayerState,
  ModelSpec,
  WeightSpec,
} from "../../contracts/model.ts";
import type { KernelCall, View } from "../../graph/plan.ts";
import { projectLogits } from "../../graph/ops/head.ts";
import { traceGraph, type TraceTarget } from "../../graph/trace.ts";
import {
  buildModel,
  type ConstantSpec,
  inventoryOf,
} from "../model/build_model.ts";

/** A tensor that a traced model reads. */
export interface TracedLeaf<S> {
  /** What it is. */
  readonly spec: S;
  /** Where calls read it. */
  readonly view: View;
}

/** What a layer keeps, before and after the new tokens. */
export interface TracedState {
  /** What it is. */
  readonly spec: LayerState;
  /** The variable as it is read. */
  readonly before: View;
  /** The variable with the new tokens. */
  readonly after: View;
}

/** A model as kernel calls, each of which writes buffers that no other call writes. */
export interface TracedModel {
  /** In the order in which they run. */
  readonly calls: readonly KernelCall[];
  /** What the host writes, by the names of the engine's inputs: `tokens`, `positions`, `lengths`, ... */
  readonly inputs: ReadonlyMap<string, View>;
  /** Weights of the base that something reads. */
  readonly weights: readonly TracedLeaf<WeightSpec>[];
  /** Parameters and constants of the adapter that something reads. */
  readonly parameters: readonly TracedLeaf<WeightSpec>[];
  /** Tables that the host computes. */
  readonly constants: readonly TracedLeaf<ConstantSpec>[];
  /**
   * A table as a run of up to so many positions has it: of some settings (LongRoPE), its numbers follow from the
   * longest row of the run.
   */
  tableFor(name: string, positions: number): Float32Array;
  /** What layers keep. */
  readonly states: readonly TracedState[];
  /** (B*T, V) */
  readonly logits: View;
}

/**
 * Traces a model with an adapter, or without one. `maxPositions` sizes tables made from positions. Throws
 * `RangeError` that names an op which cannot be traced.
 */
export function traceModel(
  spec: ModelSpec,
  { adapter, maxPositions, target }: {
    readonly adapter: AttachedAdapter | null;
    readonly maxPositions: number;
    /** Kernels that the calls may be of. */
    readonly target: TraceTarget;
  },
): TracedModel {
  const inventory = inventoryOf(spec, maxPositions);
  const keeps = spec.attention !== "bidirectional";
  const { graph, hidden, head } = buildModel(spec, {
    adapter,
    training: false,
    causal: keeps,
    maxPositions,
    trains: () => false,
    dtypeOf: () => "f32",
    checkpoint: false,
    cache: keeps ? { capacity: maxPositions, slots: 1 } : null,
  });
  graph.output(
    "logits",
    graph.scope("head", () => projectLogits(graph, hidden, head)),
  );
  const { calls, inputs, variables, assignments, outputs } = traceGraph(
    graph,
    target,
  );
  const read = <S extends { readonly name: string }>(specs: readonly S[]) =>
    specs.flatMap((spec) => {
      const view = variables.get(spec.name);
      return view === undefined ? [] : [{ spec, view }];
    });
  return {
    calls,
    inputs,
    weights: read(inventory.weights),
    parameters: read([
      ...adapter?.parameters ?? [],
      ...adapter?.constants ?? [],
    ]),
    constants: read(inventory.constants),
    tableFor: (name, positions) =>
      inventoryOf(spec, positions).constants
        .find((table) => table.name === name)?.make() ?? new Float32Array(),
    states: read(inventory.states).flatMap(({ spec, view }) => {
      const after = assignments.get(spec.name);
      return after === undefined ? [] : [{ spec, before: view, after }];
    }),
    logits: outputs.get("logits") ?? calls[calls.length - 1].outputs[0],
  };
}
