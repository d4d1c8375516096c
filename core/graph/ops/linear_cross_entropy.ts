/**
 * Vocabulary projection and cross-entropy in one, over chunks of the supervised rows (`head_chunks.ts`): logits
 * exist for one chunk at a time, and the gradients are made in the same pass. The kernel of a chunk is
 *
 * ```text
 * x (chunk, V)  ->  loss and correct of softmax(f(x)), x := d loss / d x    (in place)
 * ```
 *
 * f is the model's function of a logit (a scale, a soft cap), if it has one.
 * @module
 */
import { product } from "../dims.ts";
import { differentiate } from "../differentiate.ts";
import {
  column,
  constant,
  define,
  Expr,
  type Expression,
  input,
  reduce,
  type Stage,
  value,
  write,
} from "../expression.ts";
import type { Graph, Op, Tensor } from "../graph.ts";
import { expectDim, expectShape, matrix } from "./_check.ts";
import type { Head } from "./head.ts";
import {
  CHUNK_ELEMENTS,
  type ProjectionGradients,
  repeatChunks,
  sharedPlaces,
} from "./head_chunks.ts";

interface LossAttributes {
  readonly dHidden: boolean;
  readonly dWeight: boolean;
  readonly bias: boolean;
  readonly dBias: boolean;
  /** The logit, as an expression of input 0: the projection. Absent: the projection itself. */
  readonly logits?: Expression;
  readonly chunkElements: number;
}

/** Where the op's optional inputs and outputs are. */
function placesOf({ dHidden, dWeight, bias, dBias }: LossAttributes) {
  let [input, output] = [5, 2];
  const biasIn = bias ? input++ : null;
  const gradients: ProjectionGradients = {
    hidden: dHidden ? output++ : null,
    weight: dWeight ? { slot: input++, output: output++ } : null,
    bias: dBias ? { slot: input++, output: output++ } : null,
  };
  return { bias: biasIn, gradients, train: dHidden || dWeight || dBias };
}

/**
 * Inputs: hidden (R, C), weight (V, C), targets i32 (R), weights (R), scale (1), bias (V)?, addend of dWeight?,
 * addend of dBias?.
 */
const lossOp: Op<LossAttributes> = {
  name: "linear_cross_entropy",
  infer(inputs, { dHidden, dWeight, bias, dBias }) {
    const [rows, columns] = matrix(inputs[0], "hidden");
    expectDim(matrix(inputs[1], "weight")[1], columns, "columns of the weight");
    if (bias) {
      expectDim(product(inputs[5].shape), inputs[1].shape[0], "bias");
    }
    expectDim(product(inputs[2].shape), rows, "targets");
    expectDim(product(inputs[3].shape), rows, "weights");
    expectShape(inputs[4].shape, [1], "scale");
    return [
      { shape: [rows], dtype: "f32" },
      { shape: [rows], dtype: "f32" },
      ...(dHidden ? [{ shape: inputs[0].shape, dtype: "f32" as const }] : []),
      ...(dWeight ? [{ shape: inputs[1].shape, dtype: "f32" as const }] : []),
      ...(dBias ? [{ shape: inputs[5].shape, dtype: "f32" as const }] : []),
    ];
  },
  lower(context) {
    const { node, input: view, output, emit } = context;
    const { bias, gradients, train } = placesOf(node.attributes);
    repeatChunks(context, {
      projections: [{ hidden: 0, weight: 1, bias }],
      gradients,
      chunkElements: node.attributes.chunkElements,
    }, ({ logits: [logits], R, V, cut }) =>
      emit({
        kernel: "rows",
        attributes: {
          rows: R,
          columns: V,
          program: {
            inputs: ["matrix", "column", "column", "scalars"],
            stages: crossEntropyStages(train, node.attributes.logits),
            outputs: train
              ? ["column", "column", "matrix"]
              : ["column", "column"],
          },
        },
        inputs: [logits, cut(view(2)), cut(view(3)), view(4)],
        outputs: [cut(output(0)), cut(output(1)), ...(train ? [logits] : [])],
      }));
  },
  factors: () => [0, 1],
  inPlace: (node) => sharedPlaces(placesOf(node.attributes).gradients),
};

/**
 * Inputs: 0 projections, 1 targets, 2 weights, 3 scale. Outputs: weighted loss, weight if right, d projections.
 * `f` makes a logit of a projection; it is computed anew in each pass over the row, so nothing is stored.
 */
function crossEntropyStages(train: boolean, f?: Expression): Stage[] {
  const isTarget = column().eq(input(1));
  const logit = f === undefined ? input(0) : new Expr(f);
  const probability = logit.sub(value("max")).exp().mul(value("inverse"));
  const dLogit = probability.sub(isTarget).mul(value("factor"));
  return [
    reduce("max", "max", logit),
    reduce("sum", "denominator", logit.sub(value("max")).exp()),
    reduce("sum", "target", isTarget.select(logit, constant(0))),
    // relative to the largest logit, since both numbers are near it: a log-sum-exp of its own would be rounded
    // at the size of the logits
    write(
      0,
      value("denominator").log().add(value("max").sub(value("target")))
        .mul(input(2)),
    ),
    write(1, value("max").le(value("target")).mul(input(2))),
    ...(train
      ? [
        define("inverse", value("denominator").reciprocal()),
        define("factor", input(2).mul(input(3, 0))),
        write(
          2,
          f === undefined ? dLogit : dLogit.mul(differentiate(logit, 0)),
        ),
      ]
      : []),
  ];
}

/** What the loss gives. */
export interface Loss {
  /** Weighted loss of each supervised row, natural logarithm (R). */
  readonly losses: Tensor;
  /** The row's weight where the largest logit is the target's, else 0 (R). */
  readonly correct: Tensor;
  /** Gradient seeds for `gradients`: present where asked for. */
  readonly seeds: readonly {
    readonly tensor: Tensor;
    readonly gradient: Tensor;
  }[];
}

/**
 * Cross-entropy of softmax(f(hidden weight^T + bias)) against targets, times weights. With `train`, also the
 * gradients of (scale * sum of losses): `dWeightSlot` and `dBiasSlot` receive the head's (they are added to).
 * `chunkElements` bounds the logits that exist at a time.
 */
export function linearCrossEntropy(
  graph: Graph,
  operands: {
    hidden: Tensor;
    weight: Tensor;
    targets: Tensor;
    weights: Tensor;
    scale: Tensor;
    /** (V) */
    bias?: Tensor | null;
    /** The function f of a logit. */
    logits?: Head["logits"];
  },
  train: {
    dHidden: boolean;
    dWeightSlot: Tensor | null;
    dBiasSlot?: Tensor | null;
  } | null,
  { chunkElements = CHUNK_ELEMENTS }: { chunkElements?: number } = {},
): Loss & { dWeight: Tensor | null; dBias: Tensor | null } {
  const { hidden, weight, targets, weights, scale } = operands;
  const bias = operands.bias ?? null;
  const weightSlot = train?.dWeightSlot ?? null;
  const biasSlot = train?.dBiasSlot ?? null;
  const optional = [bias, weightSlot, biasSlot].filter((t) => t !== null);
  const attributes: LossAttributes = {
    dHidden: train?.dHidden ?? false,
    dWeight: weightSlot !== null,
    bias: bias !== null,
    dBias: biasSlot !== null,
    chunkElements,
    ...(operands.logits == null
      ? {}
      : { logits: operands.logits(input(0)).node }),
  };
  const outputs = graph.apply(
    lossOp,
    [hidden, weight, targets, weights, scale, ...optional],
    attributes,
  );
  const { gradients: at } = placesOf(attributes);
  return {
    losses: outputs[0],
    correct: outputs[1],
    seeds: at.hidden === null
      ? []
      : [{ tensor: hidden, gradient: outputs[at.hidden] }],
    dWeight: at.weight === null ? null : outputs[at.weight.output],
    dBias: at.bias === null ? null : outputs[at.bias.output],
  };
}
