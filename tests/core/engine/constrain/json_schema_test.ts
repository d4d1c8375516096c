import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import ajvFormats from "ajv-formats";
import { generatedSchema, WRITTEN } from "./_schemas.ts";
import { drawn, grammarOf } from "./_follow.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** What validates: another reading of the same schema. */
function validatorOf(schema: unknown): (value: unknown) => string | null {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    multipleOfPrecision: 9,
  });
  ajvFormats.default(ajv);
  if (
    typeof schema !== "boolean" &&
    (typeof schema !== "object" || schema === null)
  ) {
    throw new TypeError("no schema");
  }
  const check = ajv.compile(schema);
  return (value) => check(value) ? null : ajv.errorsText(check.errors);
}

function follows(schema: unknown, name: string, answers: number): void {
  const grammar = grammarOf(schema);
  const problemOf = validatorOf(schema);
  for (let seed = 0; seed < answers; seed++) {
    const answer = drawn(grammar, seed);
    assert.ok(answer !== null, `${name}: no end, seed ${seed}`);
    let value: unknown;
    try {
      value = JSON.parse(answer);
    } catch {
      assert.fail(`${name}: no JSON, seed ${seed}: ${answer}`);
    }
    assert.equal(problemOf(value), null, `${name}, seed ${seed}: ${answer}`);
  }
}

Deno.test("answers follow the schemas that people write", () => {
  for (const [name, schema] of WRITTEN) follows(schema, name, ALL ? 60 : 8);
});

Deno.test("answers follow generated schemas", () => {
  for (let seed = 0; seed < 150; seed++) {
    const schema = generatedSchema(seed);
    follows(schema, JSON.stringify(schema), ALL ? 30 : 3);
  }
});
