/**
 * Sums over rows, over everything, and by group. Long ones go in two steps: chunks, whose number depends
 * on capacities alone, then the chunks in order.
 * @module
 */
import type { Dim } from "@denotune/denotune/device";
import type { Lower, Scope } from "../shader/dispatch.ts";
import { perItem } from "../shader/dispatch.ts";
import { ExpressionWriter } from "../shader/expression.ts";
import { LaneReduction } from "../shader/reduce.ts";
import { leavesAt } from "./program_inputs.ts";

/** Rows that one invocation adds up before it is worth while to share a column: fewer cost less than another dispatch. */
const ROWS_OF_A_CHUNK = 32;
/** Chunks of a column: enough to keep a GPU busy with a few columns; the second pass adds so many in one chain. */
const MOST_CHUNKS = 128;

/** out[c] = addend[c] + the sum over rows of an expression at (r, c). */
export const columnSum: Lower<"column_sum"> = (lowering) => {
  const { attributes, inputs, limits } = lowering;
  const { rows, columns, of } = attributes;
  const capacity = lowering.capacity(rows);
  const addend = attributes.addend ? lowering.input("addend") : null;
  const out = lowering.output("out");
  const invocations = limits.software ? 16 : 64;
  // by capacity: it belongs to the compiled plan, and scratch memory is sized by it
  const chunks = Math.max(
    1,
    Math.min(MOST_CHUNKS, Math.ceil(capacity / ROWS_OF_A_CHUNK)),
  );
  const tensors = attributes.inputs.map((_, i) => ({
    name: `in${i}`,
    view: inputs[i],
  }));
  const last = addend === null ? [] : [{ name: "addend", view: addend }];
  const partial = chunks === 1 ? null : lowering.scratch(chunks * columns);
  /** Declares `total`: rows from .. to of column c in their order. Adjacent lanes have adjacent columns, so a row is read in whole lines. */
  const sumOf = (scope: Scope, from: string, to: string) => {
    const lines: string[] = [];
    const writer = new ExpressionWriter(
      leavesAt(scope, attributes.inputs, {
        element: "scalar",
        matrixIndex: `r * ${columns}u + c`,
        load: (text) => text,
      }),
      "e",
    );
    const element = writer.write(of);
    lines.push(
      "var total = 0.0;",
      `for (var r = ${from}; r < ${to}; r++) {`,
      ...writer.lines,
      `total += ${element};`,
      "}",
    );
    return lines.join("\n");
  };
  if (partial === null) {
    lowering.emit({
      name: "column_sum",
      tensors: [...tensors, ...last, { name: "out", view: out, writes: true }],
      workgroup: [invocations, 1, 1],
      body: (scope) =>
        `// An invocation for each column: all rows.
let c = id;
if (c >= ${columns}u) { return; }
${sumOf(scope, "0u", scope.size(rows))}
${scope.tensor("out").store("c", withAddend(scope, addend !== null, "c"))}`,
      grid: perItem(() => columns, invocations),
      cost: (size) => size(rows) * columns * 8,
    });
    return;
  }
  lowering.emit({
    name: "column_sum of chunks",
    tensors: [...tensors, { name: "partial", view: partial, writes: true }],
    workgroup: [invocations, 1, 1],
    body: (scope) =>
      `// An invocation for column c of a chunk of rows; z counts the chunks, all of one length but the last ones.
let c = id;
if (c >= ${columns}u) { return; }
let length = (${scope.size(rows)} + ${chunks - 1}u) / ${chunks}u;
let first = wg.z * length;
${sumOf(scope, "first", `min(first + length, ${scope.size(rows)})`)}
${scope.tensor("partial").store(`wg.z * ${columns}u + c`, "total")}`,
    grid: () => ({ groups: Math.ceil(columns / invocations), z: chunks }),
    cost: (size) => size(rows) * columns * 8,
  });
  lowering.emit({
    name: "column_sum over chunks",
    tensors: [{ name: "partial", view: partial }, ...last, {
      name: "out",
      view: out,
      writes: true,
    }],
    workgroup: [invocations, 1, 1],
    body: (scope) =>
      `// An invocation for each column: its chunks in order.
let c = id;
if (c >= ${columns}u) { return; }
var total = 0.0;
for (var n = 0u; n < ${chunks}u; n++) { total += ${
        scope.tensor("partial").load(`n * ${columns}u + c`)
      }; }
${scope.tensor("out").store("c", withAddend(scope, addend !== null, "c"))}`,
    grid: perItem(() => columns, invocations),
  });
};

function withAddend(scope: Scope, addend: boolean, index: string): string {
  return addend ? `total + ${scope.tensor("addend").load(index)}` : "total";
}

/** out = addend + the sum of an expression over (1, elements). */
export const sum: Lower<"sum"> = (lowering) => {
  const { attributes, inputs, limits } = lowering;
  const { elements, of } = attributes;
  const capacity = lowering.capacity(elements);
  const addend = attributes.addend ? lowering.input("addend") : null;
  const out = lowering.output("out");
  const invocations = limits.software ? 8 : 256;
  // an invocation adds up 16 elements at least, or folding the lanes would cost more than the sum
  const groups = Math.max(
    1,
    Math.min(
      limits.software ? 64 : 256,
      Math.ceil(capacity / (invocations * 16)),
    ),
  );
  const tensors = attributes.inputs.map((_, i) => ({
    name: `in${i}`,
    view: inputs[i],
  }));
  const last = addend === null ? [] : [{ name: "addend", view: addend }];
  /** Declares `total`, this lane's part: adjacent lanes read adjacent elements. */
  const sumOf = (scope: Scope): string => {
    const writer = new ExpressionWriter(
      leavesAt(scope, attributes.inputs, {
        element: "scalar",
        matrixIndex: "c",
        load: (text) => text,
      }),
      "e",
    );
    const element = writer.write(of);
    return `// Every invocation of all workgroups takes every ${
      groups * invocations
    }-th element.
var total = 0.0;
for (var c = id; c < ${scope.size(elements)}; c += ${groups * invocations}u) {
${writer.lines.join("\n")}
total += ${element};
}`;
  };
  /** Folds the lanes of a workgroup, in an order that its size fixes; lane 0 has `finish` to do. */
  const fold = (
    start: (scope: Scope) => string,
    finish: (scope: Scope) => string,
  ) => {
    const reduction = new LaneReduction(limits, {
      width: invocations,
      invocations,
    });
    return {
      body: (scope: Scope) =>
        `${start(scope)}
${reduction.statements("sum", "total")}
if (lane == 0u) { ${finish(scope)} }`,
      declarations: () => reduction.declarations,
    };
  };
  const workgroup = [invocations, 1, 1] as const;
  const cost = (size: (dim: Dim) => number) => size(elements) * 8;
  if (groups === 1) {
    lowering.emit({
      name: "sum",
      tensors: [...tensors, ...last, { name: "out", view: out, writes: true }],
      workgroup,
      ...fold(sumOf, (scope) =>
        scope.tensor("out").store(
          "0u",
          withAddend(scope, addend !== null, "0u"),
        )),
      grid: () => ({ groups: 1 }),
      cost,
    });
    return;
  }
  const partial = lowering.scratch(groups);
  lowering.emit({
    name: "sum of chunks",
    tensors: [...tensors, { name: "partial", view: partial, writes: true }],
    workgroup,
    ...fold(sumOf, (scope) => scope.tensor("partial").store("group", "total")),
    grid: () => ({ groups }),
    cost,
  });
  lowering.emit({
    name: "sum over chunks",
    tensors: [{ name: "partial", view: partial }, ...last, {
      name: "out",
      view: out,
      writes: true,
    }],
    workgroup,
    ...fold(
      (scope) =>
        `// One workgroup: each lane adds every ${invocations}-th chunk.
var total = 0.0;
for (var n = lane; n < ${groups}u; n += ${invocations}u) { total += ${
          scope.tensor("partial").load("n")
        }; }`,
      (scope) =>
        scope.tensor("out").store(
          "0u",
          withAddend(scope, addend !== null, "0u"),
        ),
    ),
    grid: () => ({ groups: 1 }),
  });
};

/**
 * out[g] = addend[g] + the sum of the values of group g. A workgroup goes through all rows for each group: groups are
 * few (the sources of the data), and WGSL has no float atomics.
 */
export const groupSum: Lower<"group_sum"> = (lowering) => {
  const { attributes: { rows, count }, limits } = lowering;
  const invocations = limits.software ? 8 : 64;
  const reduction = new LaneReduction(limits, {
    width: invocations,
    invocations,
  });
  lowering.emit({
    name: "group_sum",
    tensors: [
      { name: "values", view: lowering.input("values") },
      {
        name: "groups",
        view: lowering.input("groups"),
      },
      { name: "addend", view: lowering.input("addend") },
      {
        name: "out",
        view: lowering.output("out"),
        writes: true,
      },
    ],
    workgroup: [invocations, 1, 1],
    body: (scope) =>
      `// A workgroup for each group; its lanes share the rows, and values of other groups are not read.
var total = 0.0;
for (var r = lane; r < ${scope.size(rows)}; r += ${invocations}u) {
  if (${scope.tensor("groups").loadInt("r")} == i32(group)) { total += ${
        scope.tensor("values").load("r")
      }; }
}
${reduction.statements("sum", "total")}
if (lane == 0u && group < ${count}u) { ${
        scope.tensor("out").store(
          "group",
          `total + ${scope.tensor("addend").load("group")}`,
        )
      } }`,
    declarations: () => reduction.declarations,
    grid: () => ({ groups: count }),
  });
};
