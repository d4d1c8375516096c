/**
 * Statistics of rows of logits, and their gradient, over chunks of the rows: logits exist for one chunk at a
 * time, and the gradient computes them again.
 *
 * ```text
 * forward   for each chunk of rows:  x = h W^T + b             (chunk, V)   NT
 *                                    statistic_k of f(x)       (chunk)
 * gradient  for each chunk of rows:  x = h W^T + b             (chunk, V)   NT
 *                                    x := sum_k u_k d statistic_k / d x     (in place)
 *                                    dH = x W                  (chunk, C)   NN
 *                                    dW += x^T h               (V, C)       TN
 *                                    db += sum of rows of x    (V)
 * ```
 *
 * u_k is what the loss has as its derivative by statistic k of a row; f is the model's function of a logit.
 * @module
 */
import { dim, product } from "../dims.ts";
import { type Expr, input as leaf, type RowProgram } from "../expression.ts";
import {
  advancing,
  type Graph,
  type LowerContext,
  type Op,
  type Tensor,
} from "../graph.ts";
import type { View } from "../plan.ts";
import {
  readsFirstRow,
  readsSecondRow,
  type RowStatistic,
  statisticGradientStages,
  type StatisticProgram,
  statisticStages,
} from "../loss/row_statistic.ts";
import { expectDim, matrix } from "./_check.ts";

/** Logits memory of one chunk, in elements: 64 MB. */
const CHUNK_ELEMENTS = 16 * 1024 * 1024;

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

/** Number of each input and output. Inputs: hidden, weight, targets, bias?, second's three, upstream..., slots. */
function numbersOf(own: StatisticAttributes) {
  const { bias, second, secondBias, program, wants } = own;
  let next = 3;
  const take = (present: boolean, count = 1) => {
    const at = next;
    if (present) next += count;
    return at;
  };
  const statistics = Object.keys(program.statistics).length;
  const inputs = {
    bias: take(bias),
    second: take(second, 2),
    secondBias: take(secondBias),
    upstream: take(wants !== undefined, statistics),
    weightSlot: take(wants?.weight === true),
    biasSlot: take(wants?.bias === true),
  };
  const hidden = wants?.hidden === true ? 1 : 0;
  const outputs = {
    hidden: 0,
    weight: hidden,
    bias: hidden + (wants?.weight === true ? 1 : 0),
  };
  return { inputs, outputs, statistics };
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
    const own = context.node.attributes;
    const { program } = own;
    const count = Object.keys(program.statistics).length;
    chunks(context, ({ logits, second, cut, R, V }) => {
      context.emit({
        kernel: "rows",
        attributes: {
          rows: R,
          columns: V,
          program: {
            inputs: own.second
              ? ["matrix", "column", "matrix"]
              : ["matrix", "column"],
            stages: statisticStages(program),
            outputs: Array.from({ length: count }, () => "column" as const),
          },
        },
        inputs: [
          logits,
          cut(context.input(2)),
          ...(second === null ? [] : [second]),
        ],
        outputs: Array.from(
          { length: count },
          (_, k) => cut(context.output(k)),
        ),
      });
    });
  },
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
  lower: lowerGradient,
  inPlace(node) {
    const own = node.attributes;
    const { inputs, outputs } = numbersOf(own);
    return [
      ...(own.wants?.weight
        ? [[outputs.weight, inputs.weightSlot] as const]
        : []),
      ...(own.wants?.bias ? [[outputs.bias, inputs.biasSlot] as const] : []),
    ];
  },
};

interface Chunk {
  readonly logits: View;
  readonly second: View | null;
  readonly R: ReturnType<typeof dim>;
  readonly V: number;
  cut(view: View): View;
}

const PRODUCT = { batch: 1, alpha: 1 } as const;

/** Repeats over chunks of the rows, in each of which the logits have been made. */
function chunks(
  context: LowerContext<StatisticAttributes>,
  body: (chunk: Chunk) => void,
): void {
  const { node, input, scratch, emit, repeat, capacity } = context;
  const own = node.attributes;
  const { inputs } = numbersOf(own);
  const [rows] = matrix(node.inputs[0], "hidden");
  const [V] = node.inputs[1].shape;
  if (typeof V !== "number") {
    throw new RangeError("A head has a fixed number of columns");
  }
  const chunk = Math.max(
    1,
    Math.min(capacity(rows), Math.floor(own.chunkElements / V)),
  );
  const as = `chunk${node.id}`;
  const R = dim(as);
  const place = (): View => ({
    ...scratch({ shape: [chunk, V], dtype: "f32" }),
    shape: [R, V],
  });
  const logits = place();
  const second = own.second ? place() : null;
  const cut = (view: View) => advancing(view, chunk, R);
  const project = (out: View, at: { hidden: number; bias: number | null }) =>
    emit({
      kernel: "matmul",
      attributes: {
        ...PRODUCT,
        layout: "NT",
        m: R,
        n: V,
        k: matrix(node.inputs[at.hidden], "hidden")[1],
        bias: at.bias !== null,
        addend: false,
      },
      inputs: [
        cut(input(at.hidden)),
        input(at.hidden + 1),
        ...(at.bias === null ? [] : [input(at.bias)]),
      ],
      outputs: [out],
    });
  repeat({ total: rows, chunk, as }, () => {
    project(logits, { hidden: 0, bias: own.bias ? inputs.bias : null });
    if (second !== null) {
      project(second, {
        hidden: inputs.second,
        bias: own.secondBias ? inputs.secondBias : null,
      });
    }
    body({ logits, second, cut, R, V });
  });
}

function lowerGradient(context: LowerContext<StatisticAttributes>): void {
  const { node, input, output, emit } = context;
  const own = node.attributes;
  const { inputs, outputs, statistics } = numbersOf(own);
  const [, columns] = matrix(node.inputs[0], "hidden");
  const slot = (wanted: boolean | undefined, from: number, to: number) => {
    if (wanted !== true) return null;
    const [source, target] = [input(from), output(to)];
    // the first chunk adds to what is in the slot: make them the same place before the loop
    if (source.buffer !== target.buffer || source.offset !== target.offset) {
      emit({
        kernel: "copy",
        attributes: { elements: product(target.shape) },
        inputs: [source],
        outputs: [target],
      });
    }
    return target;
  };
  const dW = slot(own.wants?.weight, inputs.weightSlot, outputs.weight);
  const dB = slot(own.wants?.bias, inputs.biasSlot, outputs.bias);
  const upstream = own.second ? 3 : 2;
  const program: RowProgram = {
    inputs: [
      "matrix",
      "column",
      ...(own.second ? ["matrix" as const] : []),
      ...Array.from({ length: statistics }, () => "column" as const),
    ],
    stages: statisticGradientStages(own.program, upstream),
    outputs: ["matrix"],
  };
  chunks(context, ({ logits, second, cut, R, V }) => {
    emit({
      kernel: "rows",
      attributes: { rows: R, columns: V, program },
      inputs: [
        logits,
        cut(input(2)),
        ...(second === null ? [] : [second]),
        ...Array.from(
          { length: statistics },
          (_, k) => cut(input(inputs.upstream + k)),
        ),
      ],
      outputs: [logits],
    });
    if (own.wants?.hidden === true) {
      emit({
        kernel: "matmul",
        attributes: {
          ...PRODUCT,
          layout: "NN",
          m: R,
          n: columns,
          k: V,
          bias: false,
          addend: false,
        },
        inputs: [logits, input(1)],
        outputs: [cut(output(outputs.hidden))],
      });
    }
    if (dW !== null) {
      emit({
        kernel: "matmul",
        attributes: {
          ...PRODUCT,
          layout: "TN",
          m: V,
          n: columns,
          k: R,
          bias: false,
          addend: true,
        },
        inputs: [logits, cut(input(0)), dW],
        outputs: [dW],
      });
    }
    if (dB !== null) {
      emit({
        kernel: "column_sum",
        attributes: {
          rows: R,
          columns: V,
          inputs: ["matrix"],
          of: leaf(0).node,
          addend: true,
        },
        inputs: [logits, dB],
        outputs: [dB],
      });
    }
  });
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
      const { outputs: at } = numbersOf({ ...backward.own, wants });
      return {
        dHidden: wants.hidden ? made[at.hidden] : null,
        dWeight: wants.weight ? made[at.weight] : null,
        dBias: wants.bias ? made[at.bias] : null,
      };
    },
  };
}
