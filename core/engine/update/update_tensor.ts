/**
 * The update of one tensor by a graph of its optimizer: states are widened where they are stored in 16 or 8 bits, and
 * a step whose gradient is not finite leaves everything as it was.
 * @module
 */
import type {
  Optimizer,
  StateSpec,
  TensorUpdate,
} from "../../contracts/optimizer.ts";
import { type Expr, input, write } from "../../graph/expression.ts";
import type { Graph, Tensor } from "../../graph/graph.ts";
import { cast } from "../../graph/ops/cast.ts";
import { zerosOp } from "../../graph/ops/embedding.ts";
import { rows, spaceOf } from "../../graph/ops/rows.ts";
import { count } from "../../graph/memory.ts";
import {
  BLOCK,
  fromBlocks,
  isBlockStorage,
  toBlocks,
} from "../../graph/quantize/blocks.ts";
import { absmaxName, gradientName, slotName } from "../trainables.ts";

/** Where the numbers of a step are. */
export interface StepScalars {
  /** Numbers of all groups, then the optimizer's own. */
  readonly scalars: Tensor;
  /** Factor of the gradients: what clipping leaves of them; 0 where they are not finite. */
  readonly factor: Tensor;
  /** 1 where the norm of all gradients is finite, else 0. */
  readonly finite: Tensor;
  /** Place of the group's learning rate among the scalars; its decay is behind it. */
  readonly learningRate: number;
  /** Place of the optimizer's first own number. */
  readonly ownScalars: number;
}

/** Adds the update of a tensor, and zeroes its gradient. Throws `RangeError` for a graph that forgets a state. */
export function updateTensor(
  graph: Graph,
  { tensor: { name, shape }, update, optimizer, at }: {
    readonly tensor: {
      readonly name: string;
      readonly shape: readonly number[];
    };
    readonly update: TensorUpdate;
    readonly optimizer: Optimizer;
    readonly at: StepScalars;
  },
): void {
  graph.scope(`update.${name}`, () => {
    const parameter = graph.variable(name, shape);
    const gradient = graph.variable(gradientName(name), shape);
    const states = Object.entries(update.states).map(([state, spec]) => ({
      state,
      ...stateOf(graph, { state, tensor: name, spec }),
    }));
    const map = mapWith(graph, optimizer, at);
    const next = update.update({
      graph,
      parameter,
      gradient: withNumber(graph, gradient, at.factor, (g, f) => g.mul(f)),
      states: Object.fromEntries(states.map((s) => [s.state, s.before])),
      map,
    });
    const ifFinite = (after: Tensor, before: Tensor): Tensor =>
      rows(graph, [after, before, at.finite], spaceOf(before), {
        inputs: ["matrix", "matrix", "scalars"],
        stages: [write(0, input(2, 0).select(input(0), input(1)))],
        outputs: ["matrix"],
      })[0];
    graph.assign(parameter, ifFinite(next.parameter, parameter));
    for (const { state, store } of states) {
      const after = next.states[state];
      if (after === undefined) {
        throw new RangeError(
          `the optimizer's graph for ${name} gives no new ${state}`,
        );
      }
      store(after, { ifFinite, finite: at.finite });
    }
    graph.assign(gradient, graph.apply1(zerosOp, [], { shape }));
  });
}

interface StoredState {
  /** Before the update, in f32. */
  readonly before: Tensor;
  /** Stores what it is after the update, where the step is finite. */
  store(
    after: Tensor,
    step: {
      ifFinite(after: Tensor, before: Tensor): Tensor;
      readonly finite: Tensor;
    },
  ): void;
}

function stateOf(
  graph: Graph,
  { state, tensor, spec: { shape, dtype } }: {
    readonly state: string;
    readonly tensor: string;
    readonly spec: StateSpec;
  },
): StoredState {
  const name = slotName(state, tensor);
  if (!isBlockStorage(dtype)) {
    const variable = graph.variable(name, shape, dtype);
    const before = cast(graph, variable, "f32");
    return {
      before,
      store: (after, { ifFinite }) =>
        graph.assign(variable, cast(graph, ifFinite(after, before), dtype)),
    };
  }
  const codes = graph.variable(name, shape, "i8");
  const absmax = graph.variable(absmaxName(state, tensor), [
    count(shape) / BLOCK,
  ]);
  return {
    before: fromBlocks(graph, { codes, absmax }, dtype),
    store(after, { finite }) {
      const next = toBlocks(graph, after, {
        before: { codes, absmax },
        keep: finite,
        storage: dtype,
      });
      graph.assign(codes, next.codes);
      graph.assign(absmax, next.absmax);
    },
  };
}

/** `map` of the contract: a row program over the shape of the first tensor. */
function mapWith(
  graph: Graph,
  optimizer: Optimizer,
  at: StepScalars,
): Parameters<TensorUpdate["update"]>[0]["map"] {
  return (tensors, f) => {
    const n = tensors.length;
    const isOne = (t: Tensor): boolean => t.shape.every((d) => d === 1);
    const single = isOne(tensors[0]);
    const accesses = tensors.map((t) =>
      !single && isOne(t) ? "scalars" as const : "matrix" as const
    );
    const value = f(
      accesses.map((a, i) => a === "scalars" ? input(i, 0) : input(i)),
      {
        learningRate: input(n, at.learningRate),
        weightDecay: input(n, at.learningRate + 1),
        scalars: Object.fromEntries(
          optimizer.scalarNames.map((
            name,
            i,
          ) => [name, input(n, at.ownScalars + i)]),
        ),
      },
    );
    return rows(graph, [...tensors, at.scalars], spaceOf(tensors[0]), {
      inputs: [...accesses, "scalars"],
      stages: [write(0, value)],
      outputs: ["matrix"],
    })[0];
  };
}

function withNumber(
  graph: Graph,
  tensor: Tensor,
  number: Tensor,
  f: (element: Expr, number: Expr) => Expr,
): Tensor {
  return rows(graph, [tensor, number], spaceOf(tensor), {
    inputs: ["matrix", "scalars"],
    stages: [write(0, f(input(0), input(1, 0)))],
    outputs: ["matrix"],
  })[0];
}
