/**
 * Products of some rows with a quantised matrix by a BLAS: a panel of b is widened into the worker's own memory, where
 * it stays in the second cache, and multiplied from there. The whole matrix widened to memory would be eight times the
 * bytes of its codes, written and read again.
 *
 * ```text
 * out (m, n):   | panel 0 | panel 1 | ... |        panel = a (m, k) times some rows of b (n, k), transposed
 * ```
 * @module
 */
import type {
  KernelAttributes,
  QuantizedShape,
  View,
} from "@denotune/denotune/device";
import { i64 } from "../../assembler/mod.ts";
import { decodeRows } from "../quantized.ts";
import { element, keyOf, type Launch } from "../launch.ts";

/** Most rows of a: beyond them the product takes so long that widening to memory no longer shows. */
export const MOST_PANEL_ROWS = 256;
/** Numbers of a panel, about: 256 KB. */
const PANEL = 1 << 16;
/** There are multiples of so many panels, so that two or four workers have equal parts. */
const SHARES = 4;

/** Rows of b in a panel. They follow from the shape alone: a BLAS gives other bits for other parts. */
function panelRows({ rows, columns }: QuantizedShape): number {
  const panels = SHARES * Math.ceil(rows * columns / PANEL / SHARES);
  return Math.min(rows, 8 * Math.ceil(rows / panels / 8));
}

/** The launch of the product NT; out has bias and addend already. Its sizes but m are fixed. */
export function widenedPanels(
  { m }: Pick<KernelAttributes["matmul"], "m">,
  { a, b, out }: { readonly a: View; readonly b: View; readonly out: View },
  { matrix, accumulate }: {
    readonly matrix: QuantizedShape;
    /** Whether the product is added to what out has. */
    readonly accumulate: boolean;
  },
): Launch {
  const { rows: n, columns: k } = matrix;
  const span = panelRows(matrix);
  return {
    key: keyOf("matmul_panels", [matrix, span, accumulate], [m]),
    views: [a, b, out],
    writes: [2],
    dims: [m],
    scratch: 4 * span * k + 64,
    build: (kernel) => {
      const { f } = kernel;
      const [left, base, result] = kernel.at;
      kernel.ranges(i64.const(n), span, (from, to) => {
        const count = f.local("i64", i64.sub(to, from));
        const rows = { from: f.hold(from), count };
        decodeRows(f, { ...matrix, base }, rows, kernel.scratch);
        f.if(i64.gtS(kernel.dims[0], i64.const(0)), () =>
          kernel.gemm({
            factors: "f32",
            transposed: "b",
            m: kernel.dims[0],
            n: count,
            k: i64.const(k),
            a: left,
            aRow: 4 * k,
            b: kernel.scratch,
            bRow: 4 * k,
            c: f.local("i64", element(result, from)),
            cRow: 4 * n,
            accumulate,
            scale: 1,
          }));
      });
    },
  };
}
