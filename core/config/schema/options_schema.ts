/**
 * The JSON Schema of a part's options, and what is read from it.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Json } from "../../contracts/json.ts";
import type { OptionsSchema } from "../../contracts/options.ts";
import type { Registered } from "../../contracts/registry.ts";
import { schemaAt } from "../parse/layout.ts";
import { kindAt } from "../../io/hub/local.ts";
import {
  type Entry,
  isPlainObject,
  type Path,
  type Tree,
} from "../parse/tree.ts";
import { messageOf } from "../parse/problem.ts";
import { resolve } from "node:path";

/** The name of a part in messages: `optimizer "lion" of plugin "acme" (npm:@acme/lion@1)`. */
export function describePart({ part, plugin, module }: Registered): string {
  return `${part.kind} "${part.name}" of plugin "${plugin}" (${module})`;
}

/** The JSON Schema (draft 2020-12) of what users write as options. Throws `PluginError`. */
export function optionsJsonSchema(
  registered: Registered,
): Record<string, unknown> {
  const { part } = registered;
  const options: OptionsSchema = part.options;
  const given = options["~standard"].jsonSchema;
  let schema: unknown;
  try {
    schema = given === undefined
      ? part.jsonSchema
      : given.input({ target: "draft-2020-12" });
  } catch (error) {
    throw new PluginError(
      `The options of ${describePart(registered)} give no JSON Schema: ${
        messageOf(error)
      }`,
      {
        cause: error,
      },
    );
  }
  if (!isPlainObject(schema)) {
    throw new PluginError(
      `The JSON Schema of ${describePart(registered)} is no object`,
    );
  }
  return schema;
}

/**
 * Options with their paths made absolute, relative to where each was written: texts whose JSON
 * Schema says `format: path` (in zod, `z.string().meta({ format: "path" })`), and an option `path`
 * where there is such a file.
 */
export async function withAbsolutePaths(
  options: Tree,
  schema: Record<string, unknown>,
  path: Path = [],
): Promise<Tree> {
  if (options.type === "list") {
    const items: Tree[] = [];
    for (const [i, item] of options.items.entries()) {
      items.push(await withAbsolutePaths(item, schema, [...path, i]));
    }
    return { ...options, items };
  }
  if (options.type === "map") {
    const entries = new Map<string, Entry>();
    for (const [key, entry] of options.entries) {
      entries.set(key, {
        ...entry,
        tree: await withAbsolutePaths(entry.tree, schema, [...path, key]),
      });
    }
    return { ...options, entries };
  }
  const { value, origin } = options;
  if (typeof value !== "string") return options;
  const absolute = resolve(origin.base, value);
  // without a format, `path` may also hold a Hub id: an existing path wins
  const isPath = isPathAt(schema, path) ||
    path.at(-1) === "path" && await kindAt(absolute) !== null;
  return isPath ? { ...options, value: absolute } : options;
}

function isPathAt(schema: Record<string, unknown>, path: Path): boolean {
  const found = schemaAt(schema, path);
  const branches = Array.isArray(found?.anyOf)
    ? found.anyOf.filter(isPlainObject)
    : [found];
  return branches.some((branch) => branch?.format === "path");
}

/** Whether a value is made of what YAML can write and read back: no functions, no instances of classes. */
export function isData(value: unknown): value is Json {
  return isDataTo(MOST_LEVELS, value);
}

/** Levels of plain data: what goes deeper may go in a circle. */
const MOST_LEVELS = 100;

function isDataTo(levels: number, value: unknown): boolean {
  if (
    value === null || ["string", "number", "boolean"].includes(typeof value)
  ) return true;
  if (levels === 0) return false;
  const inner = (one: unknown) => isDataTo(levels - 1, one);
  if (Array.isArray(value)) return value.every(inner);
  return isPlainObject(value) && Object.values(value).every(inner);
}
