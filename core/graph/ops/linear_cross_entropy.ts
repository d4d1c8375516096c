/**
 * Vocabulary projection and cross-entropy in one, over chunks of the supervised rows: logits exist for
 * one chunk at a time, and the gradients are made in the same pass.
 *
 * ```text
 * for each chunk of rows:   x = h W^T + b         (chunk, V)   NT
 *                           loss and correct of softmax(f(x)), x := d loss / d x    (in place)
 *                           dH = x W              (chunk, C)   NN
 *                           dW += x^T h           (V, C)       TN
 *                           db += sum of rows of x      (V)
 * ```
 *
 * f is the model's function of a logit (a scale, a soft cap), if it has one.
 * @module
 */
import { dim, product } from "../dims.ts";
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
import {
  advancing,
  type Graph,
  type LowerContext,
  type Op,
  type Tensor,
} from "../graph.ts";
import type { View } from "../plan.ts";
import { expectDim, expectShape, matrix } from "./_check.ts";
import type { Head } from "./head.ts";

/** Logits memory of one chunk, in elements: 64 MB. */
const CHUNK_ELEMENTS = 16 * 1024 * 1024;

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
function numbersOf({ dHidden, dWeight, bias, dBias }: LossAttributes) {
  return {
    biasIn: 5,
    weightSlotIn: bias ? 6 : 5,
    biasSlotIn: (bias ? 6 : 5) + (dWeight ? 1 : 0),
    dHiddenOut: 2,
    dWeightOut: dHidden ? 3 : 2,
    dBiasOut: 2 + (dHidden ? 1 : 0) + (dWeight ? 1 : 0),
    train: dHidden || dWeight || dBias,
  };
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
  lower: lowerLoss,
  inPlace(node) {
    const own = node.attributes;
    const at = numbersOf(own);
    return [
      ...(own.dWeight ? [[at.dWeightOut, at.weightSlotIn] as const] : []),
      ...(own.dBias ? [[at.dBiasOut, at.biasSlotIn] as const] : []),
    ];
  },
};

function lowerLoss(
  { node, input: view, output, scratch, emit, repeat, capacity }: LowerContext<
    LossAttributes
  >,
): void {
  const own = node.attributes;
  const { dHidden, chunkElements, bias, logits: f } = own;
  const at = numbersOf(own);
  const { train } = at;
  const [rows, columns] = matrix(node.inputs[0], "hidden");
  const [V] = node.inputs[1].shape;
  if (typeof V !== "number") {
    throw new RangeError("A vocabulary has a fixed size");
  }
  const chunk = Math.max(
    1,
    Math.min(capacity(rows), Math.floor(chunkElements / V)),
  );
  const as = `chunk${node.id}`;
  const R = dim(as);
  const logits: View = {
    ...scratch({ shape: [chunk, V], dtype: "f32" }),
    shape: [R, V],
  };
  const cut = (whole: View) => advancing(whole, chunk, R);
  /** A sum over chunks: the first adds to what is in the slot, so they are made the same place before. */
  const sumInto = (slot: View, sum: View): View => {
    if (slot.buffer !== sum.buffer || slot.offset !== sum.offset) {
      emit({
        kernel: "copy",
        attributes: { elements: product(sum.shape) },
        inputs: [slot],
        outputs: [sum],
      });
    }
    return sum;
  };
  const dW = own.dWeight
    ? sumInto(view(at.weightSlotIn), output(at.dWeightOut))
    : null;
  const dB = own.dBias
    ? sumInto(view(at.biasSlotIn), output(at.dBiasOut))
    : null;
  const matmul = { batch: 1, alpha: 1, bias: false } as const;
  repeat({ total: rows, chunk, as }, () => {
    emit({
      kernel: "matmul",
      attributes: {
        ...matmul,
        bias,
        layout: "NT",
        m: R,
        n: V,
        k: columns,
        addend: false,
      },
      inputs: [
        cut(view(0)),
        view(1),
        ...(bias ? [view(at.biasIn)] : []),
      ],
      outputs: [logits],
    });
    emit({
      kernel: "rows",
      attributes: {
        rows: R,
        columns: V,
        program: {
          inputs: ["matrix", "column", "column", "scalars"],
          stages: crossEntropyStages(train, f),
          outputs: train
            ? ["column", "column", "matrix"]
            : ["column", "column"],
        },
      },
      inputs: [logits, cut(view(2)), cut(view(3)), view(4)],
      outputs: [cut(output(0)), cut(output(1)), ...(train ? [logits] : [])],
    });
    if (dHidden) {
      emit({
        kernel: "matmul",
        attributes: {
          ...matmul,
          layout: "NN",
          m: R,
          n: columns,
          k: V,
          addend: false,
        },
        inputs: [logits, view(1)],
        outputs: [cut(output(at.dHiddenOut))],
      });
    }
    if (dW !== null) {
      emit({
        kernel: "matmul",
        attributes: {
          ...matmul,
          layout: "TN",
          m: V,
          n: columns,
          k: R,
          addend: true,
        },
        inputs: [logits, cut(view(0)), dW],
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
          of: input(0).node,
          addend: true,
        },
        inputs: [logits, dB],
        outputs: [dB],
      });
    }
  });
}

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
  const at = numbersOf(attributes);
  return {
    losses: outputs[0],
    correct: outputs[1],
    seeds: attributes.dHidden
      ? [{ tensor: hidden, gradient: outputs[at.dHiddenOut] }]
      : [],
    dWeight: attributes.dWeight ? outputs[at.dWeightOut] : null,
    dBias: attributes.dBias ? outputs[at.dBiasOut] : null,
  };
}
