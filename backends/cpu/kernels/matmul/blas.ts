/**
 * Matrix products for a BLAS: what the output must hold first, the widening of factors of 16 bits and
 * fewer, and the product itself. Small products stay in WebAssembly, where they are faster.
 * @module
 */
import {
  type Extents,
  type KernelAttributes,
  product,
  quantizedFactor,
  sizeOf,
  type View,
} from "@denotune/denotune/device";
import { f32x4, i64, v128 } from "../../assembler/mod.ts";
import { loadWidened } from "../convert.ts";
import { lowerDequantize } from "../quantized.ts";
import { rowsPerPiece } from "../row_moves.ts";
import { element, keyOf, type Launch } from "../launch.ts";
import { MOST_ROWS } from "./few_rows.ts";
import { storeLanes, vectorLoop } from "../vector_loop.ts";
import { MOST_PANEL_ROWS, widenedPanels } from "./widened_panels.ts";

/** Multiply-adds from which on a BLAS is faster than the kernel here. */
const LEAST_WORK = 1 << 20;
/**
 * Multiply-adds up to which machine code, whose calls cost less and whose blocks follow from the workers, is faster than
 * a library; fewer columns or rows than a tile would leave it half empty.
 */
const SMALL = { work: 1 << 26, side: 64 };
/** Largest factor that is widened into temporary memory, bytes of float32. */
const WIDENED_BYTES = 256 * 1024 * 1024;

/** The launches of a `matmul` call by BLAS, or null where WebAssembly is faster or asked to be more exact. */
export function lowerBlasMatmul(
  attributes: KernelAttributes["matmul"],
  inputs: readonly View[],
  out: View,
  { capacities, fewestRows, machineCode }: {
    readonly capacities: Extents;
    /** Whether machine code does small products. */
    readonly machineCode: boolean;
    /** Rows from which on a library is faster with a matrix of float32. */
    readonly fewestRows: number;
  },
): Launch[] | null {
  const { layout, alpha, bias, addend } = attributes;
  const dims = [attributes.batch, attributes.m, attributes.n, attributes.k];
  const [batch, m, n, k] = dims.map((d) => sizeOf(d, capacities));
  const [a, b] = inputs;
  const quantized = quantizedFactor(attributes);
  // a BLAS adds up in one chain; words would be widened for each block of rows
  if (attributes.exact && quantized === null) return null;
  const widenedBytes = 4 * batch * n * k;
  const wide = b.dtype === "f32";
  // b is read once: a BLAS would pack it first, or it would be widened, which costs as much as the product
  const isFew = wide ? m < fewestRows && layout !== "TN" : m <= MOST_ROWS;
  if (isFew) return null;
  if (m * n * k < LEAST_WORK) return null;
  if (
    quantized !== null && layout === "NT" &&
    alpha === 1 && m <= MOST_PANEL_ROWS
  ) {
    return [
      ...startOf(attributes, inputs, out),
      widenedPanels(attributes, { a, b, out }, {
        matrix: quantized,
        accumulate: bias || addend,
      }),
    ];
  }
  if (!wide && widenedBytes > WIDENED_BYTES) return null;
  const launches: Launch[] = [];
  if (quantized !== null) {
    launches.push(lowerDequantize(quantized, { x: b, out: null }));
  } else if (!wide) launches.push(widenLaunch(attributes, b, widenedBytes));
  const small = m * n * k <= SMALL.work && Math.min(m, n) >= SMALL.side;
  const addsBias = small && machineCode && bias && !addend;
  if (!addsBias) launches.push(...startOf(attributes, inputs, out));
  launches.push({
    key: "blas",
    views: [a, ...(wide ? [b] : []), out, ...(addsBias ? [inputs[2]] : [])],
    writes: [wide ? 2 : 1],
    dims,
    temporary: wide ? undefined : { bytes: widenedBytes, use: "read" },
    build: builtElsewhere,
    blas: {
      layout,
      alpha,
      factors: "f32",
      small,
      bias: addsBias,
      accumulate: !addsBias && (bias || addend),
      widened: !wide,
    },
  });
  return launches;
}

/** Nothing is assembled for a launch that a library runs. */
export function builtElsewhere(): never {
  throw new Error("a launch of a library has no code");
}

/** What puts bias and addend into the output first; nothing where the addend is there already. */
export function startOf(
  attributes: KernelAttributes["matmul"],
  inputs: readonly View[],
  out: View,
): Launch[] {
  const { bias, addend } = attributes;
  const added = addend ? inputs[inputs.length - 1] : null;
  const inPlace = added !== null && added.buffer === out.buffer &&
    added.offset === out.offset &&
    (added.advance ?? 0) === (out.advance ?? 0);
  if (!bias && (added === null || inPlace)) return [];
  return [
    startLaunch(attributes, { bias: bias ? inputs[2] : null, added, out }),
  ];
}

function widenLaunch(
  attributes: KernelAttributes["matmul"],
  b: View,
  bytes: number,
): Launch {
  const dims = [product([attributes.batch, attributes.n, attributes.k])];
  return {
    key: keyOf("widen", [b.dtype], dims),
    views: [b],
    writes: [],
    dims,
    temporary: { bytes, use: "write" },
    build: (k) =>
      k.ranges(
        k.dims[0],
        16384,
        // 16-bit numbers, four at a time, to float32 in the memory that the product reads
        (from, to) =>
          vectorLoop(k.f, { from, to }, ({ index, rest }) => {
            const value = loadWidened(
              k.f,
              b.dtype,
              i64.add(k.at[0], i64.mul(index, i64.const(2))),
            );
            storeLanes(
              k.f,
              { address: element(k.temporary, index) },
              value,
              rest,
            );
          }),
      ),
  };
}

/** Puts bias and addend into the output, for the product to be added to. */
function startLaunch(
  attributes: KernelAttributes["matmul"],
  views: { bias: View | null; added: View | null; out: View },
): Launch {
  const list = [views.bias, views.added, views.out].filter((v) => v !== null);
  const dims = [product([attributes.batch, attributes.m]), attributes.n];
  const rows = typeof attributes.n === "number"
    ? rowsPerPiece(attributes.n)
    : 1;
  return {
    key: keyOf(
      "matmul_start",
      [views.bias !== null, views.added !== null],
      dims,
    ),
    views: list,
    writes: [list.length - 1],
    dims,
    build: (k) => {
      const { f } = k;
      const out = k.at[list.length - 1];
      const added = views.added === null ? null : k.at[list.length - 2];
      const columns = k.dims[1];
      k.ranges(k.dims[0], rows, (from, to) =>
        f.for(from, to, 1, (row) => {
          // bias + addend: the BLAS adds the product to them, as one sum with `accumulate`
          const start = f.local("i64", i64.mul(row, columns));
          vectorLoop(
            f,
            { from: i64.const(0), to: columns },
            ({ index, rest }) => {
              const position = f.local("i64", i64.add(start, index));
              const terms = [
                ...(views.bias === null
                  ? []
                  : [v128.load(element(k.at[0], index))]),
                ...(added === null
                  ? []
                  : [v128.load(element(added, position))]),
              ];
              const value = terms.length === 2
                ? f32x4.add(terms[0], terms[1])
                : terms[0];
              storeLanes(f, { address: element(out, position) }, value, rest);
            },
          );
        }));
    },
  };
}
