/**
 * Kernels that only move elements: caches, columns, rings, copies. An invocation has an element of what is moved, so
 * that adjacent lanes read and write adjacent elements; memory bandwidth is all that they cost.
 * @module
 */
import {
  type DType,
  product,
  type QuantizedShape,
} from "@denotune/denotune/device";
import { type DispatchSpec, type Lower, perItem } from "../shader/dispatch.ts";
import { f32Text } from "../shader/numbers.ts";
import { combineArgmax } from "./argmax_lanes.ts";

const INVOCATIONS = 64;
const WORKGROUP: DispatchSpec["workgroup"] = [INVOCATIONS, 1, 1];

/** cache[index[b], lengths[b] + t] = new[b, t]; tokens beyond the capacity are dropped. */
export const writeCache: Lower<"write_cache"> = (lowering) => {
  const { attributes } = lowering;
  const { B, T, capacity, columns } = attributes;
  lowering.emit({
    name: "write_cache",
    tensors: [
      { name: "new", view: lowering.input("new") },
      {
        name: "lengths",
        view: lowering.input("lengths"),
      },
      {
        name: "index",
        view: lowering.input("index"),
      },
      {
        name: "cache",
        view: lowering.output("cache"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    body: (scope) =>
      `// An invocation for each element (b, t, c) of new.
let row = id / ${columns}u;
if (row >= ${scope.size(product([B, T]))}) { return; }
let c = id - row * ${columns}u;
let b = row / ${scope.size(T)};
// The new tokens follow those that the cache has.
let place = u32(${scope.tensor("lengths").loadInt("b")}) + row - b * ${
        scope.size(T)
      };
if (place >= ${capacity}u) { return; }
let slot = u32(${scope.tensor("index").loadInt("b")});
${
        scope.tensor("cache").store(
          `(slot * ${capacity}u + place) * ${columns}u + c`,
          scope.tensor("new").load("id"),
        )
      }`,
    grid: perItem((size) => size(B) * size(T) * columns, INVOCATIONS),
  });
};

/** out = columns offset .. offset + width of x. */
export const sliceColumns: Lower<"slice_columns"> = (lowering) => {
  const { attributes: { rows, from, offset, width } } = lowering;
  lowering.emit({
    name: "slice_columns",
    tensors: [
      { name: "x", view: lowering.input("x") },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    body: (scope) =>
      `// An invocation for each element (r, c) of out.
if (id >= ${scope.size(rows)} * ${width}u) { return; }
let r = id / ${width}u;
let c = id - r * ${width}u;
${
        scope.tensor("out").store(
          "id",
          scope.tensor("x").load(`r * ${from}u + ${offset}u + c`),
        )
      }`,
    grid: perItem((size) => size(rows) * width, INVOCATIONS),
  });
};

/** out = the inputs side by side: one dispatch an input, because the number of bindings is limited. */
export const concatColumns: Lower<"concat_columns"> = (lowering) => {
  const { attributes: { rows, widths } } = lowering;
  const total = widths.reduce((a, b) => a + b, 0);
  const out = lowering.output("out");
  let start = 0;
  widths.forEach((width, i) => {
    const at = start;
    start += width;
    lowering.emit({
      name: "concat_columns",
      tensors: [
        {
          name: "x",
          view: lowering.input(`x_${i}`),
        },
        { name: "out", view: out, writes: true },
      ],
      workgroup: WORKGROUP,
      body: (scope) =>
        `// An invocation for each element (r, c) of x.
if (id >= ${scope.size(rows)} * ${width}u) { return; }
let r = id / ${width}u;
let c = id - r * ${width}u;
${
          scope.tensor("out").store(
            `r * ${total}u + ${at}u + c`,
            scope.tensor("x").load("id"),
          )
        }`,
      grid: perItem((size) => size(rows) * width, INVOCATIONS),
    });
  });
};

/** ring[index mod S] = row. */
export const writeRow: Lower<"write_row"> = (lowering) => {
  const { attributes: { slots, columns } } = lowering;
  lowering.emit({
    name: "write_row",
    tensors: [
      { name: "row", view: lowering.input("row") },
      { name: "index", view: lowering.input("index") },
      {
        name: "ring",
        view: lowering.output("ring"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    body: (scope) =>
      `if (id >= ${columns}u) { return; }
let index = ${scope.tensor("index").loadInt("0u")};
// The remainder of a negative number is negative.
let slot = u32(((index % ${slots}) + ${slots}) % ${slots});
${
        scope.tensor("ring").store(
          `slot * ${columns}u + id`,
          scope.tensor("row").load("id"),
        )
      }`,
    grid: perItem(() => columns, INVOCATIONS),
  });
};

/** out = x, converted between f32 and 16-bit types. */
export const copy: Lower<"copy"> = (lowering) => {
  const { attributes: { elements, quantized } } = lowering;
  if (quantized !== undefined) {
    lowering.emit(widen(lowering, quantized));
    return;
  }
  const x = lowering.input("x");
  const out = lowering.output("out");
  if (out.dtype === "i8") {
    lowering.emit(copyToBytes(lowering));
    return;
  }
  if (out.dtype === "bf16" || out.dtype === "f16") {
    lowering.emit(copyToHalf(lowering, x.dtype, out.dtype));
    return;
  }
  lowering.emit({
    name: `copy ${x.dtype}`,
    tensors: [{ name: "x", view: x }, { name: "out", view: out, writes: true }],
    workgroup: WORKGROUP,
    body: (scope) => {
      const [from, to] = [scope.tensor("x"), scope.tensor("out")];
      return `if (id >= ${scope.size(elements)}) { return; }
${to.store("id", x.dtype === "i32" ? from.loadInt("id") : from.load("id"))}`;
    },
    grid: perItem((size) => size(elements), INVOCATIONS),
  });
};

/** Dequantises a whole matrix: an invocation for each number, which reads its code and its scale. */
function widen(
  lowering: Parameters<Lower<"copy">>[0],
  quantized: QuantizedShape,
): DispatchSpec {
  const elements = quantized.rows * quantized.columns;
  return {
    name: `copy ${quantized.format}`,
    tensors: [
      {
        name: "x",
        view: lowering.input("x"),
        quantized,
      },
      { name: "out", view: lowering.output("out"), writes: true },
    ],
    workgroup: WORKGROUP,
    body: (scope) =>
      `if (id >= ${elements}u) { return; }
${scope.tensor("out").store("id", scope.tensor("x").load("id"))}`,
    grid: perItem(() => elements, INVOCATIONS),
  };
}

/**
 * Two elements share a word, so each invocation owns a word. Half a word outside of the tensor is left unchanged.
 *
 * ```text
 * elements   . 0 | 1 2 | 3 .        words of a tensor of 4 that starts in the middle of one
 * ```
 */
function copyToHalf(
  { attributes: { elements }, inputs, outputs }: Parameters<
    Lower<"copy">
  >[0],
  from: DType,
  to: "bf16" | "f16",
): DispatchSpec {
  return {
    name: `copy ${from} to ${to}`,
    tensors: [{ name: "x", view: inputs[0] }, {
      name: "out",
      view: outputs[0],
      writes: true,
    }],
    workgroup: WORKGROUP,
    body: (scope) => {
      const [x, out] = [scope.tensor("x"), scope.tensor("out")];
      const n = scope.size(elements);
      const element = (i: string, name: string) =>
        from === to
          ? `let at_${name} = ${x.place(i)};
  let word_${name} = ${x.word(`at_${name} >> 1u`)};
  let ${name} = select(word_${name} & 0xffffu, word_${name} >> 16u, (at_${name} & 1u) == 1u);`
          : `let ${name} = narrow_${to}(${x.load(i)});`;
      return `// An invocation for each word: elements low (its lower half) and low + 1, where the tensor has them.
let first = ${out.place("0u")};
let word = (first >> 1u) + id; // of the binding
var bits = 0u;
let low = i32(word * 2u) - i32(first); // element in the lower half
let n = i32(${n});
if (low >= n || n == 0) { return; }
if (low < 0 || low + 1 >= n) { bits = ${out.word("word")}; }
if (low >= 0) {
  ${element("u32(low)", "x0")}
  bits = (bits & 0xffff0000u) | x0;
}
if (low + 1 < n) {
  ${element("u32(low + 1)", "x1")}
  bits = (bits & 0xffffu) | (x1 << 16u);
}
${out.storeWord("word", "bits")}`;
    },
    grid: perItem((size) => Math.ceil(size(elements) / 2) + 1, INVOCATIONS),
  };
}

/** Four elements share a word, and tensors start and end with one: each invocation owns a word. */
function copyToBytes(
  { attributes: { elements }, inputs, outputs }: Parameters<Lower<"copy">>[0],
): DispatchSpec {
  return {
    name: "copy f32 to i8",
    tensors: [{ name: "x", view: inputs[0] }, {
      name: "out",
      view: outputs[0],
      writes: true,
    }],
    workgroup: WORKGROUP,
    body: (scope) => {
      const [x, out] = [scope.tensor("x"), scope.tensor("out")];
      // round() takes ties to even
      const byte = (lane: number) =>
        `(bitcast<u32>(i32(round(clamp(${
          x.load(`4u * id + ${lane}u`)
        }, -128.0, 127.0)))) & 255u) << ${8 * lane}u`;
      return `if (4u * id >= ${scope.size(elements)}) { return; }
let bits = (${[0, 1, 2, 3].map(byte).join(") | (")});
${out.storeWord(`(${out.place("4u * id")}) >> 2u`, "bits")}`;
    },
    grid: perItem((size) => Math.ceil(size(elements) / 4), INVOCATIONS),
  };
}

/** Every element of out is `value`. */
export const fill: Lower<"fill"> = (lowering) => {
  const { attributes: { elements, value } } = lowering;
  lowering.emit({
    name: "fill",
    tensors: [{
      name: "out",
      view: lowering.output("out"),
      writes: true,
    }],
    workgroup: WORKGROUP,
    body: (scope) =>
      `if (id >= ${scope.size(elements)}) { return; }
let value = ${f32Text(value)};
${scope.tensor("out").store("id", "value")}`,
    grid: perItem((size) => size(elements), INVOCATIONS),
  });
};

/** out[r] = the first column that holds the largest element of row r: a workgroup a row. */
export const argmax: Lower<"argmax"> = (lowering) => {
  const { attributes: { rows, columns } } = lowering;
  lowering.emit({
    name: "argmax",
    tensors: [
      { name: "x", view: lowering.input("x") },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: WORKGROUP,
    declarations: () =>
      `var<workgroup> largest: array<f32, ${INVOCATIONS}>;
var<workgroup> places: array<u32, ${INVOCATIONS}>;`,
    body: (scope) =>
      `if (group >= ${scope.size(rows)}) { return; }
let n = ${scope.size(columns)};
// Each lane: the first of the largest (strictly larger, ascending) among every ${INVOCATIONS}-th column.
var best = min(lane, n - 1u);
var value = ${scope.tensor("x").load("group * n + best")};
for (var c = lane + ${INVOCATIONS}u; c < n; c += ${INVOCATIONS}u) {
  let other = ${scope.tensor("x").load("group * n + c")};
  if (other > value) { value = other; best = c; }
}
${combineArgmax(INVOCATIONS)}
if (lane == 0u) { ${scope.tensor("out").store("group", "i32(places[0])")} }`,
    grid: (size) => ({ groups: size(rows) }),
  });
};
