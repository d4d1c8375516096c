/**
 * What the attention kernels are made of. A workgroup owns a tile of rows (queries, or keys and values) of
 * one head and goes through tiles of the other side; scores exist for one pair of tiles at a time.
 *
 * ```text
 *                 other rows (tx + 8 j)
 *               0 1 2 3 4 5 6 7 | 0 1 ...        a lane has 4 own rows (4 ty ...) and every 8th other row;
 * own rows  ty  . . . . . . . . | . .            of sums over the other rows it has every 8th vec4 of the
 * (4 each)      . . . . . . . . | . .            head's columns
 * ```
 * @module
 */
import { type AttentionAttributes, DeviceError } from "@denotune/denotune/core";
import type { Lowering, Scope } from "../../shader/dispatch.ts";
import { INDEX } from "../../shader/dispatch.ts";
import { each, f32Text } from "../../shader/numbers.ts";

/** Lanes side by side. */
export const ACROSS = 8;
/** Own rows of a lane. */
export const ROWS = 4;

/** Sizes of an attention kernel's tiles. */
export interface AttentionTile {
  /** Own rows, other rows. */
  readonly own: number;
  readonly other: number;
  readonly lanes: number;
  /** vec4s of a head, rounded up; and from row to row of a tile in workgroup memory. */
  readonly depth: number;
  readonly stride: number;
  /** vec4s of a head that a lane sums. */
  readonly columns: number;
  /** Other rows of a lane. */
  readonly others: number;
}

const CANDIDATES: readonly (readonly [number, number])[] = [
  [32, 32],
  [32, 16],
  [16, 16],
  [16, 8],
  [8, 8],
];

/**
 * The largest tile that fits, with `ownTiles` and `otherTiles` matrices of a head's columns and `scores`
 * tiles of scores. Throws `DeviceError` where none does.
 */
export function chooseTile(
  lowering: {
    readonly limits: { sharedBytes: number; maxInvocations: number };
  },
  headDim: number,
  needs: { ownTiles: number; otherTiles: number; scores: number },
): AttentionTile {
  const depth = Math.ceil(headDim / 4);
  const stride = depth + 1 - depth % 2; // odd: rows start in different banks
  for (const [own, other] of CANDIDATES) {
    const bytes =
      (own * needs.ownTiles + other * needs.otherTiles) * stride * 16 +
      needs.scores * own * (other + 1) * 4 + (own + other) * 12 + 512;
    const lanes = own / ROWS * ACROSS;
    if (
      bytes <= lowering.limits.sharedBytes &&
      lanes <= lowering.limits.maxInvocations
    ) {
      return {
        own,
        other,
        lanes,
        depth,
        stride,
        columns: Math.ceil(depth / ACROSS),
        others: other / ACROSS,
      };
    }
  }
  throw new DeviceError(
    `heads of ${headDim} need more workgroup memory than the adapter's ${lowering.limits.sharedBytes} bytes`,
  );
}

/** Sizes of an attention call, checked. */
export interface AttentionSizes {
  readonly rows: number;
  readonly group: number;
  readonly width: number;
  readonly kvWidth: number;
}

/** Checks heads and window. */
export function attentionSizes(
  attributes: AttentionAttributes,
  capacity: (dim: AttentionAttributes["B"]) => number,
): AttentionSizes {
  const { heads, kvHeads, headDim, window } = attributes;
  if (heads % kvHeads !== 0) {
    throw new DeviceError(
      `${heads} heads cannot share ${kvHeads} key/value heads: must divide`,
    );
  }
  if (window !== null && window < 1) {
    throw new DeviceError(`window is ${window}: must be at least 1, or null`);
  }
  return {
    rows: capacity(attributes.B) * capacity(attributes.T),
    group: heads / kvHeads,
    width: heads * headDim,
    kvWidth: kvHeads * headDim,
  };
}

/** Operands `q, k, v, segments` as tensors of a dispatch. */
export function attentionInputs(
  lowering: Lowering<"attention"> | Lowering<"attention_backward">,
  { rows, width, kvWidth }: AttentionSizes,
): Record<"q" | "k" | "v" | "segments", Lowering<"attention">["inputs"][0]> {
  const { inputs } = lowering;
  return {
    q: lowering.expect("q", inputs[0], rows * width),
    k: lowering.expect("k", inputs[1], rows * kvWidth),
    v: lowering.expect("v", inputs[2], rows * kvWidth),
    segments: lowering.expect("segments", inputs[3], rows, INDEX),
  };
}

/** Copies rows `first ...` (WGSL, counted within row b of the batch) of a head into workgroup memory. */
export function loadTile(
  scope: Scope,
  tile: AttentionTile,
  from: {
    tensor: string;
    into: string;
    count: number;
    first: string;
    width: number;
    head: string;
    headDim: number;
    T: string;
  },
): string {
  const tensor = scope.tensor(from.tensor);
  const { headDim } = from;
  const row =
    `(b * ${from.T} + t) * ${from.width}u + ${from.head} * ${headDim}u`;
  const load = tensor.wide
    ? `value = ${tensor.loadWide(`(${row}) / 4u + d`)};`
    : each(Math.min(4, headDim), (i) => {
      const line = `value.${"xyzw"[i]} = ${
        tensor.load(`${row} + d * 4u + ${i}u`)
      };`;
      return headDim % 4 === 0 || i === 0
        ? line
        : `if (d * 4u + ${i}u < ${headDim}u) { ${line} }`;
    });
  return `for (var n = lane; n < ${
    from.count * tile.depth
  }u; n += ${tile.lanes}u) {
  let d = n % ${tile.depth}u;
  let t = ${from.first} + n / ${tile.depth}u;
  var value = vec4<f32>();
  if (t < ${from.T}) { ${load} }
  ${from.into}[(n / ${tile.depth}u) * ${tile.stride}u + d] = value;
}`;
}

/** Workgroup memory for rows of a head. */
export function tileMemory(
  name: string,
  rows: number,
  tile: AttentionTile,
): string {
  return `var<workgroup> ${name}: array<vec4<f32>, ${rows * tile.stride}>;`;
}

/** Products of own with other rows: variables `name_R_J`. */
export function products(
  tile: AttentionTile,
  names: { into: string; own: string; other: string },
): string {
  const { others, stride } = tile;
  return `${
    each(ROWS, (r) => each(others, (j) => `var ${names.into}_${r}_${j} = 0.0;`))
  }
for (var d = 0u; d < ${tile.depth}u; d++) {
${
    each(
      ROWS,
      (r) =>
        `let a${r} = ${names.own}[(ty * ${ROWS}u + ${r}u) * ${stride}u + d];`,
    )
  }
${
    each(others, (j) =>
      `let o${j} = ${names.other}[(tx + ${j * ACROSS}u) * ${stride}u + d];
${
        each(ROWS, (r) => `${names.into}_${r}_${j} += dot(a${r}, o${j});`)
      }`)
  }
}`;
}

/** Adds scores (in workgroup memory, own by other) times other rows to the sums `into_R_C`, vec4s. */
export function accumulate(
  tile: AttentionTile,
  names: { into: string; scores: string; other: string },
): string {
  const { columns, other, stride } = tile;
  return `for (var n = 0u; n < ${other}u; n++) {
${
    each(
      ROWS,
      (r) =>
        `let p${r} = ${names.scores}[(ty * ${ROWS}u + ${r}u) * ${
          other + 1
        }u + n];`,
    )
  }
${
    each(columns, (c) =>
      `let o${c} = ${names.other}[n * ${stride}u + ${lastColumn(tile, c)}];
${
        each(ROWS, (r) => `${names.into}_${r}_${c} += p${r} * o${c};`)
      }`)
  }
}`;
}

/** The vec4 of a head's columns that is a lane's number `c`; lanes beyond the head read its last. */
export function lastColumn(tile: AttentionTile, c: number): string {
  const column = `tx + ${c * ACROSS}u`;
  return (c + 1) * ACROSS <= tile.depth
    ? column
    : `min(${column}, ${tile.depth - 1}u)`;
}

/** Stores a lane's sums of own rows, `value(r, c)` each a vec4. */
export function storeSums(
  scope: Scope,
  tile: AttentionTile,
  to: {
    tensor: string;
    first: string;
    width: number;
    head: string;
    headDim: number;
    T: string;
    value: (r: number, c: number) => string;
  },
): string {
  const tensor = scope.tensor(to.tensor);
  const { headDim } = to;
  return each(ROWS, (r) =>
    `{
let t = ${to.first} + ty * ${ROWS}u + ${r}u;
if (t < ${to.T}) {
let at = (b * ${to.T} + t) * ${to.width}u + ${to.head} * ${headDim}u;
${
      each(tile.columns, (c) => {
        const d = `d${c}`;
        const stores = tensor.wide
          ? tensor.storeWide(`at / 4u + ${d}`, to.value(r, c))
          : `let value = ${to.value(r, c)};
${
            each(4, (i) => {
              const line = tensor.store(
                `at + ${d} * 4u + ${i}u`,
                `value.${"xyzw"[i]}`,
              );
              return headDim % 4 === 0
                ? line
                : `if (${d} * 4u + ${i}u < ${headDim}u) { ${line} }`;
            })
          }`;
        return `let ${d} = tx + ${
          c * ACROSS
        }u;\nif (${d} < ${tile.depth}u) { ${stores} }`;
      })
    }
}
}`);
}

/** Whether query place `i` sees key place `j` (WGSL, `u32`), segments and ends apart. */
export function seesText(
  { causal, window }: AttentionAttributes,
  i: string,
  j: string,
): string {
  const terms = causal ? [`${j} <= ${i}`] : [];
  if (window !== null) {
    terms.push(`${i} < ${j} + ${window}u`);
    if (!causal) terms.push(`${j} < ${i} + ${window}u`);
  }
  return terms.length === 0 ? "true" : terms.join(" && ");
}

/** The score of a product. */
export function scoreText(
  { scale, softcap }: AttentionAttributes,
  product: string,
): string {
  const scaled = `${product} * ${f32Text(scale)}`;
  return softcap === null
    ? scaled
    : `${f32Text(softcap)} * tanh_of(${scaled} / ${f32Text(softcap)})`;
}

/**
 * Range of key places that the queries `first .. first + count` may see: declares `kStart`, `kEnd`.
 */
export function keyRange(
  { causal, window }: AttentionAttributes,
  { first, count, step, T }: {
    first: string;
    count: number;
    step: number;
    T: string;
  },
): string {
  const end = causal
    ? `min(${T}, ${first} + ${count}u)`
    : window === null
    ? T
    : `min(${T}, ${first} + ${count - 1 + window}u)`;
  const start = window === null
    ? "0u"
    : `((max(${first}, ${window - 1}u) - ${
      window - 1
    }u) / ${step}u) * ${step}u`;
  return `let kStart = ${start};\nlet kEnd = ${end};`;
}

/** Range of query places that may see the keys `first .. first + count`: declares `qStart`, `qEnd`. */
export function queryRange(
  { causal, window }: AttentionAttributes,
  { first, count, step, T }: {
    first: string;
    count: number;
    step: number;
    T: string;
  },
): string {
  const end = window === null
    ? T
    : `min(${T}, ${first} + ${count - 1 + window}u)`;
  const start = causal
    ? `(${first} / ${step}u) * ${step}u`
    : window === null
    ? "0u"
    : `((max(${first}, ${window - 1}u) - ${
      window - 1
    }u) / ${step}u) * ${step}u`;
  return `let qStart = ${start};\nlet qEnd = ${end};`;
}

/** Copies segment numbers of `count` places from `first` into workgroup memory; beyond the end: none's. */
export function loadSegments(
  scope: Scope,
  tile: AttentionTile,
  from: { into: string; count: number; first: string; T: string },
): string {
  return `for (var n = lane; n < ${from.count}u; n += ${tile.lanes}u) {
  let t = min(${from.first} + n, ${from.T} - 1u);
  ${from.into}[n] = ${scope.tensor("segments").loadInt(`b * ${from.T} + t`)};
}`;
}

/** Least and greatest segment number in workgroup memory: declares `low_NAME`, `high_NAME`. */
export function segmentRange(name: string, count: number): string {
  return `var low_${name} = ${name}[0];
var high_${name} = low_${name};
for (var n = 1u; n < ${count}u; n++) {
  low_${name} = min(low_${name}, ${name}[n]);
  high_${name} = max(high_${name}, ${name}[n]);
}`;
}
