/**
 * Attention's gradients from both sides. The gradients of queries sum over keys, those of keys and values over
 * queries; besides, the two kernels are one.
 *
 * ```text
 *             own rows       other rows             sums, one for each own row
 * queries     q, dOut        k, v                   dQ += dZ k
 * keys        k, v           q, dOut (each head)    dK += dZ q      dV += p dOut
 * ```
 * @module
 */
import type { AttentionAttributes } from "@denotune/denotune/device";
import type { TensorUse } from "../../shader/dispatch.ts";
import { keyRange, queryRange } from "./mask.ts";
import {
  type AttentionSizes,
  type BackwardViews,
  gradientInputs,
} from "./operands.ts";

/** Rows of one side. */
export interface Side {
  /** Tensors of the two products whose scores and whose dP are wanted: q k, and dOut v. */
  readonly tensors: readonly [string, string];
  /** The variable of its head (WGSL). */
  readonly head: "h" | "kv";
  heads(attributes: AttentionAttributes): number;
  /** Columns of its tensors. */
  width(sizes: AttentionSizes): number;
}

const QUERIES: Side = {
  tensors: ["q", "dOut"],
  head: "h",
  heads: ({ heads }) => heads,
  width: ({ width }) => width,
};

const KEYS: Side = {
  tensors: ["k", "v"],
  head: "kv",
  heads: ({ kvHeads }) => kvHeads,
  width: ({ kvWidth }) => kvWidth,
};

/** A sum over the other side's rows. */
export interface GradientSum {
  readonly output: "dQ" | "dK" | "dV";
  /** What each row is multiplied with: the gradient of the score's product, or the weight. */
  readonly factor: "dZ" | "p";
  /** The row: that of the first or of the second of the other side's tensors. */
  readonly of: 0 | 1;
}

/** The gradients of one side. */
export interface GradientKind {
  /** In the names of dispatches. */
  readonly name: "q" | "kv";
  readonly isOfQueries: boolean;
  readonly own: Side;
  readonly other: Side;
  readonly sums: readonly GradientSum[];
  /** Products of a head's length for each pair of rows. */
  readonly cost: number;
  /** The rows of the other side that are seen: declares `first` and `end` by these names. */
  readonly range: typeof keyRange;
  readonly rangeNames: readonly [first: string, end: string];
}

/** dQ. */
export const QUERY_KIND: GradientKind = {
  name: "q",
  isOfQueries: true,
  own: QUERIES,
  other: KEYS,
  sums: [{ output: "dQ", factor: "dZ", of: 0 }],
  cost: 6,
  range: keyRange,
  rangeNames: ["kStart", "kEnd"],
};

/** dK and dV. */
export const KEY_KIND: GradientKind = {
  name: "kv",
  isOfQueries: false,
  own: KEYS,
  other: QUERIES,
  sums: [
    { output: "dK", factor: "dZ", of: 0 },
    { output: "dV", factor: "p", of: 1 },
  ],
  cost: 8,
  range: queryRange,
  rangeNames: ["qStart", "qEnd"],
};

/** Tensors of the dispatch of one side's gradients. */
export function gradientTensors(
  { sums }: GradientKind,
  views: BackwardViews,
  wide: boolean,
): TensorUse[] {
  return [
    ...gradientInputs(views, wide),
    ...sums.map(({ output }) => ({
      name: output,
      view: views[output],
      writes: true,
      wide,
    })),
  ];
}

/** A text for each sum. */
export function eachSum(
  { sums }: GradientKind,
  text: (sum: GradientSum) => string,
): string {
  return sums.map(text).join("\n");
}

/**
 * The loop over the other side's rows, block by block from row `other0` (WGSL). For keys, all query heads that read a key
 * head add to its gradients, one after the other: so each sum has one order.
 */
export function overOthers(
  kind: GradientKind,
  { group }: AttentionSizes,
  { block, body }: { readonly block: number; readonly body: string },
): string {
  const [first, end] = kind.rangeNames;
  const loop =
    `for (var other0 = ${first}; other0 < ${end}; other0 += ${block}u) {
${body}
}`;
  return kind.isOfQueries
    ? loop
    : `for (var h = kv * ${group}u; h < (kv + 1u) * ${group}u; h++) {
${loop}
}`;
}
