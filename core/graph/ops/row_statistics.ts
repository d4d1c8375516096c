/**
 * Statistics of rows of logits, and their gradient, over chunks of the rows (`head_chunks.ts`): logits exist for
 * one chunk at a time, and the gradient computes them again. The kernel of a chunk is
 *
 * ```text
 * forward    x (chunk, V)  ->  statistic_k of f(x)                      (chunk)
 * gradient   x (chunk, V)  ->  sum_k u_k d statistic_k / d x            (in place)
 * ```
 *
 * u_k is what the loss has as its derivative by statistic k of a row; f is the model's function of a logit.
 * @module
 */
import { product } from "../dims.ts";
import type { Expr } from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import {
  readsFirstRow,
  readsSecondRow,
  type RowStatistic,
  statisticGradientStages,
  type StatisticProgram,
  statisticStages,
} from "../loss/row_statistic.ts";
import { expectDim, matrix } from "./_check.ts";
import {
  CHUNK_ELEMENTS,
  type ProjectionGradients,
  type ProjectionInputs,
  repeatChunks,
  sharedPlaces,
} from "./head_chunks.ts";

/** A projection of hidden states: f(h W^T + b). */
export interface Projection {
  /** Rows (R, C). */
  readonly hidden: Tensor;
  /** W (V, C). */
  readonly weight: Tensor;
  /** b (V), or null. */
  readonly bias: Tensor | null;
}

/** What statistics are taken of. */
export interface StatisticOperands extends Projection {
  /** f, or null: the projection is the logit. */
  readonly logits: ((x: Expr) => Expr) | null;
  /** Column of each row's target: i32 (R). */
  readonly targets: Tensor;
  /** What `LogitRow.second` reads; null: no statistic may. */
  readonly second?: Projection | null;
  /** By name, in the order of the results. */
  readonly statistics: Readonly<Record<string, RowStatistic>>;
}

/** Where the gradient of the head is added to; null: it is not trained. */
export interface HeadSlots {
  /** Of the weight (V, C). */
  readonly weight: Tensor | null;
  /** Of the bias (V). */
  readonly bias: Tensor | null;
}

interface StatisticAttributes {
  readonly program: StatisticProgram;
  readonly bias: boolean;
  readonly secondBias: boolean;
  readonly second: boolean;
  readonly chunkElements: number;
  /** Of the gradient only. */
  readonly wants?: {
    readonly hidden: boolean;
    readonly weight: boolean;
    readonly bias: boolean;
  };
}

/** Where each input and output is. Inputs: hidden, weight, targets, bias?, second's three, upstream..., slots. */
function placesOf(
  { bias, second, secondBias, program, wants }: StatisticAttributes,
) {
  let [input, output] = [3, 0];
  const take = (count: number) => (input += count) - count;
  const projections: [ProjectionInputs, ...ProjectionInputs[]] = [
    { hidden: 0, weight: 1, bias: bias ? take(1) : null },
  ];
  if (second) {
    const hidden = take(2);
    projections.push({
      hidden,
      weight: hidden + 1,
      bias: secondBias ? take(1) : null,
    });
  }
  const statistics = Object.keys(program.statistics).length;
  const upstream = take(wants === undefined ? 0 : statistics);
  const gradients: ProjectionGradients = {
    hidden: wants?.hidden ? output++ : null,
    weight: wants?.weight ? { slot: take(1), output: output++ } : null,
    bias: wants?.bias ? { slot: take(1), output: output++ } : null,
  };
  return { projections, upstream, gradients, statistics };
}

const statisticsOp: Op<StatisticAttributes> = {
  name: "row_statistics",
  infer(inputs, own) {
    const [rows, columns] = matrix(inputs[0], "hidden");
    expectDim(matrix(inputs[1], "weight")[1], columns, "columns of the weight");
    expectDim(product(inputs[2].shape), rows, "targets");
    return Object.keys(own.program.statistics).map(() => ({
      shape: [rows],
      dtype: "f32" as const,
    }));
  },
  lower(context) {
    const { node: { attributes: own }, input, output, emit } = context;
    const { projections, statistics } = placesOf(own);
    const numbers = Array.from({ length: statistics }, (_, k) => k);
    repeatChunks(context, {
      projections,
      gradients: null,
      chunkElements: own.chunkElements,
    }, ({ logits: [logits, ...second], cut, R, V }) =>
      emit({
        kernel: "rows",
        attributes: {
          rows: R,
          columns: V,
          program: {
            inputs: [
              "matrix",
              "column",
              ...second.map(() => "matrix" as const),
            ],
            stages: statisticStages(own.program),
            outputs: numbers.map(() => "column"),
          },
        },
        inputs: [logits, cut(input(2)), ...second],
        outputs: numbers.map((k) => cut(output(k))),
      }));
  },
  factors: factorsOfRows,
};

const gradientOp: Op<StatisticAttributes> = {
  name: "row_statistics_gradient",
  infer(inputs, { wants }) {
    const types = [
      ...(wants?.hidden ? [inputs[0].shape] : []),
      ...(wants?.weight ? [inputs[1].shape] : []),
      ...(wants?.bias ? [inputs[1].shape.slice(0, 1)] : []),
    ];
    return types.map((shape) => ({ shape, dtype: "f32" }));
  },
  lower(context) {
    const { node: { attributes: own }, input, emit } = context;
    const { projections, gradients, upstream, statistics } = placesOf(own);
    const numbers = Array.from({ length: statistics }, (_, k) => k);
    repeatChunks(context, {
      projections,
      gradients,
      chunkElements: own.chunkElements,
    }, ({ logits: [logits, ...second], cut, R, V }) =>
      emit({
        kernel: "rows",
        attributes: {
          rows: R,
          columns: V,
          program: {
            inputs: [
              "matrix",
              "column",
              ...second.map(() => "matrix" as const),
              ...numbers.map(() => "column" as const),
            ],
            stages: statisticGradientStages(own.program, 2 + second.length),
            outputs: ["matrix"],
          },
        },
        inputs: [
          logits,
          cut(input(2)),
          ...second,
          ...numbers.map((k) => cut(input(upstream + k))),
        ],
        outputs: [logits],
      }));
  },
  factors: factorsOfRows,
  inPlace: (node) => sharedPlaces(placesOf(node.attributes).gradients),
};

/** Hidden states and head of each projection. */
function factorsOfRows(
  { attributes }: { readonly attributes: StatisticAttributes },
): number[] {
  return placesOf(attributes).projections
    .flatMap(({ hidden, weight }) => [hidden, weight]);
}

/** Statistics of rows of logits, and the way back from their gradients. */
export interface RowStatistics {
  /** Each statistic (R), by name. */
  readonly values: Readonly<Record<string, Tensor>>;
  /** Whether a statistic depends on the logits that are trained: not where it reads the second row alone. */
  isTrained(name: string): boolean;
  /** Adds the gradient pass: `upstream` are the gradients of the statistics (R), absent ones are 0. */
  gradient(
    upstream: Readonly<Record<string, Tensor>>,
    train: { dHidden: boolean; slots: HeadSlots },
  ): {
    readonly dHidden: Tensor | null;
    readonly dWeight: Tensor | null;
    readonly dBias: Tensor | null;
  };
}

/** Statistics of f(hidden W^T + b), row by row. `chunkElements` bounds the logits that exist at a time. */
export function rowStatistics(
  graph: Graph,
  operands: StatisticOperands,
  { chunkElements = CHUNK_ELEMENTS }: { chunkElements?: number } = {},
): RowStatistics {
  const { hidden, weight, bias, targets, logits, statistics } = operands;
  const V = matrix(weight, "weight")[0];
  if (typeof V !== "number") {
    throw new RangeError("A head has a fixed number of columns");
  }
  const attributesFor = (chosen: typeof statistics) => {
    const program: StatisticProgram = {
      statistics: chosen,
      columns: V,
      logits,
    };
    const reads = readsSecondRow(program);
    const second = reads ? operands.second ?? null : null;
    if (reads && second === null) {
      throw new RangeError(
        "A statistic reads a second row of logits, and there is none",
      );
    }
    return {
      own: {
        program,
        bias: bias !== null,
        second: second !== null,
        secondBias: second !== null && second.bias !== null,
        chunkElements,
      },
      inputs: [
        hidden,
        weight,
        targets,
        ...(bias === null ? [] : [bias]),
        ...(second === null ? [] : [second.hidden, second.weight]),
        ...(second === null || second.bias === null ? [] : [second.bias]),
      ],
    };
  };
  const forward = attributesFor(statistics);
  const outputs = graph.apply(statisticsOp, forward.inputs, { ...forward.own });
  const values = Object.fromEntries(
    Object.keys(statistics).map((name, k) => [name, outputs[k]]),
  );
  return {
    values,
    isTrained: (name) =>
      readsFirstRow({
        statistics: { [name]: statistics[name] },
        columns: V,
        logits,
      }),
    gradient(upstream, { dHidden, slots }) {
      const read = Object.fromEntries(
        Object.entries(statistics).filter(([name]) => name in upstream),
      );
      const backward = attributesFor(read);
      const wants = {
        hidden: dHidden,
        weight: slots.weight !== null,
        bias: slots.bias !== null,
      };
      const made = graph.apply(gradientOp, [
        ...backward.inputs,
        ...Object.keys(read).map((name) => upstream[name]),
        ...(slots.weight === null ? [] : [slots.weight]),
        ...(slots.bias === null ? [] : [slots.bias]),
      ], { ...backward.own, wants });
      const { gradients: at } = placesOf({ ...backward.own, wants });
      return {
        dHidden: at.hidden === null ? null : made[at.hidden],
        dWeight: at.weight === null ? null : made[at.weight.output],
        dBias: at.bias === null ? null : made[at.bias.output],
      };
    },
  };
}
