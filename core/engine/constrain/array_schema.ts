/**
 * Arrays of a JSON schema.
 * @module
 */
import type { Expression } from "./expressions.ts";
import { asSchema } from "./schema_problem.ts";
import {
  countOf,
  type SchemaReading,
  type SchemaWords,
} from "./schema_words.ts";

/** An array of JSON. */
export function arrayOf(
  schema: SchemaWords,
  reading: SchemaReading,
): Expression {
  const e = reading.json.expressions;
  const min = countOf(schema, "minItems", 0);
  const max = countOf(schema, "maxItems", Infinity);
  const isTuple = Array.isArray(schema.items);
  const prefix = isTuple
    ? reading.list("items", schema.items)
    : schema.prefixItems === undefined
    ? []
    : reading.list("prefixItems", schema.prefixItems);
  const rest = asSchema(
    (isTuple ? schema.additionalItems : schema.items) ?? true,
  );
  const first = prefix.map((one, i) =>
    reading.at(
      [isTuple ? "items" : "prefixItems", i],
      () => reading.schema(one),
    )
  );
  // a tuple has its own items; more only where the schema says of what kind
  const hasMore = rest !== false &&
    (first.length === 0 || schema.items !== undefined && !isTuple ||
      schema.additionalItems !== undefined || min > first.length);
  const more = hasMore
    ? reading.at(["items"], () => reading.schema(rest))
    : e.choice([]);
  const most = hasMore ? max : Math.min(max, first.length);
  const least = first.length === 0
    ? min
    : Math.max(min, Math.min(most, first.length));
  /** The items from i on; each brings its comma. */
  const from = (i: number): Expression => {
    const comma = i === 0 ? e.sequence() : reading.json.comma();
    if (i >= first.length) {
      const count = { min: Math.max(0, least - i), max: most - i };
      if (count.max <= 0) return e.sequence();
      if (i > 0) {
        return e.repeat(e.sequence(comma, more), count.min, count.max);
      }
      const all = e.sequence(
        more,
        e.repeat(
          e.sequence(reading.json.comma(), more),
          Math.max(0, count.min - 1),
          count.max - 1,
        ),
      );
      return count.min === 0 ? e.optional(all) : all;
    }
    if (i >= most) return e.sequence();
    const items = e.sequence(comma, first[i], from(i + 1));
    return i >= least ? e.optional(items) : items;
  };
  if (least > most) return e.choice([]);
  return e.sequence(
    e.text("["),
    reading.json.space(),
    from(0),
    reading.json.space(),
    e.text("]"),
  );
}
