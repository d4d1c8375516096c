/**
 * Row programs: everything elementwise and row-wise.
 * @module
 */
import { type Dim, product } from "../dims.ts";
import type { Expression, RowProgram, Stage } from "../expression.ts";
import { accessOperands, checkExpression, inputName } from "./_accesses.ts";
import type { KernelDefinition } from "./_definition.ts";

/** Attributes of `rows`. */
export interface RowsAttributes {
  /** Rows of the space. */
  readonly rows: Dim;
  /** Its columns. */
  readonly columns: Dim;
  /** What is done for each row. */
  readonly program: RowProgram;
}

/** A row program over (rows, columns): inputs and outputs as the program lists them. */
export const rows: KernelDefinition<"rows", RowsAttributes> = {
  name: "rows",
  operands({ rows, columns, program }) {
    checkProgram(program);
    const { inputs, outputs, stages } = program;
    // an element's inputs are read before any of its outputs is written
    const matrices = inputs.flatMap((access, i) =>
      access === "matrix" ? [inputName(i, access)] : []
    );
    return {
      inputs: accessOperands(inputs, stages.map(expressionOf), {
        rows,
        columns,
      }),
      outputs: outputs.map((kind, o) => ({
        name: `output ${o} (${kind})`,
        shape: kind === "matrix" ? [rows, columns] : [rows],
        mayShare: kind === "matrix" ? matrices : [],
      })),
    };
  },
  operations: ({ rows, columns }, size) => size(product([rows, columns])) * 8,
};

/** The expression of a stage. */
export function expressionOf(stage: Stage): Expression {
  switch (stage.kind) {
    case "reduce":
      return stage.of;
    case "let":
      return stage.be;
    case "write":
      return stage.value;
  }
}

function checkProgram({ inputs, outputs, stages }: RowProgram): void {
  const values = new Set<string>();
  const written = new Set<number>();
  for (const [i, stage] of stages.entries()) {
    const where = `stage ${i} (${stage.kind})`;
    const output = stage.kind === "write" ? outputs[stage.output] : undefined;
    if (stage.kind === "write") {
      if (output === undefined) {
        throw new RangeError(
          `${where} writes output ${stage.output} of ${outputs.length}`,
        );
      }
      written.add(stage.output);
    }
    const perElement = stage.kind === "reduce" || output === "matrix";
    checkExpression(expressionOf(stage), { inputs, values, perElement }, where);
    if (stage.kind !== "write") values.add(stage.name);
  }
  const missing = outputs.findIndex((_, o) => !written.has(o));
  if (missing >= 0) throw new RangeError(`no stage writes output ${missing}`);
}
