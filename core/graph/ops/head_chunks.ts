/**
 * The loop of ops over logits: rows go through the head in chunks, so that logits exist for one chunk at a time.
 *
 * ```text
 * for each chunk of rows:   x = h W^T + b           (chunk, V)   NT
 *                           the op's own kernels: x := d loss / d x, in place
 *                           x in bf16, where h and W are
 *                           dH = x W                (chunk, C)   NN
 *                           dW += x^T h             (V, C)       TN
 *                           db += sum of rows of x  (V)
 * ```
 * @module
 */
import { dim, type NamedDim, product } from "../dims.ts";
import { input as leaf } from "../expression.ts";
import { advancing, type Attributes, type LowerContext } from "../graph.ts";
import type { View } from "../plan.ts";
import { matrix } from "./_check.ts";
import { factorsOf, secondFactor } from "./matmul.ts";

/** Logits memory of one chunk, in elements: 64 MB. */
export const CHUNK_ELEMENTS = 16 * 1024 * 1024;

/** Numbers of the inputs of a projection h W^T + b. */
export interface ProjectionInputs {
  /** h (rows, C). */
  readonly hidden: number;
  /** W (V, C). */
  readonly weight: number;
  /** b (V); null: there is none. */
  readonly bias: number | null;
}

/** Where the gradients of the first projection go; null: it is not wanted. */
export interface ProjectionGradients {
  /** Output (rows, C). */
  readonly hidden: number | null;
  /** Of the weight (V, C). */
  readonly weight: SumPlace | null;
  /** Of the bias (V). */
  readonly bias: SumPlace | null;
}

/** A sum over chunks: the output, and the input that it is added to. */
interface SumPlace {
  readonly slot: number;
  readonly output: number;
}

/** The pairs [output, input] of the sums, which may share a buffer. */
export function sharedPlaces(
  { weight, bias }: ProjectionGradients,
): (readonly [number, number])[] {
  return [weight, bias].flatMap((sum) =>
    sum === null ? [] : [[sum.output, sum.slot] as const]
  );
}

/** A chunk of rows whose logits have been computed. */
export interface HeadChunk {
  /** Logits of each projection (R, V). The first is read as the gradient when the op's kernels are done. */
  readonly logits: readonly View[];
  /** Rows of the chunk. */
  readonly R: NamedDim;
  /** Columns of the head. */
  readonly V: number;
  /** The chunk's part of a view whose first dimension is all rows. */
  cut(view: View): View;
}

const PRODUCT = { batch: 1, alpha: 1 } as const;

/** Emits the loop, with what `body` emits between the logits and their gradients. Throws `RangeError` for a dynamic V. */
export function repeatChunks<A extends Attributes>(
  context: LowerContext<A>,
  { projections, gradients, chunkElements }: {
    /** All of the same number of rows and columns. */
    readonly projections: readonly [ProjectionInputs, ...ProjectionInputs[]];
    /** Null: there is no backward pass here. */
    readonly gradients: ProjectionGradients | null;
    readonly chunkElements: number;
  },
  body: (chunk: HeadChunk) => void,
): void {
  const { node, input, output, scratch, emit, repeat, capacity } = context;
  const [head] = projections;
  const [rows, columns] = matrix(node.inputs[head.hidden], "hidden");
  const [V] = node.inputs[head.weight].shape;
  if (typeof V !== "number") {
    throw new RangeError("A head has a fixed number of columns");
  }
  const chunk = Math.max(
    1,
    Math.min(capacity(rows), Math.floor(chunkElements / V)),
  );
  const as = `chunk${node.id}`;
  const R = dim(as);
  const cut = (view: View) => advancing(view, chunk, R);
  const sumInto = (place: SumPlace | null | undefined): View | null => {
    if (place == null) return null;
    const [slot, sum] = [input(place.slot), output(place.output)];
    // every chunk adds to the sum, the first one to what is in the slot: they are made the same place before
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
  const dW = sumInto(gradients?.weight);
  const dB = sumInto(gradients?.bias);
  const logits = projections.map((): View => ({
    ...scratch({ shape: [chunk, V], dtype: "f32" }),
    shape: [R, V],
  }));
  const factors = factorsOf(node.inputs[head.hidden], node.inputs[head.weight]);
  const weights = projections.map(({ weight }) =>
    secondFactor(context, weight)
  );
  /** The gradient of a chunk's logits as its products read it. */
  const narrowed = (x: View): View => {
    if (factors.factors === undefined) return x;
    const to: View = {
      ...scratch({ shape: [chunk, V], dtype: factors.factors }),
      shape: [R, V],
    };
    emit({
      kernel: "copy",
      attributes: { elements: product([R, V]) },
      inputs: [x],
      outputs: [to],
    });
    return to;
  };
  repeat({ total: rows, chunk, as }, () => {
    projections.forEach(({ hidden, weight, bias }, i) =>
      emit({
        kernel: "matmul",
        attributes: {
          ...PRODUCT,
          layout: "NT",
          m: R,
          n: V,
          k: matrix(node.inputs[hidden], "hidden")[1],
          ...factorsOf(node.inputs[hidden], node.inputs[weight]),
          ...weights[i].attributes,
          bias: bias !== null,
          addend: false,
        },
        inputs: [
          cut(input(hidden)),
          weights[i].view,
          ...(bias === null ? [] : [input(bias)]),
        ],
        outputs: [logits[i]],
      })
    );
    body({ logits, R, V, cut });
    const [x] = logits;
    const factor = gradients?.hidden != null || dW !== null ? narrowed(x) : x;
    if (gradients !== null && gradients.hidden !== null) {
      emit({
        kernel: "matmul",
        attributes: {
          ...PRODUCT,
          layout: "NN",
          m: R,
          n: columns,
          k: V,
          ...factors,
          ...weights[0].attributes,
          bias: false,
          addend: false,
        },
        inputs: [factor, weights[0].view],
        outputs: [cut(output(gradients.hidden))],
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
          ...factors,
          bias: false,
          addend: true,
        },
        inputs: [factor, cut(input(head.hidden)), dW],
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
        inputs: [x, dB],
        outputs: [dB],
      });
    }
  });
}
