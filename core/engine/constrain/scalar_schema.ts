/**
 * Strings and numbers of a JSON schema.
 * @module
 */
import type { Expression } from "./expressions.ts";
import { FORMATS } from "./formats.ts";
import { integersWithin, numbersWithin } from "./number_ranges.ts";
import { patternInside, PatternProblem } from "./pattern.ts";
import { SchemaProblem } from "./schema_problem.ts";
import {
  countOf,
  numberOf,
  type SchemaReading,
  type SchemaWords,
} from "./schema_words.ts";

/** Numbers of a `multipleOf` that are listed one by one. */
const MOST_MULTIPLES = 2000;

/** A string of JSON. */
export function stringOf(
  schema: SchemaWords,
  reading: SchemaReading,
): Expression {
  const min = countOf(schema, "minLength", 0);
  const max = countOf(schema, "maxLength", Infinity);
  const patterns = [schema.pattern].flat().filter((one) => one !== undefined);
  const insides = patterns.map((pattern) => patternOf(pattern, reading));
  const format = typeof schema.format === "string"
    ? FORMATS[schema.format]
    : undefined;
  if (format !== undefined) insides.push(patternOf(format, reading));
  if (min > 0 || max < Infinity || insides.length === 0) {
    insides.push(
      reading.json.expressions.repeat(reading.json.character(), min, max),
    );
  }
  return reading.json.quoted(
    insides.reduce((left, right) => reading.json.expressions.both(left, right)),
  );
}

/** The inside of a string that a pattern is found in. */
export function patternOf(
  pattern: unknown,
  reading: SchemaReading,
): Expression {
  if (typeof pattern !== "string") {
    throw new SchemaProblem("pattern must be a text");
  }
  try {
    return patternInside(pattern, reading.json);
  } catch (cause) {
    if (!(cause instanceof PatternProblem)) throw cause;
    throw new SchemaProblem(
      `the pattern ${
        JSON.stringify(pattern)
      } cannot be held to: ${cause.message}`,
    );
  }
}

/** A number of JSON. */
export function numberIn(
  schema: SchemaWords,
  { isInteger, reading }: {
    readonly isInteger: boolean;
    readonly reading: SchemaReading;
  },
): Expression {
  const number = (key: string) => numberOf(schema, key);
  const [minimum, openMinimum] = [number("minimum"), schema.exclusiveMinimum];
  const [maximum, openMaximum] = [number("maximum"), schema.exclusiveMaximum];
  // drafts up to 4 wrote `exclusiveMinimum: true` beside `minimum`
  const openMinAt = typeof openMinimum === "number" ? openMinimum : null;
  const openMaxAt = typeof openMaximum === "number" ? openMaximum : null;
  const min = Math.max(minimum ?? -Infinity, openMinAt ?? -Infinity);
  const max = Math.min(maximum ?? Infinity, openMaxAt ?? Infinity);
  const openMin = openMinAt === min || (openMinimum === true);
  const openMax = openMaxAt === max || (openMaximum === true);
  const step = number("multipleOf");
  const decimals = step === null ? null : decimalsOf(step);
  if (step !== null && decimals === null) {
    return multiplesOf(reading, step, { min, max, openMin, openMax });
  }
  const whole = isInteger || decimals === 0;
  if (min === -Infinity && max === Infinity) {
    return whole ? reading.json.integer() : reading.json.number(decimals);
  }
  if (whole) {
    return integersWithin({
      min: openMin ? Math.floor(min) + 1 : min,
      max: openMax ? Math.ceil(max) - 1 : max,
    }, reading.json.expressions);
  }
  return numbersWithin(
    { min, max, openMin, openMax, decimals },
    reading.json,
  );
}

/** The multiples of a number within bounds, one by one. */
function multiplesOf(
  reading: SchemaReading,
  step: number,
  { min, max, openMin, openMax }: {
    min: number;
    max: number;
    openMin: boolean;
    openMax: boolean;
  },
): Expression {
  const [first, last] = [Math.ceil(min / step), Math.floor(max / step)];
  if (!(last - first < MOST_MULTIPLES)) {
    throw new SchemaProblem(
      `multipleOf ${step} needs a minimum and a maximum with at most ${MOST_MULTIPLES} multiples between them`,
    );
  }
  const values = Array.from(
    { length: Math.max(0, last - first + 1) },
    (_, i) => (first + i) * step,
  );
  return reading.json.expressions.choice(
    values.filter((value) =>
      !(openMin && value === min) && !(openMax && value === max)
    )
      .map((value) => reading.json.expressions.text(JSON.stringify(value))),
  );
}

/** How many decimals a step has that is 1, 0.1, 0.01, ...; null: another step. */
function decimalsOf(step: number): number | null {
  for (let decimals = 0; decimals <= 15; decimals++) {
    if (step === Number(`1e-${decimals}`)) return decimals;
  }
  return null;
}
