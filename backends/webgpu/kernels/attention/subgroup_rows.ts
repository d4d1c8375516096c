/**
 * Attention in registers alone: every lane of a subgroup has a row (a query, or a key with its value). Rows of
 * the other side are loaded once for all lanes: each lane loads a part and broadcasts it to the subgroup. It needs
 * no workgroup memory and no barrier, so it is fastest on software adapters, where both are expensive.
 *
 * ```text
 * lane          0    1    2    3  ...        other rows come in blocks of as many as there are lanes
 * own row       i    i+1  i+2  i+3
 * other row j   vec4 vec4 vec4 vec4          loaded in parts, broadcast whole
 * ```
 * @module
 */
import { product } from "@denotune/denotune/device";
import type {
  AttentionAttributes,
  DispatchSpec,
  Scope,
  SizeOf,
} from "../../shader/dispatch.ts";
import { each } from "../../shader/numbers.ts";
import type { AdapterLimits } from "../../runtime/adapter_limits.ts";
import { segmentRange, skipUnlessOverlap } from "./mask.ts";
import type { AttentionSizes } from "./operands.ts";

/** The inputs of a kernel's text. */
export interface BroadcastSpec {
  readonly attributes: AttentionAttributes;
  readonly sizes: AttentionSizes;
  /** Lanes of a subgroup. */
  readonly lanes: number;
}

/** Lanes of such kernels, or null where the adapter or the head does not suit them. */
export function broadcastLanes(
  limits: AdapterLimits,
  { headDim, dropout }: AttentionAttributes,
): number | null {
  const { subgroup, software } = limits;
  return software && dropout === undefined && subgroup !== null &&
      subgroup.min === subgroup.max &&
      headDim % 4 === 0 && headDim <= 128
    ? subgroup.max
    : null;
}

/** Declares the vec4s `NAME_0 ...` of this lane's own row of a head, which starts at element `at` (WGSL): registers. */
export function ownRow(
  scope: Scope,
  { attributes: { headDim } }: BroadcastSpec,
  from: {
    tensor: string;
    name: string;
    at: string;
  },
): string {
  const tensor = scope.tensor(from.tensor);
  return each(headDim / 4, (d) => {
    const value = tensor.wide
      ? tensor.loadWide(`(${from.at}) / 4u + ${d}u`)
      : `vec4<f32>(${
        [0, 1, 2, 3].map((i) => tensor.load(`${from.at} + ${d * 4 + i}u`))
          .join(", ")
      })`;
    return `let ${from.name}_${d} = ${value};`;
  });
}

/**
 * Declares this lane's parts `NAME_0 ...` of a row that all lanes share: vec4 `lane`, `lane + lanes`, ... of the head.
 * One load by all lanes together has the whole row, in adjacent addresses.
 */
export function sharedRow(
  scope: Scope,
  { attributes: { headDim }, lanes }: BroadcastSpec,
  from: { tensor: string; name: string; at: string },
): string {
  const tensor = scope.tensor(from.tensor);
  const depth = headDim / 4;
  return each(Math.ceil(depth / lanes), (p) => {
    const d = (p + 1) * lanes <= depth
      ? `lane + ${p * lanes}u`
      : `min(lane + ${p * lanes}u, ${depth - 1}u)`;
    const value = tensor.wide
      ? tensor.loadWide(`(${from.at}) / 4u + ${d}`)
      : `vec4<f32>(${
        [0, 1, 2, 3].map((i) => tensor.load(`${from.at} + (${d}) * 4u + ${i}u`))
          .join(", ")
      })`;
    return `let ${from.name}_${p} = ${value};`;
  });
}

/** vec4 `d` of a shared row. */
export function broadcast(name: string, lanes: number, d: number): string {
  return `subgroupBroadcast(${name}_${Math.floor(d / lanes)}, ${d % lanes}u)`;
}

/** The dot product of an own row with a shared row. */
export function dotOwn(
  { attributes: { headDim }, lanes }: BroadcastSpec,
  own: string,
  shared: string,
): string {
  return Array.from(
    { length: headDim / 4 },
    (_, d) => `dot(${own}_${d}, ${broadcast(shared, lanes, d)})`,
  ).join(" + ");
}

/** Stores a row of this lane, `value(d)` each a vec4. */
export function storeOwn(
  scope: Scope,
  { attributes: { headDim } }: BroadcastSpec,
  to: { tensor: string; at: string; value: (d: number) => string },
): string {
  const tensor = scope.tensor(to.tensor);
  return each(
    headDim / 4,
    (d) =>
      tensor.wide
        ? tensor.storeWide(`(${to.at}) / 4u + ${d}u`, to.value(d))
        : `{ let value = ${to.value(d)};
${
          each(
            4,
            (i) =>
              tensor.store(`${to.at} + ${d * 4 + i}u`, `value.${"xyzw"[i]}`),
          )
        } }`,
  );
}

/** Where workgroup `group` is: declares b, the head `name`, and the first own row. */
export function placeOf(
  scope: Scope,
  { attributes: { B, T }, lanes }: BroadcastSpec,
  { heads, name }: { heads: number; name: string },
): string {
  const t = scope.size(T);
  return `// A workgroup is one subgroup: ${lanes} rows of a head, one a lane; the last rows have the most to see and start first.
let tiles = (${t} + ${lanes - 1}u) / ${lanes}u;
if (group >= tiles * ${scope.size(product([B, heads]))}) { return; }
let pair = group / tiles;
let first = (tiles - 1u - (group - pair * tiles)) * ${lanes}u;
let b = pair / ${heads}u;
let ${name} = pair - b * ${heads}u;
let own = first + lane;
let ownRow = b * ${t} + min(own, ${t} - 1u);
let ownSegment = ${scope.tensor("segments").loadInt("ownRow")};
${segmentRange(scope, "own", { first: "first", count: lanes, T: t })}`;
}

/** A block's segments, one a lane; leaves the block out where none is the own rows'. */
export function blockSegments(
  scope: Scope,
  { attributes: { T }, lanes }: BroadcastSpec,
  first: string,
): string {
  const t = scope.size(T);
  return `let otherSegment = ${
    scope.tensor("segments").loadInt(
      `b * ${t} + min(${first} + lane, ${t} - 1u)`,
    )
  };
${segmentRange(scope, "other", { first, count: lanes, T: t })}
${skipUnlessOverlap("own", "other")}`;
}

/** A workgroup for every `lanes` rows of each head. */
export function gridOf(
  { attributes: { B, T }, lanes }: BroadcastSpec,
  heads: number,
): DispatchSpec["grid"] {
  return (size) => ({
    groups: Math.ceil(size(T) / lanes) * size(B) * heads,
  });
}

/** Operations of so many products of a head's length for each pair of rows. */
export function costOf(
  { attributes: { B, T, heads, headDim } }: BroadcastSpec,
  products: number,
): (size: SizeOf) => number {
  return (size) => products * size(B) * heads * size(T) ** 2 * headDim;
}
