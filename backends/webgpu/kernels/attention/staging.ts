/**
 * Copies of rows in workgroup memory, where all lanes read them.
 *
 * ```text
 * queries   row 0 | vec4 0 .. span - 1 | unused |      a row takes `stride` vec4s: an odd number, so that lanes
 *           row 1 | ...                                that read the same column of several rows use other banks
 * ```
 * @module
 */
import type { Scope } from "../../shader/dispatch.ts";
import { type AttentionTile, isInPasses } from "./tile.ts";

/** Rows of a head, of row b of the batch. */
export interface HeadRows {
  readonly count: number;
  /** The first (WGSL). */
  readonly first: string;
  /** Columns of the tensor; the head (WGSL); its columns. */
  readonly width: number;
  readonly head: string;
  readonly headDim: number;
  /** Rows of the batch's row (WGSL): those beyond are read as zero. */
  readonly T: string;
}

/** Workgroup memory for staged rows. */
export function tileMemory(
  name: string,
  rows: number,
  tile: AttentionTile,
): string {
  return `var<workgroup> ${name}: array<vec4<f32>, ${rows * tile.stride}>;`;
}

/**
 * vec4 `d` of a row of a head that starts at element `row` (all WGSL). Where the head size is not a multiple
 * of 4, the remaining components are zero.
 */
export function loadFour(
  scope: Scope,
  { tensor: name, row, d, headDim }: {
    readonly tensor: string;
    readonly row: string;
    readonly d: string;
    readonly headDim: number;
  },
): string {
  const tensor = scope.tensor(name);
  if (tensor.wide) return tensor.loadWide(`(${row}) / 4u + ${d}`);
  const elements = [0, 1, 2, 3].map((i) => {
    const at = `${row} + ${d} * 4u + ${i}u`;
    if (headDim % 4 === 0 || i === 0) return tensor.load(at);
    const last = `${row} + ${headDim - 1}u`;
    return `select(0.0, ${
      tensor.load(`min(${at}, ${last})`)
    }, ${d} * 4u + ${i}u < ${headDim}u)`;
  });
  return `vec4<f32>(${elements.join(", ")})`;
}

/**
 * Copies `tile.span` vec4s of rows, from vec4 `pass` of the head (WGSL), into workgroup memory; zeros beyond the
 * head and beyond the rows, which add nothing to any product.
 */
export function loadTile(
  scope: Scope,
  tile: AttentionTile,
  from: HeadRows & {
    readonly tensor: string;
    readonly into: string;
    readonly pass?: string;
  },
): string {
  const { headDim, pass } = from;
  const { depth, span, stride } = tile;
  const row =
    `(b * ${from.T} + t) * ${from.width}u + ${from.head} * ${headDim}u`;
  const load = loadFour(scope, { tensor: from.tensor, row, d: "d", headDim });
  const inHead = depth % span === 0 ? "" : ` && d < ${depth}u`;
  return `for (var n = lane; n < ${from.count * span}u; n += ${tile.lanes}u) {
  let at = n % ${span}u;
  let d = ${pass === undefined ? "at" : `${pass} + at`};
  let t = ${from.first} + n / ${span}u;
  var value = vec4<f32>();
  if (t < ${from.T}${inHead}) { value = ${load}; }
  ${from.into}[(n / ${span}u) * ${stride}u + at] = value;
}`;
}

/** Copies segment numbers of rows into workgroup memory; beyond the end that of the last row. */
export function loadSegments(
  scope: Scope,
  tile: AttentionTile,
  from: Pick<HeadRows, "count" | "first" | "T"> & { readonly into: string },
): string {
  return `for (var n = lane; n < ${from.count}u; n += ${tile.lanes}u) {
  let t = min(${from.first} + n, ${from.T} - 1u);
  ${from.into}[n] = ${scope.tensor("segments").loadInt(`b * ${from.T} + t`)};
}`;
}

/**
 * Adds up scores from staged columns: `load` once where whole rows fit, else pass by pass. `load(pass)` copies,
 * `add` adds what the copies give.
 */
export function inPasses(
  tile: AttentionTile,
  { load, add }: {
    readonly load: (pass?: string) => string;
    readonly add: string;
  },
): string {
  const staged = (pass?: string) =>
    `workgroupBarrier(); // what was staged before is read
${load(pass)}
workgroupBarrier();
${add}`;
  if (!isInPasses(tile)) return staged();
  return `for (var d0 = 0u; d0 < ${tile.depth}u; d0 += ${tile.span}u) {
${staged("d0")}
}`;
}
