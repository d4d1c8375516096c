/**
 * JSON schemas as data, and what is wrong with one.
 * @module
 */

/** A JSON schema: anything, nothing, or keywords. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>;

/** Why a schema cannot be used; the path is put before it. */
export class SchemaProblem extends Error {}

/** Whether a value is an object of keywords. */
export function isSchemaObject(
  value: unknown,
): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as a schema. Throws `SchemaProblem` for another. */
export function asSchema(value: unknown): JsonSchema {
  if (typeof value === "boolean" || isSchemaObject(value)) return value;
  throw new SchemaProblem(
    `a schema is an object of keywords, true or false; found ${
      JSON.stringify(value)
    }`,
  );
}
