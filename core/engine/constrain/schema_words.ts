/**
 * The keywords of JSON Schema that answers can be held to, and what is read of them.
 * @module
 */
import type { JsonText } from "./json_text.ts";
import type { Expression } from "./expressions.ts";
import { type JsonSchema, SchemaProblem } from "./schema_problem.ts";

/** A schema that is no boolean. */
export type SchemaWords = Readonly<Record<string, unknown>>;

/** What the readers of objects, arrays and strings ask of the one that reads the whole. */
export interface SchemaReading {
  readonly json: JsonText;
  /** The expression of a schema. */
  schema(schema: JsonSchema): Expression;
  /** A schema whose references and `allOf` are taken in. */
  flat(schema: JsonSchema): JsonSchema;
  /** Reads what is at these keys, for messages. */
  at<T>(keys: readonly (string | number)[], read: () => T): T;
  /** A keyword that is a list of schemas. */
  list(name: string, value: unknown): readonly JsonSchema[];
}

/** Keywords that say something about a schema and hold nothing. */
export const NOTES: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$anchor",
  "$vocabulary",
  "id",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentMediaType",
  "contentEncoding",
  "definitions",
  "$defs",
  "discriminator",
  "nullable",
  "strict",
  "name",
  "markdownDescription",
  "enumDescriptions",
  "deprecationMessage",
]);
/** Types that together are any JSON. */
export const ALL_TYPES: readonly string[] = [
  "object",
  "array",
  "string",
  "number",
  "boolean",
  "null",
];
/** Keywords of each type; those of others hold nothing for it. */
export const HELD: ReadonlySet<string> = new Set([
  "$ref",
  "allOf",
  "anyOf",
  "oneOf",
  "const",
  "enum",
  "type",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "uniqueItems",
]);

/** The type that a keyword is about. */
export const TYPE_OF: Readonly<Record<string, string>> = {
  properties: "object",
  required: "object",
  additionalProperties: "object",
  patternProperties: "object",
  propertyNames: "object",
  items: "array",
  prefixItems: "array",
  minItems: "array",
  maxItems: "array",
  pattern: "string",
  minLength: "string",
  maxLength: "string",
  format: "string",
  minimum: "number",
  maximum: "number",
  exclusiveMinimum: "number",
  exclusiveMaximum: "number",
  multipleOf: "number",
};

/** A keyword that counts. */
export function countOf(
  schema: SchemaWords,
  key: string,
  absent: number,
): number {
  const value = numberOf(schema, key) ?? absent;
  if (value === Infinity || (Number.isInteger(value) && value >= 0)) {
    return value;
  }
  throw new SchemaProblem(`${key} must be a whole number of at least 0`);
}

/** A keyword that is a number; null: it is not there. */
export function numberOf(
  schema: SchemaWords,
  key: string,
): number | null {
  const value = schema[key];
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new SchemaProblem(`${key} must be a number`);
}
