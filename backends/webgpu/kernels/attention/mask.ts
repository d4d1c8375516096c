/**
 * Which keys a query sees: the ranges that a tile goes through, the comparison for each pair, and the tiles that
 * are left out because no segment of one side is on the other.
 *
 * ```text
 *            keys  0 1 2 3 | 4 5 6 7 | 8 9        segments 1 1 1 2 2 2 2 3 3 3, causal
 * queries 0..3     x . . .                        kEnd = 4: nothing later is seen
 *         4..7     x x x x | x . . .              all of 0..3 but 3 is another segment's: compared pair by pair
 *         8..9     (left out)  x x x x | x .      segments 1 to 2 and 3 to 3 do not overlap: the tile is left out
 * ```
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import type { Scope } from "../../shader/dispatch.ts";
import { each, f32Text } from "../../shader/numbers.ts";

/** Whether the query at `i` sees the key at `j` (WGSL, `u32`); segments and the ends of rows are compared elsewhere. */
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
 * Range of keys that the queries `first .. first + count` may see: declares `kStart`, `kEnd`.
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

/** Range of queries that may see the keys `first .. first + count`: declares `qStart`, `qEnd`. */
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

/** Rows whose segments are compared without a loop: as many as a software adapter's subgroup has lanes. */
const UNROLLED = 8;

/** Rows of row b of the batch, as a tile has them: `count` from `first` (WGSL), those beyond `T` read as the last. */
export interface SegmentRows {
  readonly first: string;
  readonly count: number;
  readonly T: string;
}

/**
 * Least and greatest segment number of rows: declares `low_NAME`, `high_NAME`. Read from the tensor itself, at
 * places that are the same for all lanes: the values then are too, and compilers can see that a branch on them
 * is taken by all lanes or none. What is read from workgroup memory would not do: barriers and subgroup
 * operations may not follow such a branch.
 */
export function segmentRange(
  scope: Scope,
  name: string,
  { first, count, T }: SegmentRows,
): string {
  const at = (n: string) =>
    scope.tensor("segments").loadInt(
      `b * ${T} + min(${first} + ${n}, ${T} - 1u)`,
    );
  const fold = (segment: string) =>
    `{
  let segment = ${segment};
  low_${name} = min(low_${name}, segment);
  high_${name} = max(high_${name}, segment);
}`;
  return `var low_${name} = ${at("0u")};
var high_${name} = low_${name};
${
    count <= UNROLLED
      ? each(count - 1, (n) => fold(at(`${n + 1}u`)))
      : `for (var n = 1u; n < ${count}u; n++) ${fold(at("n"))}`
  }`;
}

/** Leaves this iteration of a loop out where the segments of two ranges do not overlap. */
export function skipUnlessOverlap(own: string, other: string): string {
  return `if (high_${other} < low_${own} || low_${other} > high_${own}) { continue; }`;
}
