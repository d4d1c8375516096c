/**
 * Two JSON schemas that hold at once as one: what `allOf` means, and keywords beside `anyOf` or `$ref`.
 * @module
 */
import type { JsonSchema } from "./schema_problem.ts";
import { isSchemaObject, SchemaProblem } from "./schema_problem.ts";

/** The larger of two lower bounds, the smaller of two upper ones. */
const LARGER = [
  "minimum",
  "exclusiveMinimum",
  "minLength",
  "minItems",
  "minProperties",
];
const SMALLER = [
  "maximum",
  "exclusiveMaximum",
  "maxLength",
  "maxItems",
  "maxProperties",
];

/** The schema of what follows both. Throws `SchemaProblem` where there is no way to write it. */
export function mergeSchemas(a: JsonSchema, b: JsonSchema): JsonSchema {
  if (a === true) return b;
  if (b === true) return a;
  if (a === false || b === false) return false;
  const out: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    if (!(key in out)) out[key] = value;
    else out[key] = merged(key, out[key], value);
  }
  // each side's additionalProperties speaks of the names that the other side has
  const closed = [a, b].find((side) => side.additionalProperties === false);
  if (closed !== undefined && isSchemaObject(out.properties)) {
    const own = isSchemaObject(closed.properties) ? closed.properties : {};
    out.properties = Object.fromEntries(
      Object.entries(out.properties).filter(([name]) => name in own),
    );
  }
  return out;
}

function merged(key: string, x: unknown, y: unknown): unknown {
  if (JSON.stringify(x) === JSON.stringify(y)) return x;
  if (typeof x === "number" && typeof y === "number") {
    if (LARGER.includes(key)) return Math.max(x, y);
    if (SMALLER.includes(key)) return Math.min(x, y);
  }
  switch (key) {
    case "required":
      return [...new Set([...listOf(x), ...listOf(y)])];
    case "type": {
      const wanted = typesOf(y);
      const both = typesOf(x).flatMap((type) =>
        wanted.includes(type)
          ? [type]
          : type === "number" && wanted.includes("integer")
          ? ["integer"]
          : type === "integer" && wanted.includes("number")
          ? ["integer"]
          : []
      );
      return both;
    }
    case "enum": {
      const known = listOf(y).map((value) => JSON.stringify(value));
      return listOf(x).filter((value) => known.includes(JSON.stringify(value)));
    }
    case "properties":
    case "$defs":
    case "definitions":
      return mergedMaps(x, y);
    case "items":
    case "additionalProperties":
      return both(x, y);
    case "pattern":
      return [x, y].flat();
    case "title":
    case "description":
    case "default":
    case "examples":
    case "$comment":
      return x;
  }
  throw new SchemaProblem(
    `two values of ${key} hold at once (${JSON.stringify(x)}, ${
      JSON.stringify(y)
    }), which cannot be joined`,
  );
}

function mergedMaps(x: unknown, y: unknown): unknown {
  const out: Record<string, unknown> = { ...Object(x) };
  for (const [name, value] of Object.entries(Object(y))) {
    out[name] = name in out ? both(out[name], value) : value;
  }
  return out;
}

/** Both of two schemas: joined when they are read, because they may be references. */
function both(x: unknown, y: unknown): unknown {
  return { allOf: [x, y] };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function typesOf(value: unknown): readonly string[] {
  return listOf(value).filter((type) => typeof type === "string");
}
