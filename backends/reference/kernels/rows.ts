/**
 * Row programs: each row is computed independently, its stages in order. All stages read the inputs as they were
 * before the call, even if an output shares the memory of an input.
 * @module
 */
import { expressionOf } from "@denotune/denotune/device";
import { closureOf, loadInputs, type Place } from "../expression.ts";
import type { Kernel } from "../kernel.ts";

/** Where the fold of a maximum starts. */
const MOST_NEGATIVE_FLOAT32 = -3.4028234663852886e38;

/** A row program over (rows, columns). */
export const rows: Kernel<"rows"> = {
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
