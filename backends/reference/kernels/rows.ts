/**
 * Row programs: every row on its own, its stages in order. All stages read the inputs as they were before
 * the call, also where an output lies in the place of an input.
 * @module
 */
import {
  DeviceError,
  type DType,
  type Expression,
  type RowProgram,
  type Stage,
} from "@denotune/denotune/core";
import {
  checkExpression,
  closureOf,
  leavesOf,
  loadInputs,
  type Place,
} from "../expression.ts";
import { INDEX, type Kernel, type Operand } from "../kernel.ts";

/** Where the fold of a maximum starts. */
const MOST_NEGATIVE_FLOAT32 = -3.4028234663852886e38;

/** A row program over (rows, columns). */
export const rows: Kernel<"rows"> = {
  signature(attributes, size) {
    const { program } = attributes;
    const count = size(attributes.rows);
    const columns = size(attributes.columns);
    checkProgram(program);
    const outputs = program.outputs.map((access, i): Operand => ({
      name: `output ${i} (${access})`,
      elements: access === "matrix" ? count * columns : count,
    }));
    const matrices = (accesses: readonly string[]) =>
      [...accesses.keys()].filter((i) => accesses[i] === "matrix");
    return {
      inputs: programOperands(
        program.inputs,
        program.stages.map(expressionOf),
        { rows: count, columns },
      ),
      outputs,
      mayShare: matrices(program.inputs).flatMap((i) =>
        matrices(program.outputs).map((o) => [i, o] as const)
      ),
    };
  },

  run(attributes, size, inputs, outputs) {
    const { program } = attributes;
    const columns = size(attributes.columns);
    const loaded = loadInputs(program.inputs, inputs);
    const results = outputs.map((output) => new Float64Array(output.length));
    const stages = program.stages.map((stage) => ({
      stage,
      at: closureOf(expressionOf(stage), loaded, columns),
    }));
    for (let row = 0; row < size(attributes.rows); row++) {
      const place: Place = { row, column: 0, values: new Map() };
      for (const { stage, at } of stages) {
        place.column = 0;
        if (stage.kind === "let") {
          place.values.set(stage.name, at(place));
        } else if (stage.kind === "reduce") {
          let folded = stage.op === "sum" ? 0 : MOST_NEGATIVE_FLOAT32;
          for (; place.column < columns; place.column++) {
            folded = stage.op === "sum"
              ? folded + at(place)
              : Math.max(folded, at(place));
          }
          place.values.set(stage.name, folded);
        } else if (program.outputs[stage.output] === "column") {
          results[stage.output][row] = at(place);
        } else {
          for (; place.column < columns; place.column++) {
            results[stage.output][row * columns + place.column] = at(place);
          }
        }
      }
    }
    for (const [i, output] of outputs.entries()) output.save(results[i]);
  },
};

/** Operands of what reads by access: shapes follow from the space, scalars are as long as they are read. */
export function programOperands(
  accesses: RowProgram["inputs"],
  expressions: readonly Expression[],
  space: { rows: number; columns: number },
): Operand[] {
  const leaves = expressions.flatMap(leavesOf);
  return accesses.map((access, i) => {
    const lastIndex = Math.max(
      -1,
      ...leaves.map((e) =>
        e.kind === "input" && e.input === i ? e.index ?? -1 : -1
      ),
    );
    const isKey = leaves.some((e) => e.kind === "random" && e.input === i);
    const numbers: readonly DType[] = ["f32", "i32"];
    const elements = {
      matrix: space.rows * space.columns,
      row: space.columns,
      column: space.rows,
      scalars: { atLeast: lastIndex + 1 },
    };
    return {
      name: `input ${i} (${access})`,
      elements: elements[access],
      dtypes: isKey ? INDEX : numbers,
    };
  });
}

function expressionOf(stage: Stage): Expression {
  return stage.kind === "reduce"
    ? stage.of
    : stage.kind === "let"
    ? stage.be
    : stage.value;
}

function checkProgram(program: RowProgram): void {
  const values = new Set<string>();
  const written = new Set<number>();
  for (const [i, stage] of program.stages.entries()) {
    const access = stage.kind === "write"
      ? program.outputs[stage.output]
      : undefined;
    const where = `stage ${i} (${stage.kind})`;
    if (stage.kind === "write") {
      if (access === undefined) {
        throw new DeviceError(
          `${where} writes output ${stage.output} of ${program.outputs.length}`,
        );
      }
      written.add(stage.output);
    }
    const perElement = stage.kind === "reduce" || access === "matrix";
    checkExpression(expressionOf(stage), {
      inputs: program.inputs,
      values,
      perElement,
    }, where);
    if (stage.kind !== "write") values.add(stage.name);
  }
  for (const output of program.outputs.keys()) {
    if (!written.has(output)) {
      throw new DeviceError(`no stage writes output ${output}`);
    }
  }
}
