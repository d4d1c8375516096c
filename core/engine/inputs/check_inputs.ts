/**
 * What an objective lays out is checked where it comes in: a target beyond the vocabulary or a divisor of 0 would
 * train something else in silence.
 * @module
 */
import { show } from "../../config/parse/problem.ts";
import { PluginError } from "../../contracts/errors.ts";
import type { Inputs, ObjectiveLoss } from "../../contracts/objective.ts";
import { batchLevels } from "./level_inputs.ts";

/** What inputs are checked against. */
export interface InputChecks {
  /** The part and its plugin, in messages: `objective "causal-lm"`. */
  readonly described: string;
  /** Columns of the head. */
  readonly columns: number;
  /** Ids that the model reads. */
  readonly vocabSize: number;
  /** Number of data sources. */
  readonly sources: number;
  readonly loss: ObjectiveLoss | null;
}

const ARRAYS = [
  "tokens",
  "positions",
  "segments",
  "rowKeys",
  "rows",
  "targets",
  "weights",
  "sources",
] as const;

/** Throws `PluginError` that names the part, what is wrong and the row, for inputs that cannot be run. */
export function checkInputs(inputs: Inputs, checks: InputChecks): void {
  const fail = (what: string): never => {
    throw new PluginError(`\`inputs\` of the ${checks.described} gave ${what}`);
  };
  const { B, T, rows } = inputs;
  if (!(Number.isInteger(B) && B >= 1 && Number.isInteger(T) && T >= 1)) {
    fail(`${show(B)} rows of ${show(T)} tokens`);
  }
  for (const name of ARRAYS) {
    const array: unknown = inputs[name];
    const type = name === "weights" ? Float32Array : Int32Array;
    if (array instanceof type) continue;
    fail(`${show(array)} as \`${name}\`; expected a ${type.name}`);
  }
  const N = B * T;
  const R = rows.length;
  for (const name of ["tokens", "positions", "segments", "rowKeys"] as const) {
    if (inputs[name].length !== N) {
      fail(`${inputs[name].length} ${name} for ${B} rows of ${T} tokens`);
    }
  }
  for (const name of ["targets", "weights", "sources"] as const) {
    if (inputs[name].length !== R) {
      fail(`${inputs[name].length} ${name} for ${R} supervised rows`);
    }
  }
  const at = (r: number) =>
    `supervised row ${r} (token ${rows[r] % T} of row ${
      Math.floor(rows[r] / T)
    })`;
  for (let n = 0; n < N; n++) {
    const position = inputs.positions[n];
    if (position < 0) {
      fail(
        `the position ${position} at place ${n % T} of row ${
          Math.floor(n / T)
        }`,
      );
    }
    if (inputs.tokens[n] >= 0 && inputs.tokens[n] < checks.vocabSize) continue;
    fail(
      `the token ${inputs.tokens[n]} at place ${n % T} of row ${
        Math.floor(n / T)
      }; the model has ${checks.vocabSize} tokens`,
    );
  }
  for (let r = 0; r < R; r++) {
    if (!(rows[r] >= 0 && rows[r] < N) || (r > 0 && rows[r] <= rows[r - 1])) {
      fail(
        `the index ${
          rows[r]
        } for supervised row ${r}; indices are below ${N} and ascending`,
      );
    }
    const target = inputs.targets[r];
    if (!(target >= 0 && target < checks.columns)) {
      fail(
        `the target ${target} for ${
          at(r)
        }; there are ${checks.columns} columns`,
      );
    }
    if (!Number.isFinite(inputs.weights[r])) {
      fail(`the weight ${inputs.weights[r]} for ${at(r)}`);
    }
    if (!(inputs.sources[r] >= 0 && inputs.sources[r] < checks.sources)) {
      fail(
        `the source ${inputs.sources[r]} for ${
          at(r)
        }; there are ${checks.sources}`,
      );
    }
  }
  const { divisor } = inputs;
  if (!Number.isFinite(divisor) || divisor < 0 || (divisor === 0 && R > 0)) {
    fail(
      `the divisor ${divisor} for ${R} supervised rows; it is what the loss of the step is divided by, above 0`,
    );
  }
  checkOwn(inputs, checks.loss, fail);
}

/** The inputs that a loss brings. */
function checkOwn(
  inputs: Inputs,
  loss: ObjectiveLoss | null,
  fail: (what: string) => never,
): void {
  const wanted = loss?.inputs ?? {};
  for (const name of Object.keys(inputs.own ?? {})) {
    if (!(name in wanted)) {
      fail(
        `an input \`${name}\`, which its loss does not name; it names ${
          Object.keys(wanted).join(", ") || "none"
        }`,
      );
    }
  }
  if (Object.keys(wanted).length === 0) return;
  const { groupOf, members } = batchLevels(inputs);
  const sizes = {
    row: inputs.rows.length,
    sequence: groupOf.length,
    group: members.length,
    window: 1,
  };
  for (const [name, { per }] of Object.entries(wanted)) {
    const found = inputs.own?.[name];
    if (found?.length === sizes[per]) continue;
    fail(
      found === undefined
        ? `no input \`${name}\`, which its loss names`
        : `${found.length} numbers as \`${name}\`, which is per ${per}: ${
          sizes[per]
        } are read`,
    );
  }
}
