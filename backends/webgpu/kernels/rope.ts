/**
 * Rotary position embedding.
 * @module
 */
import { product } from "@denotune/denotune/device";
import { type Lower, perItem } from "../shader/dispatch.ts";

const INVOCATIONS = 64;

/**
 * Turns the pairs (i, i + rotary / 2) of every head by the angles of its position. An invocation has a
 * pair, or one element of the rest; so in place each element is read by the invocation that writes it.
 */
export const rope: Lower<"rope"> = (lowering) => {
  const { attributes } = lowering;
  const { rows, heads, headDim, rotary, inverse } = attributes;
  const half = rotary / 2;
  const items = headDim - half; // of a head
  lowering.emit({
    name: "rope",
    tensors: [
      {
        name: "x",
        view: lowering.input("x"),
      },
      {
        name: "positions",
        view: lowering.input("positions"),
      },
      {
        name: "table",
        view: lowering.input("table"),
      },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) => {
      const [x, table, out] = ["x", "table", "out"].map((n) => scope.tensor(n));
      const all = scope.size(product([rows, heads, items]));
      return `// An invocation for each pair of a head, then one for each element that is not turned.
if (id >= ${all}) { return; }
let head = id / ${items}u; // of all rows
let i = id - head * ${items}u;
let start = head * ${headDim}u;
if (i >= ${half}u) {
  let at = start + ${half}u + i;
  ${out.store("at", x.load("at"))}
  return;
}
// The table has a row for each position: ${half} cosines, then ${half} sines.
let angle = u32(${
        scope.tensor("positions").loadInt(`head / ${heads}u`)
      }) * ${rotary}u + i;
let cosine = ${table.load("angle")};
let sine = ${inverse ? "-" : ""}${table.load(`angle + ${half}u`)};
let a = ${x.load("start + i")};
let b = ${x.load(`start + i + ${half}u`)};
${out.store("start + i", "a * cosine - b * sine")}
${out.store(`start + i + ${half}u`, "b * cosine + a * sine")}`;
    },
    grid: perItem((size) => size(rows) * heads * items, INVOCATIONS),
  });
};
