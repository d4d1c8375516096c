/**
 * Vocabulary projection and cross-entropy in one, over chunks of the supervised rows: logits exist for
 * one chunk at a time, and the gradients are made in the same pass.
 *
 * ```text
 * for each chunk of rows:   logits = h W^T        (chunk, V)   NT
 *                           loss, correct, logits := d loss / d logits    (in place)
 *                           dH = logits W         (chunk, C)   NN
 *                           dW += logits^T h      (V, C)       TN
 * ```
 * @module
 */
import { dim, product } from "../dims.ts";
import {
  column,
  constant,
  define,
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

/** Logits memory of one chunk, in elements: 64 MB. */
const CHUNK_ELEMENTS = 16 * 1024 * 1024;

interface LossAttributes {
  readonly dHidden: boolean;
  readonly dWeight: boolean;
  readonly chunkElements: number;
}

/** Inputs: hidden (R, C), weight (V, C), targets i32 (R), weights (R), scale (1), addend of dWeight?. */
const lossOp: Op = {
  name: "linear_cross_entropy",
  infer(inputs, attributes) {
    const { dHidden, dWeight } = attributes as unknown as LossAttributes;
    const [rows, columns] = matrix(inputs[0], "hidden");
    expectDim(matrix(inputs[1], "weight")[1], columns, "columns of the weight");
    expectDim(product(inputs[2].shape), rows, "targets");
    expectDim(product(inputs[3].shape), rows, "weights");
    expectShape(inputs[4].shape, [1], "scale");
    return [
      { shape: [rows], dtype: "f32" },
      { shape: [rows], dtype: "f32" },
      ...(dHidden ? [{ shape: inputs[0].shape, dtype: "f32" as const }] : []),
      ...(dWeight ? [{ shape: inputs[1].shape, dtype: "f32" as const }] : []),
    ];
  },
  lower: lowerLoss,
  inPlace(node) {
    const { dHidden, dWeight } = node.attributes as unknown as LossAttributes;
    return dWeight ? [[dHidden ? 3 : 2, 5]] : [];
  },
};

function lowerLoss(
  { node, input, output, scratch, emit, repeat, capacity }: LowerContext,
): void {
  const { dHidden, dWeight, chunkElements } = node
    .attributes as unknown as LossAttributes;
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
  const cut = (view: View) => advancing(view, chunk, R);
  const train = dHidden || dWeight;
  const dW = dWeight ? output(dHidden ? 3 : 2) : null;
  // the first chunk adds to what is in the slot: make them the same place before the loop
  if (
    dW !== null &&
    (input(5).buffer !== dW.buffer || input(5).offset !== dW.offset)
  ) {
    emit({
      kernel: "copy",
      attributes: { elements: product(dW.shape) },
      inputs: [input(5)],
      outputs: [dW],
    });
  }
  const matmul = { batch: 1, alpha: 1, bias: false } as const;
  repeat({ total: rows, chunk, as }, () => {
    emit({
      kernel: "matmul",
      attributes: {
        ...matmul,
        layout: "NT",
        m: R,
        n: V,
        k: columns,
        addend: false,
      },
      inputs: [cut(input(0)), input(1)],
      outputs: [logits],
    });
    emit({
      kernel: "rows",
      attributes: {
        rows: R,
        columns: V,
        program: {
          inputs: ["matrix", "column", "column", "scalars"],
          stages: crossEntropyStages(train),
          outputs: train
            ? ["column", "column", "matrix"]
            : ["column", "column"],
        },
      },
      inputs: [logits, cut(input(2)), cut(input(3)), input(4)],
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
        inputs: [logits, input(1)],
        outputs: [cut(output(2))],
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
        inputs: [logits, cut(input(0)), dW],
        outputs: [dW],
      });
    }
  });
}

/** Inputs: 0 logits, 1 targets, 2 weights, 3 scale. Outputs: weighted loss, weight if right, d logits. */
function crossEntropyStages(train: boolean): Stage[] {
  const isTarget = column().eq(input(1));
  return [
    reduce("max", "max", input(0)),
    reduce("sum", "denominator", input(0).sub(value("max")).exp()),
    reduce("sum", "target", isTarget.select(input(0), constant(0))),
    // from the largest logit, which is where both numbers lie: a log-sum-exp of its own would be rounded
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
          input(0).sub(value("max")).exp().mul(value("inverse")).sub(isTarget)
            .mul(value("factor")),
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
 * Cross-entropy of softmax(hidden weight^T) against targets, times weights. With `train`, also the
 * gradients of (scale * sum of losses): `dWeightSlot` receives the weight's (it is added to).
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
  },
  train: { dHidden: boolean; dWeightSlot: Tensor | null } | null,
  { chunkElements = CHUNK_ELEMENTS }: { chunkElements?: number } = {},
): Loss & { dWeight: Tensor | null } {
  const { hidden, weight, targets, weights, scale } = operands;
  const dHidden = train?.dHidden ?? false;
  const slot = train?.dWeightSlot ?? null;
  const outputs = graph.apply(
    lossOp,
    [hidden, weight, targets, weights, scale, ...(slot === null ? [] : [slot])],
    { dHidden, dWeight: slot !== null, chunkElements },
  );
  return {
    losses: outputs[0],
    correct: outputs[1],
    seeds: dHidden ? [{ tensor: hidden, gradient: outputs[2] }] : [],
    dWeight: slot === null ? null : outputs[dHidden ? 3 : 2],
  };
}
