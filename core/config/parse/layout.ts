/**
 * The layout of a run file, read from its JSON Schema: known keys, defaults, and the places
 * where parts are chosen.
 * @module
 */
import type { Json } from "../../contracts/json.ts";
import type { Kind } from "../../contracts/plugin.ts";
import { PART_FIELD, type PartField } from "../schema/part_field.ts";
import { bareJsonSchema } from "../schema/schema.ts";
import { isPlainObject, type Path } from "./tree.ts";
import type { TrainingMode } from "../types.ts";

/** A place where a part is chosen. */
export interface PartPlace {
  /** `["data", "train", "*", "format"]`: a star for every item of a list. */
  readonly pattern: readonly string[];
  readonly field: PartField;
}

/** The layout of a run file. */
export interface Layout {
  /** Every place where a part is chosen. */
  readonly places: readonly PartPlace[];
  /** The place where a part is chosen that this path is, or undefined. */
  partFieldAt(path: Path): PartField | undefined;
  /** The default of a key, or undefined where it has none. */
  defaultAt(path: Path): Json | undefined;
  /** JSON Schema of the run file, parts not filled in. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Full paths of the keys with that name, anywhere in the run file; 0 means any index. */
  keysNamed(name: string): string[];
}

/** The layout of the run file in a training mode. */
export function layoutOf(mode: TrainingMode): Layout {
  const root = bareJsonSchema(mode);
  const places: PartPlace[] = [];
  const keys: string[][] = [];
  walk(root, [], (schema, pattern) => {
    keys.push([...pattern]);
    const field = schema[PART_FIELD];
    if (isPartField(field)) places.push({ pattern, field });
  });
  return {
    places,
    partFieldAt: (path) =>
      places.find(({ pattern }) => matches(pattern, path))?.field,
    defaultAt: (path) => schemaAt(root, path)?.default as Json | undefined,
    schema: root,
    keysNamed: (name) =>
      keys.filter((key) => key.at(-1) === name).map((key) =>
        key.join(".").replaceAll("*", "0")
      ),
  };
}

/** The places of a run file where a part of that kind is chosen, those for the whole run first. */
export function partPlaces(kind: Kind): readonly (readonly string[])[] {
  return layoutOf("sft").places.filter(({ field }) => field.kind === kind)
    .map(({ pattern }) => pattern)
    .sort((a, b) => Number(a.includes("*")) - Number(b.includes("*")));
}

/** Names of the properties that a JSON Schema knows at a path; empty where it knows none. */
export function propertiesAt(
  schema: Readonly<Record<string, unknown>>,
  path: Path,
): string[] {
  const found = schemaAt(schema, path);
  return alternatives(found).flatMap((s) =>
    isPlainObject(s.properties) ? Object.keys(s.properties) : []
  );
}

/** The JSON Schema of the value at a path, or undefined. */
export function schemaAt(
  schema: Readonly<Record<string, unknown>>,
  path: Path,
): Record<string, unknown> | undefined {
  let here: Record<string, unknown> | undefined = schema;
  for (const step of path) {
    let next: unknown;
    for (const s of alternatives(here)) {
      if (isPlainObject(s.properties) && Object.hasOwn(s.properties, step)) {
        next ??= s.properties[step];
      }
      if (typeof step === "number" || /^\d+$/.test(step)) next ??= s.items;
    }
    if (!isPlainObject(next)) return undefined;
    here = next;
  }
  return here;
}

/** A schema, or what it is any of. */
export function alternatives(
  schema: Record<string, unknown> | undefined,
): Record<string, unknown>[] {
  if (schema === undefined) return [];
  for (const key of ["anyOf", "oneOf"]) {
    const options = schema[key];
    if (Array.isArray(options)) return options.filter(isPlainObject);
  }
  return [schema];
}

function walk(
  schema: Record<string, unknown>,
  pattern: readonly string[],
  visit: (schema: Record<string, unknown>, pattern: readonly string[]) => void,
): void {
  if (pattern.length > 0) visit(schema, pattern);
  for (const s of alternatives(schema)) {
    if (isPlainObject(s.properties)) {
      for (const [key, inner] of Object.entries(s.properties)) {
        if (isPlainObject(inner)) walk(inner, [...pattern, key], visit);
      }
    }
    if (isPlainObject(s.items)) walk(s.items, [...pattern, "*"], visit);
  }
}

function matches(pattern: readonly string[], path: Path): boolean {
  return pattern.length === path.length &&
    pattern.every((step, i) => step === "*" || step === String(path[i]));
}

function isPartField(value: unknown): value is PartField {
  return isPlainObject(value) && typeof value.kind === "string";
}
