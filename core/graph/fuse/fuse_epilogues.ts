/**
 * Elementwise functions of a product are computed while the product is still in registers:
 *
 * ```text
 * forward    z = x W + b          ┐  one kernel; z is stored only if somebody else reads it
 *            h = gelu(z)          ┘  (the backward pass does)
 * backward   dh = dy W'           ┐
 *            dgate = dh f(gate,up)│  one kernel, and dh is never stored
 *            dup = dh g(gate)     ┘
 * ```
 *
 * A row program joins the product that it reads if it is elementwise over just that space and everything
 * else that it reads is there before the product is.
 * @module
 */
import { sameDim, type Shape } from "../dims.ts";
import { type Access, type Expression, input } from "../expression.ts";
import type { Node, Tensor } from "../graph.ts";
import {
  type FusedProduct,
  fusedProductOp,
  isMatmul,
} from "../ops/fused_product.ts";
import type { MatmulAttributes } from "../ops/matmul.ts";
import { elementwiseProgram } from "../ops/rows.ts";
import { renumbered } from "./renumbered.ts";

/**
 * How many nodes a function may come after its product. What joins is computed earlier than the graph says
 * and so lives longer: next to the product that costs nothing.
 */
const NEAR = 8;

/** What a device allows, and what is read from the program. */
export interface FuseOptions {
  /** Most tensors of a product, and bytes of the largest; null: nothing joins. */
  readonly epilogues:
    | { readonly tensors: number; readonly bytes: number }
    | null;
  bytesOf(tensor: Tensor): number;
  /** Whether the value is needed besides what nodes read: an output, or a variable's new value. */
  isKept(tensor: Tensor): boolean;
}

interface Joined {
  readonly product: Node<MatmulAttributes>;
  readonly nodes: Node[];
}

/** The nodes with functions of products joined to them. */
export function fuseEpilogues(
  nodes: readonly Node[],
  options: FuseOptions,
): Node[] {
  const { epilogues } = options;
  if (epilogues === null) return [...nodes];
  const places = new Map<number, number>(); // tensor id -> index of the node that makes it
  nodes.forEach((node, at) =>
    node.outputs.forEach((t) => places.set(t.id, at))
  );
  const joined = new Map<number, Joined>(); // index of the product
  const gone = new Map<number, number>(); // index of a node that joined -> index of its product
  nodes.forEach((node, at) => {
    const program = elementwiseProgram(node);
    if (program === null) return;
    const producers = node.inputs.map((t) => places.get(t.id) ?? -1)
      .map((place) => gone.get(place) ?? place);
    const product = Math.max(...producers);
    if (product < 0 || at - product > NEAR) return;
    const multiplied = nodes[product];
    if (!isMatmul(multiplied)) return;
    const [out] = multiplied.outputs;
    const fits = node.inputs.every((t, i) =>
      producers[i] < product ||
      (t.id === out.id && program.inputs[i] === "matrix")
    );
    if (!fits || !sameSpace(out.shape, program)) return;
    const so = joined.get(product) ?? { product: multiplied, nodes: [] };
    const more = { ...so, nodes: [...so.nodes, node] };
    const { inputs, outputs } = fuse(more, nodes, options);
    const tensors = [...inputs, ...outputs];
    if (
      tensors.length > epilogues.tensors ||
      tensors.some((t) => options.bytesOf(t) > epilogues.bytes)
    ) return;
    joined.set(product, more);
    gone.set(at, product);
  });
  return nodes.flatMap((node, at) => {
    if (gone.has(at)) return [];
    const found = joined.get(at);
    return [found === undefined ? node : fuse(found, nodes, options)];
  });
}

function sameSpace(
  [m, n]: Shape,
  { rows, columns }: { rows: Shape[number]; columns: Shape[number] },
): boolean {
  return sameDim(m, rows) && sameDim(n, columns);
}

/** The product with all that joined it; its own value is an output where it is needed besides. */
function fuse(
  { product, nodes: functions }: Joined,
  nodes: readonly Node[],
  { isKept }: FuseOptions,
): Node {
  const [out] = product.outputs;
  const extra: Tensor[] = [];
  const accesses: Access[] = [];
  const writes: Expression[] = [];
  const outputs: Tensor[] = [];
  const stays = isKept(out) ||
    nodes.some((n) =>
      !functions.includes(n) && n.inputs.some((t) => t.id === out.id)
    );
  if (stays) {
    writes.push(input(0).node);
    outputs.push(out);
  }
  for (const node of functions) {
    const program = elementwiseProgram(node)!; // it joined because it is one
    const numbers = node.inputs.map((t, i) => {
      if (t.id === out.id) return 0;
      const access = program.inputs[i];
      const before = extra.findIndex((x, k) =>
        x.id === t.id && accesses[k] === access
      );
      if (before >= 0) return before + 1;
      accesses.push(access);
      return extra.push(t);
    });
    program.writes.forEach((expression, o) => {
      writes.push(renumbered(expression, numbers));
      outputs.push(node.outputs[o]);
    });
  }
  const attributes: FusedProduct = {
    ...product.attributes,
    epilogue: { inputs: accesses, writes },
  };
  return {
    ...product,
    op: fusedProductOp,
    inputs: [...product.inputs, ...extra],
    attributes,
    outputs,
  };
}
