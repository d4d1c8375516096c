/**
 * Rows by index: gather, scatter, and the embedding's gradient. No two invocations write the same
 * element, so nothing is atomic and every sum has its order.
 * @module
 */
import { type Lower, perItem } from "../shader/dispatch.ts";

const INVOCATIONS = 64;

/** out[r] = table[index[r]]; NaN where the index is no row of the table. */
export const gatherRows: Lower<"gather_rows"> = (lowering) => {
  const { attributes: { rows, columns, quantized } } = lowering;
  const table = lowering.input("table");
  const count = quantized?.rows ??
    table.shape.reduce<number>((n, d) => n * lowering.capacity(d), 1) / columns;
  lowering.emit({
    name: "gather_rows",
    tensors: [
      { name: "table", view: table, quantized },
      {
        name: "index",
        view: lowering.input("index"),
      },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) =>
      `// An invocation for each element (r, c) of out.
let r = id / ${columns}u;
if (r >= ${scope.size(rows)}) { return; }
let c = id - r * ${columns}u;
let source = ${scope.tensor("index").loadInt("r")};
// A NaN is seen in the loss; another row would train in silence.
if (source < 0 || source >= ${count}) { ${
        scope.tensor("out").store("id", "poison(r * 0u)")
      } return; }
${
        scope.tensor("out").store(
          "id",
          scope.tensor("table").load(`u32(source) * ${columns}u + c`),
        )
      }`,
    grid: perItem((size) => size(rows) * columns, INVOCATIONS),
  });
};

/** out[index[i]] = values[i], zero elsewhere. */
export const scatterRows: Lower<"scatter_rows"> = (lowering) => {
  const { attributes: { rows, count, columns } } = lowering;
  const out = lowering.output("out");
  lowering.emit({
    name: "scatter_rows zeros",
    tensors: [{ name: "out", view: out, writes: true }],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) =>
      `if (id >= ${scope.size(rows)} * ${columns}u) { return; }
${scope.tensor("out").store("id", "0.0")}`,
    grid: perItem((size) => size(rows) * columns, INVOCATIONS),
  });
  lowering.emit({
    name: "scatter_rows",
    tensors: [
      {
        name: "values",
        view: lowering.input("values"),
      },
      {
        name: "index",
        view: lowering.input("index"),
      },
      { name: "out", view: out, writes: true },
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) =>
      `// An invocation for each element (i, c) of values; indices that are no row of out are left out.
let i = id / ${columns}u;
if (i >= ${scope.size(count)}) { return; }
let c = id - i * ${columns}u;
let to = ${scope.tensor("index").loadInt("i")};
if (to < 0 || u32(to) >= ${scope.size(rows)}) { return; }
${
        scope.tensor("out").store(
          `u32(to) * ${columns}u + c`,
          scope.tensor("values").load("id"),
        )
      }`,
    grid: perItem((size) => size(count) * columns, INVOCATIONS),
    cost: (size) => size(count) * columns * 4,
  });
};

/**
 * table[ids[u]] += values[order[i]] for i in [starts[u], starts[u + 1]): an invocation for each column of
 * each distinct id.
 *
 * ```text
 * tokens      7 3 7 7 3        order   1 4 | 0 2 3      ids  3 7      starts  0 2 5
 * ```
 */
export const scatterAdd: Lower<"scatter_add"> = (lowering) => {
  const { attributes: { unique, columns } } = lowering;
  lowering.emit({
    name: "scatter_add",
    tensors: [
      { name: "values", view: lowering.input("values") },
      {
        name: "order",
        view: lowering.input("order"),
      },
      {
        name: "ids",
        view: lowering.input("ids"),
      },
      {
        name: "starts",
        view: lowering.input("starts"),
      },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) =>
      `// An invocation for column c of distinct id u: it alone writes that element.
let u = id / ${columns}u;
if (u >= ${scope.size(unique)}) { return; }
let c = id - u * ${columns}u;
let at = u32(${scope.tensor("ids").loadInt("u")}) * ${columns}u + c;
let end = u32(${scope.tensor("starts").loadInt("u + 1u")});
// The id's tokens in the order of the batch: the same bits at every run.
var total = ${scope.tensor("out").load("at")};
for (var i = u32(${scope.tensor("starts").loadInt("u")}); i < end; i++) {
  total += ${
        scope.tensor("values").load(
          `u32(${scope.tensor("order").loadInt("i")}) * ${columns}u + c`,
        )
      };
}
${scope.tensor("out").store("at", "total")}`,
    grid: perItem((size) => size(unique) * columns, INVOCATIONS),
  });
};
