/**
 * A short causal convolution of each column. Taps are few, so their loop is written out.
 *
 * ```text
 * weight (columns, taps): the last tap is the own token's
 * out[t] = w[taps - 1] x[t] + w[taps - 2] x[t - 1] + ...      within the segment
 * ```
 * @module
 */
import { product } from "@denotune/denotune/device";
import { type DispatchSpec, type Lower, perItem } from "../shader/dispatch.ts";

const INVOCATIONS = 64;
const WORKGROUP: DispatchSpec["workgroup"] = [INVOCATIONS, 1, 1];

/**
 * An invocation for each element of the output. Neighbours read the same tokens, from the caches: staging a handful
 * of taps in workgroup memory would cost two barriers.
 */
export const convolution: Lower<"convolution"> = (lowering) => {
  const { attributes } = lowering;
  const { B, T, columns, taps, reverse } = attributes;
  const rows = product([B, T]);
  lowering.emit({
    name: "convolution",
    tensors: [
      { name: "x", view: lowering.input("x") },
      {
        name: "weight",
        view: lowering.input("weight"),
      },
      {
        name: "segments",
        view: lowering.input("segments"),
      },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    body: (scope) => {
      const [x, weight, segments, out] = ["x", "weight", "segments", "out"]
        .map((name) => scope.tensor(name));
      const size = scope.size(T);
      // token j before (or behind) the own one counts if it is in the row and in the same segment
      const others = Array.from({ length: taps - 1 }, (_, i) => {
        const j = i + 1;
        const other = reverse ? `row + ${j}u` : `row - ${j}u`;
        const inside = reverse ? `t + ${j}u < ${size}` : `t >= ${j}u`;
        return `if (${inside}) {
  if (${segments.loadInt(other)} == segment) {
    total += ${weight.load(`c * ${taps}u + ${taps - 1 - j}u`)} * ${
          x.load(`(${other}) * ${columns}u + c`)
        };
  }
}`;
      });
      return `// An invocation for each element (row, c): its own token first, then the taps outwards, each checked for itself.
let row = id / ${columns}u;
if (row >= ${scope.size(rows)}) { return; }
let c = id - row * ${columns}u;
let t = row % ${size};
let segment = ${segments.loadInt("row")};
var total = ${weight.load(`c * ${taps}u + ${taps - 1}u`)} * ${x.load("id")};
${others.join("\n")}
${out.store("id", "total")}`;
    },
    grid: perItem((size) => size(B) * size(T) * columns, INVOCATIONS),
  });
};

/**
 * An invocation for each column of each row of the batch: it goes through the new tokens with the last ones in
 * `past0` (the oldest) ..., so the tail is read before it is written.
 */
export const convolutionCached: Lower<"convolution_cached"> = (lowering) => {
  const { attributes } = lowering;
  const { B, T, columns, taps } = attributes;
  lowering.emit({
    name: "convolution_cached",
    tensors: [
      { name: "x", view: lowering.input("x") },
      {
        name: "weight",
        view: lowering.input("weight"),
      },
      {
        name: "lengths",
        view: lowering.input("lengths"),
      },
      { name: "counts", view: lowering.input("counts") },
      { name: "index", view: lowering.input("index") },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
      {
        name: "tail",
        view: lowering.output("tail"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    body: (scope) => {
      const [x, weight, tail, out] = ["x", "weight", "tail", "out"]
        .map((name) => scope.tensor(name));
      const [lengths, counts, index] = ["lengths", "counts", "index"]
        .map((name) => scope.tensor(name).loadInt("b"));
      const past = Array.from({ length: taps - 1 }, (_, i) => `past${i}`);
      const place = (i: number) =>
        `(slot * ${taps - 1}u + ${i}u) * ${columns}u + c`;
      const sum = [
        ...past.map((name, i) =>
          `${weight.load(`c * ${taps}u + ${i}u`)} * ${name}`
        ),
        `${weight.load(`c * ${taps}u + ${taps - 1}u`)} * now`,
      ];
      return `// An invocation for column c of row b: its weights are loaded from the caches, its past stays in registers.
let b = id / ${columns}u;
if (b >= ${scope.size(B)}) { return; }
let c = id - b * ${columns}u;
let slot = u32(${index});
let count = u32(${counts});
// A slot of length 0 begins anew: what it holds is an earlier sequence's.
let starts = ${lengths} == 0;
${
        past.map((name, i) =>
          `var ${name} = select(${tail.load(place(i))}, 0.0, starts);`
        ).join("\n")
      }
// Tokens in order; those from count on are padding: 0, and the past stays.
for (var t = 0u; t < ${scope.size(T)}; t++) {
  let at = (b * ${scope.size(T)} + t) * ${columns}u + c;
  if (t >= count) {
    ${out.store("at", "0.0")}
    continue;
  }
  let now = ${x.load("at")};
  ${out.store("at", sum.join(" + "))}
  ${
        [...past.slice(1), "now"].map((next, i) => `${past[i]} = ${next};`)
          .join(" ")
      }
}
${past.map((name, i) => tail.store(place(i), name)).join("\n")}`;
    },
    grid: perItem((size) => size(B) * columns, INVOCATIONS),
  });
};
