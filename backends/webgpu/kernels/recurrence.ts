/**
 * A linear recurrence with a matrix as its state. An invocation has one column of a head's state and goes
 * through the tokens with it: columns of values never meet.
 *
 * ```text
 *                 j: value columns, one a lane
 *              0    1    2    3
 * i: keys  0   S00  S01  S02  S03         S = exp(decay) S + k v^T      lanes side by side read v side by side,
 *          1   S10  S11  S12  S13         out = S^T q                   and the same numbers of q and k
 * ```
 *
 * The loop over tokens is sequential: each state depends on the one before, and no barrier is needed.
 * @module
 */
import type { View } from "@denotune/denotune/device";
import {
  type DispatchSpec,
  type Lower,
  type Lowering,
  perItem,
  type Scope,
  type TensorUse,
} from "../shader/dispatch.ts";

const INVOCATIONS = 64;
const WORKGROUP: DispatchSpec["workgroup"] = [INVOCATIONS, 1, 1];

/** Queries, keys, values, decays and the output. */
function shared(
  lowering: Lowering<"recurrence"> | Lowering<"recurrence_cached">,
): TensorUse[] {
  return [
    { name: "q", view: lowering.input("q") },
    { name: "k", view: lowering.input("k") },
    { name: "v", view: lowering.input("v") },
    { name: "decay", view: lowering.input("decay") },
    {
      name: "out",
      view: lowering.output("out"),
      writes: true,
    },
  ];
}

/** Which column of which head of which row an invocation has: columns first, so that adjacent lanes share a head. */
function placeText(
  scope: Scope,
  { B, heads, valueDim }: Lowering<"recurrence">["attributes"],
): string {
  return `let j = id % ${valueDim}u;
let head = (id / ${valueDim}u) % ${heads}u;
let b = id / ${valueDim * heads}u;
if (b >= ${scope.size(B)}) { return; }`;
}

/**
 * One token: state = kept(state) + k v, out = sum of state q. `row` counts tokens. One loop over the keys updates the
 * state and reads it for the output, so each number of it is visited once; keys are added in ascending order.
 */
function stepText(
  scope: Scope,
  { heads, keyDim, valueDim }: Lowering<"recurrence">["attributes"],
  kept: string,
): string {
  const [q, k, v, out] = ["q", "k", "v", "out"].map((n) => scope.tensor(n));
  return `let keys = (row * ${heads}u + head) * ${keyDim}u;
let place = (row * ${heads}u + head) * ${valueDim}u + j;
let value = ${v.load("place")};
var total = 0.0;
for (var i = 0u; i < ${keyDim}u; i++) {
  let after = ${kept} + ${k.load("keys + i")} * value;
  state[i] = after;
  total += after * ${q.load("keys + i")};
}
${out.store("place", "total")}`;
}

/** From the first token of each segment to its last, or the other way. */
export const recurrence: Lower<"recurrence"> = (lowering) => {
  const { attributes } = lowering;
  const { B, T, heads, keyDim, valueDim, reverse } = attributes;
  lowering.emit({
    name: "recurrence",
    tensors: [...shared(lowering), {
      name: "segments",
      view: lowering.input("segments"),
    }],
    workgroup: WORKGROUP,
    body: (scope) => {
      const segments = scope.tensor("segments");
      const size = scope.size(T);
      return `${placeText(scope, attributes)}
// This lane's column of the state: private memory, registers where they suffice.
var state: array<f32, ${keyDim}>;
for (var n = 0u; n < ${size}; n++) {
  let row = b * ${size} + ${reverse ? `${size} - 1u - n` : "n"};
  var goes_on = false;
  var factor = 0.0;
  if (n > 0u) {
    // The decay between two tokens is stored with the later of them.
    let before = ${reverse ? "row + 1u" : "row - 1u"};
    goes_on = ${segments.loadInt("before")} == ${segments.loadInt("row")};
    factor = exp(${
        scope.tensor("decay").load(
          `${reverse ? "before" : "row"} * ${heads}u + head`,
        )
      });
  }
  ${stepText(scope, attributes, "select(0.0, factor * state[i], goes_on)")}
}`;
    },
    grid: perItem((size) => size(B) * heads * valueDim, INVOCATIONS),
    cost: (size) => size(B) * size(T) * heads * keyDim * valueDim * 4,
  });
};

/**
 * Starts from the state of a slot and stores the new state there. Slot, length and count of each row are first
 * gathered into one buffer, because the smallest devices bind eight buffers.
 */
export const recurrenceCached: Lower<"recurrence_cached"> = (lowering) => {
  const { attributes } = lowering;
  const { B, T, heads, keyDim, valueDim } = attributes;
  const rows = lowering.scratch(3 * lowering.capacity(B));
  gatherRows(lowering, rows);
  lowering.emit({
    name: "recurrence_cached",
    tensors: [
      ...shared(lowering),
      { name: "rows", view: rows },
      {
        name: "kept",
        view: lowering.output("state"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    body: (scope) => {
      const [kept, out] = ["kept", "out"].map((name) => scope.tensor(name));
      const field = (i: number) => scope.tensor("rows").load(`3u * b + ${i}u`);
      const tokens = scope.size(T);
      return `${placeText(scope, { ...attributes, reverse: false })}
let start = (u32(${field(0)}) * ${heads}u + head) * ${keyDim * valueDim}u + j;
// A slot of length 0 begins anew; tokens from count on are padding, and do not change the state.
let starts = ${field(1)} == 0.0;
let count = u32(${field(2)});
var state: array<f32, ${keyDim}>;
for (var i = 0u; i < ${keyDim}u; i++) {
  state[i] = select(${kept.load(`start + i * ${valueDim}u`)}, 0.0, starts);
}
for (var t = 0u; t < ${tokens}; t++) {
  let row = b * ${tokens} + t;
  if (t >= count) {
    ${out.store(`(row * ${heads}u + head) * ${valueDim}u + j`, "0.0")}
    continue;
  }
  let factor = exp(${scope.tensor("decay").load(`row * ${heads}u + head`)});
  ${
        stepText(
          scope,
          { ...attributes, reverse: false },
          "factor * state[i]",
        )
      }
}
for (var i = 0u; i < ${keyDim}u; i++) {
  ${kept.store(`start + i * ${valueDim}u`, "state[i]")}
}`;
    },
    grid: perItem((size) => size(B) * heads * valueDim, INVOCATIONS),
    cost: (size) => size(B) * size(T) * heads * keyDim * valueDim * 4,
  });
};

/** rows[b] = slot, length and count of row b, exact in float32. */
function gatherRows(
  lowering: Lowering<"recurrence_cached">,
  rows: View,
): void {
  const { B } = lowering.attributes;
  const names = ["lengths", "counts", "index"] as const;
  lowering.emit({
    name: "recurrence_rows",
    tensors: [
      ...names.map((name) => ({
        name,
        view: lowering.input(name),
      })),
      { name: "rows", view: rows, writes: true },
    ],
    workgroup: WORKGROUP,
    body: (scope) => {
      const out = scope.tensor("rows");
      const fields = (["index", "lengths", "counts"] as const).map((name, i) =>
        out.store(`3u * id + ${i}u`, scope.tensor(name).load("id"))
      );
      return `if (id >= ${scope.size(B)}) { return; }
${fields.join("\n")}`;
    },
    grid: perItem((size) => size(B), INVOCATIONS),
  });
}
