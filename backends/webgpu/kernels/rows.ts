/**
 * Row programs. One without reductions is a flat space of elements; else some lanes share a row and go
 * through it once for every group of reductions that do not need each other, and once to write:
 *
 * ```text
 * stages   max m | sum s (needs m) | let r | write 0 (in place) | sum t | write 1 (column)
 * passes   m, t  | s | r | column outputs | matrix outputs
 * ```
 *
 * Matrix outputs come last and each element's inputs are read before its outputs are written, so that all
 * stages see the inputs as they were, also where an output takes an input's place.
 * @module
 */
import {
  type Dim,
  type Expression,
  product,
  type RowProgram,
  type Stage,
} from "@denotune/denotune/device";
import type { Lower, Scope } from "../shader/dispatch.ts";
import { ExpressionWriter, leavesOf } from "../shader/expression.ts";
import { LaneReduction, lanesFor } from "../shader/reduce.ts";
import { MOST_NEGATIVE } from "../shader/reduce.ts";
import { leavesAt, loadOnce, readsColumnIndex } from "./program_inputs.ts";

type Write = Extract<Stage, { kind: "write" }>;

/** A row program over (rows, columns). */
export const rows: Lower<"rows"> = (lowering) => {
  const { attributes, inputs, outputs, limits } = lowering;
  const { program } = attributes;
  const { stages } = program;
  const columnCapacity = lowering.capacity(attributes.columns);
  const fixed = typeof attributes.columns === "number"
    ? attributes.columns
    : null;
  const wide = fixed !== null && fixed % 4 === 0;
  const tensors = [
    ...inputs.map((view, i) => ({
      name: `in${i}`,
      view,
      wide: wide && program.inputs[i] !== "column" &&
          program.inputs[i] !== "scalars"
        ? "together" as const
        : false,
    })),
    ...outputs.map((view, o) => ({
      name: `out${o}`,
      view,
      writes: true,
      wide: wide && program.outputs[o] === "matrix"
        ? "together" as const
        : false,
    })),
  ];
  const flat = stages.every((s) => s.kind !== "reduce") &&
    program.outputs.every((o) => o === "matrix");
  if (flat) {
    const invocations = limits.software ? 32 : 128;
    lowering.emit({
      name: "rows",
      tensors,
      workgroup: [invocations, 1, 1],
      body: (scope) => flatBody(scope, attributes),
      grid: (size) => ({
        // Where four at once are not granted after all, four times as many are needed.
        groups: Math.ceil(
          size(attributes.rows) * size(attributes.columns) / invocations,
        ),
      }),
    });
    return;
  }
  const lanes = lanesFor(limits, columnCapacity);
  const reduction = new LaneReduction(limits, lanes);
  lowering.emit({
    name: `rows by ${lanes.width}`,
    tensors,
    workgroup: [lanes.invocations, 1, 1],
    body: (scope) => rowBody(scope, attributes, { lanes, reduction }),
    declarations: () => reduction.declarations,
    grid: (size) => ({
      groups: size(attributes.columns) === 0 && onlyMatrices(program)
        ? 0
        : Math.ceil(size(attributes.rows) / lanes.rows),
    }),
  });
};

function onlyMatrices(program: RowProgram): boolean {
  return program.outputs.every((o) => o === "matrix");
}

interface Space {
  readonly rows: Dim;
  readonly columns: Dim;
  readonly program: RowProgram;
}

/** One invocation for an element, or for four side by side where all matrices allow it. */
function flatBody(scope: Scope, { rows, columns, program }: Space): string {
  const four = allWide(scope, program) && typeof columns === "number" &&
    columns % 4 === 0;
  const total = scope.size(product([rows, columns]));
  const needsRow = program.inputs.some((a) => a === "column") ||
    program.inputs.some((a) => a === "row") ||
    readsColumnIndex(program.stages.map(expressionOf));
  const lines = [
    `let i = id;`,
    `if (i >= ${four ? `${total} / 4u` : total}) { return; }`,
  ];
  if (needsRow) {
    const width = four ? `${(columns as number) / 4}u` : scope.size(columns);
    lines.push(
      `let r = i / ${width};`,
      `let c = i - r * ${width};`,
    );
  }
  lines.push(writeElements(scope, program, { four, matrixIndex: "i" }));
  return lines.join("\n");
}

/** Loads the inputs of one element (or four), computes all matrix outputs, stores them. */
function writeElements(
  scope: Scope,
  program: RowProgram,
  { four, matrixIndex }: { four: boolean; matrixIndex: string },
): string {
  const lines: string[] = [];
  const results = new Map<number, string[]>();
  // Element j of the vec4. `loadOnce` shares each load among the four. The stores follow all loads and
  // results, because an output may share the memory of an input.
  for (let j = 0; j < (four ? 4 : 1); j++) {
    const leaves = leavesAt(scope, program.inputs, {
      element: four ? { wide: j } : "scalar",
      matrixIndex,
      load: (text) => loadOnce(lines, text),
    });
    const writer = new ExpressionWriter({
      ...leaves,
      value: (name) => values.get(name) ?? `v_${name}`,
    }, `e${j}_`);
    // In a flat program a row's values are computed at each element.
    const values = new Map<string, string>();
    for (const stage of program.stages) {
      if (stage.kind === "let" && isFlat(program)) {
        values.set(stage.name, writer.write(stage.be));
      } else if (
        stage.kind === "write" && program.outputs[stage.output] === "matrix"
      ) {
        const result = writer.write(stage.value);
        results.set(stage.output, [
          ...(results.get(stage.output) ?? []).slice(0, j),
          result,
        ]);
      }
    }
    lines.push(...writer.lines);
  }
  for (const [output, elements] of results) {
    const tensor = scope.tensor(`out${output}`);
    lines.push(
      four
        ? tensor.storeWide(matrixIndex, `vec4<f32>(${elements.join(", ")})`)
        : tensor.store(matrixIndex, elements[0]),
    );
  }
  return lines.join("\n");
}

function isFlat(program: RowProgram): boolean {
  return program.stages.every((s) => s.kind !== "reduce") &&
    onlyMatrices(program);
}

function allWide(scope: Scope, program: RowProgram): boolean {
  return program.inputs.every((access, i) =>
    (access !== "matrix" && access !== "row") || scope.tensor(`in${i}`).wide
  ) &&
    program.outputs.every((access, o) =>
      access !== "matrix" || scope.tensor(`out${o}`).wide
    );
}

function rowBody(
  scope: Scope,
  { rows, columns, program }: Space,
  { lanes, reduction }: {
    lanes: { width: number; rows: number };
    reduction: LaneReduction;
  },
): string {
  const four = allWide(scope, program) && typeof columns === "number" &&
    columns % 4 === 0;
  const width = four ? `${(columns as number) / 4}u` : scope.size(columns);
  const lines = [
    // A group of lanes owns a row. No lane leaves early, because all take part in reductions: lanes
    // beyond the last row repeat that row and store nothing (`live`).
    `let row = group * ${lanes.rows}u + lane / ${lanes.width}u;`,
    `let place = lane % ${lanes.width}u;`,
    `let live = row < ${scope.size(rows)};`,
    `let r = min(row, ${scope.size(rows)} - 1u);`,
  ];
  // A lane owns the columns place, place + width, ...: adjacent lanes load adjacent elements, and each lane
  // folds its columns in ascending order, which fixes the rounding of its sum.
  const loop = (body: string) =>
    `for (var c = place; c < ${width}; c += ${lanes.width}u) {
let at = r * ${width} + c;
${body}
}`;
  const rowValue = (expression: Expression, name: string): string => {
    const writer = new ExpressionWriter(
      leavesAt(scope, program.inputs, { element: "row", load: (t) => t }),
      `${name}_`,
    );
    const result = writer.write(expression);
    return `${writer.lines.join("\n")}\nlet ${name} = ${result};`;
  };
  let pending: Extract<Stage, { kind: "reduce" }>[] = [];
  // One pass over the row for all pending reductions, so that they share its loads.
  const flush = () => {
    if (pending.length === 0) return;
    for (const { name, op } of pending) {
      lines.push(`var v_${name} = ${op === "sum" ? "0.0" : MOST_NEGATIVE};`);
    }
    lines.push(loop(reduceElements(scope, program, pending, four)));
    for (const { name, op } of pending) {
      lines.push(reduction.statements(op, `v_${name}`));
    }
    pending = [];
  };
  const columnWrites: string[] = [];
  // Stages in order. A stage that needs a pending reduction ends the pass first, because the value exists only
  // after the lanes are combined. Columns are stored after the last reduction pass, so that every reduction
  // reads unchanged inputs.
  for (const [n, stage] of program.stages.entries()) {
    const needs = valuesOf(expressionOf(stage));
    if (pending.some((p) => needs.has(p.name))) flush();
    if (stage.kind === "reduce") {
      pending.push(stage);
    } else if (stage.kind === "let") {
      lines.push(rowValue(stage.be, `v_${stage.name}`));
    } else if (program.outputs[stage.output] === "column") {
      flush();
      lines.push(rowValue(stage.value, `w${n}`));
      columnWrites.push(
        scope.tensor(`out${stage.output}`).store("r", `w${n}`),
      );
    }
  }
  flush();
  if (columnWrites.length > 0) {
    // Every lane has the row's values; the first one stores them.
    lines.push(`if (live && place == 0u) {\n${columnWrites.join("\n")}\n}`);
  }
  if (program.outputs.includes("matrix")) {
    lines.push(
      `if (live) {`,
      loop(writeElements(scope, program, { four, matrixIndex: "at" })),
      `}`,
    );
  }
  return lines.join("\n");
}

/** Folds the elements at one place (or four) into each reduction's variable. */
function reduceElements(
  scope: Scope,
  program: RowProgram,
  reduces: readonly Extract<Stage, { kind: "reduce" }>[],
  four: boolean,
): string {
  const lines: string[] = [];
  // The elements of a vec4 are folded one by one, in column order, into the lane's own accumulators.
  for (let j = 0; j < (four ? 4 : 1); j++) {
    const writer = new ExpressionWriter(
      leavesAt(scope, program.inputs, {
        element: four ? { wide: j } : "scalar",
        matrixIndex: "at",
        load: (text) => loadOnce(lines, text),
      }),
      `e${j}_`,
    );
    const folds = reduces.map(({ name, op, of }) => {
      const element = writer.write(of);
      return op === "sum"
        ? `v_${name} += ${element};`
        : `v_${name} = max(v_${name}, ${element});`;
    });
    lines.push(...writer.lines, ...folds);
  }
  return lines.join("\n");
}

function expressionOf(stage: Stage): Expression {
  return stage.kind === "reduce"
    ? stage.of
    : stage.kind === "let"
    ? stage.be
    : stage.value;
}

function valuesOf(expression: Expression): Set<string> {
  return new Set(
    leavesOf(expression).flatMap((e) => e.kind === "value" ? [e.name] : []),
  );
}
