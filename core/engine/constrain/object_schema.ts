/**
 * Objects of a JSON schema. Properties come in the order of the schema; those that may be left out are steps aside.
 *
 * ```text
 * {a, b?, c?}   { "a" ──► , "b" ──► , "c" ──► }
 *                    └────────────► , "c" ──► }
 *                    └───────────────────────► }
 * ```
 * @module
 */
import type { Expression } from "./expressions.ts";
import { mergeSchemas } from "./merge_schemas.ts";
import { patternOf } from "./scalar_schema.ts";
import {
  asSchema,
  isSchemaObject,
  type JsonSchema,
  SchemaProblem,
} from "./schema_problem.ts";
import {
  countOf,
  type SchemaReading,
  type SchemaWords,
} from "./schema_words.ts";

/** An object of JSON. */
export function objectOf(
  schema: SchemaWords,
  reading: SchemaReading,
): Expression {
  const e = reading.json.expressions;
  const given = schema.properties ?? {};
  if (!isSchemaObject(given)) {
    throw new SchemaProblem("properties must be an object of schemas");
  }
  const required = Array.isArray(schema.required)
    ? schema.required.filter((name) => typeof name === "string")
    : [];
  const others = othersOf(reading, schema, Object.keys(given));
  const missing = required.filter((name) => !Object.hasOwn(given, name));
  const undeclared = asSchema(schema.additionalProperties ?? true);
  const properties = [
    ...Object.entries(given),
    ...missing.map((name) => [name, undeclared] as const),
  ];
  const least = countOf(schema, "minProperties", 0);
  const most = countOf(schema, "maxProperties", Infinity);
  const names = properties.map(([name]) => name);
  if (properties.length > 0 && least > required.length) {
    throw new SchemaProblem(
      "minProperties cannot be held to beside properties; name those that are required",
    );
  }
  if (
    properties.length > 0 &&
    most < properties.length + (others === null ? 0 : Infinity)
  ) {
    throw new SchemaProblem(
      "maxProperties cannot be held to beside properties; leave properties out, or additionalProperties: false in",
    );
  }
  const written = properties.map(([name, value]) => ({
    isRequired: required.includes(name),
    text: reading.at(
      ["properties", name],
      () => memberOf(reading, e.text(JSON.stringify(name)), asSchema(value)),
    ),
  }));
  const other = others?.(names) ?? null;
  const comma = reading.json.comma();
  const free = (isFirst: boolean): Expression => {
    if (other === null) return e.sequence();
    const more = (count: number, at: number) =>
      e.repeat(e.sequence(comma, other), count, at);
    if (!isFirst) return more(0, Infinity);
    const all = e.sequence(other, more(Math.max(0, least - 1), most - 1));
    return most < 1 ? e.sequence() : least === 0 ? e.optional(all) : all;
  };
  // from the last property to the first, with something before it and without
  let [behind, alone] = [free(false), free(true)];
  for (const { isRequired, text } of written.toReversed()) {
    const next = e.sequence(comma, text, behind);
    const first = e.sequence(text, behind);
    [behind, alone] = isRequired
      ? [next, first]
      : [e.choice([next, behind]), e.choice([first, alone])];
  }
  return e.sequence(
    e.text("{"),
    reading.json.space(),
    alone,
    reading.json.space(),
    e.text("}"),
  );
}

/** How properties that the schema does not name are written; null: there are none. */
function othersOf(
  reading: SchemaReading,
  schema: SchemaWords,
  declared: readonly string[],
): ((names: readonly string[]) => Expression) | null {
  const { additionalProperties, patternProperties, propertyNames } = schema;
  const e = reading.json.expressions;
  if (isSchemaObject(patternProperties)) {
    const entries = Object.entries(patternProperties);
    if (entries.length === 1 && (additionalProperties ?? false) === false) {
      const [[pattern, value]] = entries;
      return (names) =>
        reading.at(
          ["patternProperties", pattern],
          () =>
            memberOf(
              reading,
              e.both(
                reading.json.quoted(patternOf(pattern, reading)),
                reading.json.stringBut(names),
              ),
              asSchema(value),
            ),
        );
    }
    if (entries.length > 0) {
      throw new SchemaProblem(
        "patternProperties can be held to with one pattern, and additionalProperties: false",
      );
    }
  }
  const isOpen = additionalProperties === undefined
    ? declared.length === 0
    : additionalProperties !== false;
  if (!isOpen) return null;
  return (names) => {
    const plain = reading.json.stringBut(names);
    const name = propertyNames === undefined ? plain : e.both(
      plain,
      reading.at(
        ["propertyNames"],
        () =>
          reading.schema(
            mergeSchemas(reading.flat(asSchema(propertyNames)), {
              type: "string",
            }),
          ),
      ),
    );
    return reading.at(
      ["additionalProperties"],
      () => memberOf(reading, name, asSchema(additionalProperties ?? true)),
    );
  };
}

function memberOf(
  reading: SchemaReading,
  name: Expression,
  value: JsonSchema,
): Expression {
  return reading.json.expressions.sequence(
    name,
    reading.json.expressions.text(":"),
    reading.json.gap(),
    reading.schema(value),
  );
}
