/**
 * DoRA (arXiv:2402.09353): the magnitude of each output is trained apart from its direction. The norm that
 * the magnitude is divided by is recomputed at each step without a dense (out, in) update, from parts that
 * are as small as the rank, and counts as a constant in the gradient (section 4.3 of the paper).
 *
 * ```text
 * |w + s b A|^2 = |w|^2 + b . (2 s A w + s^2 A A^T b)       w a row of W (in), b one of B (r)
 * ```
 * @module
 */
import {
  type AdaptContext,
  addTo,
  columnSum,
  type GradientContext,
  type Graph,
  input,
  matmul,
  rows,
  spaceOf,
  type Tensor,
  write,
} from "@denotune/denotune/core";

/** Parameters and constants of one layer. */
export interface DoraTensors {
  readonly a: Tensor; // (r, in)
  readonly b: Tensor; // (out, r)
  readonly magnitude: Tensor; // (out)
  /** |w|^2 of each output of the base. */
  readonly squares: Tensor; // (out)
  /** The identity: transposes B. */
  readonly identity: Tensor; // (r, r)
}

/** magnitude / |W + s B A| by output: (out). */
export function magnitudeFactor(
  { graph, weight, site }: Pick<AdaptContext, "graph" | "weight" | "site">,
  t: DoraTensors,
  scale: number,
): Tensor {
  const transposed = matmul(graph, t.identity, t.b, { layout: "NT" }); // B^T (r, out)
  const base = matmul(graph, t.a, weight, {
    layout: site.layout,
    alpha: 2 * scale,
  }); // 2 s A W^T (r, out)
  const gram = matmul(graph, t.a, t.a, { layout: "NT" }); // A A^T (r, r)
  const sum = matmul(graph, gram, t.b, {
    layout: "NT",
    alpha: scale * scale,
    addend: base,
  }); // (r, out)
  const squares = columnSum(
    graph,
    [transposed, sum],
    ["matrix", "matrix"],
    input(0).mul(input(1)),
    t.squares,
  );
  const inverse = input(1).rsqrt();
  const space = { rows: 1, columns: site.out };
  return rows(graph, [t.magnitude, squares], space, {
    inputs: ["matrix", "matrix"],
    stages: [write(0, input(0).mul(inverse))],
    outputs: ["matrix"],
  }, ({ dOutputs: [dOut], ...context }) => {
    if (dOut === undefined) return;
    // the norm is a constant here: only the magnitude gets a gradient
    context.add(0, (addend) =>
      rows(
        graph,
        [dOut, squares, ...(addend === undefined ? [] : [addend])],
        space,
        {
          inputs: addend === undefined
            ? ["matrix", "matrix"]
            : ["matrix", "matrix", "matrix"],
          stages: [
            write(
              0,
              addend === undefined
                ? input(0).mul(inverse)
                : input(2).add(input(0).mul(inverse)),
            ),
          ],
          outputs: ["matrix"],
        },
      )[0]);
  })[0];
}

/** factor * x + bias + addend, by column: x (N, out), factor (out). */
export function scaleColumns(
  graph: Graph,
  x: Tensor,
  factor: Tensor,
  more: { bias: Tensor | undefined; addend: Tensor | undefined },
): Tensor {
  const tensors = [x, factor];
  let value = input(0).mul(input(1));
  const accesses: ("matrix" | "row")[] = ["matrix", "row"];
  for (
    const [tensor, access] of [
      [more.bias, "row"],
      [more.addend, "matrix"],
    ] as const
  ) {
    if (tensor === undefined) continue;
    value = value.add(input(tensors.length));
    tensors.push(tensor);
    accesses.push(access);
  }
  return rows(graph, tensors, spaceOf(x), {
    inputs: accesses,
    stages: [write(0, value)],
    outputs: ["matrix"],
  }, (context) => scaleColumnsGradient(context, accesses))[0];
}

function scaleColumnsGradient(
  context: GradientContext,
  accesses: readonly ("matrix" | "row")[],
): void {
  const { graph, node } = context;
  const [dOut] = context.dOutputs;
  if (dOut === undefined) return;
  const [x, factor] = node.inputs;
  if (context.wants(0)) {
    context.add(0, (addend) =>
      rows(
        graph,
        [dOut, factor, ...(addend === undefined ? [] : [addend])],
        spaceOf(x),
        {
          inputs: addend === undefined
            ? ["matrix", "row"]
            : ["matrix", "row", "matrix"],
          stages: [
            write(
              0,
              addend === undefined
                ? input(0).mul(input(1))
                : input(2).add(input(0).mul(input(1))),
            ),
          ],
          outputs: ["matrix"],
        },
      )[0]);
  }
  if (context.wants(1)) {
    context.add(1, (addend) =>
      columnSum(
        graph,
        [dOut, x],
        ["matrix", "matrix"],
        input(0).mul(input(1)),
        addend,
      ));
  }
  for (let i = 2; i < node.inputs.length; i++) {
    if (!context.wants(i)) continue;
    if (accesses[i] === "row") {
      context.add(
        i,
        (addend) => columnSum(graph, [dOut], ["matrix"], input(0), addend),
      );
    } else {
      context.add(
        i,
        (addend) => addend === undefined ? dOut : addTo(graph, addend, dOut),
      );
    }
  }
}
