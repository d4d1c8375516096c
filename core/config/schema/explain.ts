/**
 * Issues of a schema as problems: what was found, what is expected, the nearest known name.
 * Issues of any Standard Schema have a message and a path; those of zod, whichever copy of it, have
 * a `code` from which more can be said.
 * @module
 */
import { alternatives, propertiesAt, schemaAt } from "../parse/layout.ts";
import {
  didYouMean,
  either,
  listed,
  lowerFirst,
  type Problem,
  show,
} from "../parse/problem.ts";
import { nearest } from "../parse/nearest.ts";
import { ourName } from "./other_names.ts";
import {
  at,
  isPlainObject,
  keyOf,
  keyOriginAt,
  originAt,
  type Path,
  plain,
  type Tree,
} from "../parse/tree.ts";

/** The place of the checked value, and what is known about its keys. */
export interface Explained {
  /** The whole run. */
  readonly tree: Tree;
  /** Path of the checked value in the run. */
  readonly at: Path;
  /** As shown before an unknown key: `unknown key`, `lora has no option`. */
  readonly unknown: string;
  /** JSON Schema of the checked value. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Other places where a key of that name is valid (full paths). */
  elsewhere?(key: string): readonly string[];
}

/** The problems of an issue: one, or one for each unknown key. */
export function explainIssue(issue: unknown, about: Explained): Problem[] {
  const fields = fieldsOf(issue);
  const path = pathOf(fields.path);
  if (fields.code === "unrecognized_keys" && Array.isArray(fields.keys)) {
    return fields.keys.map((key) => unknownKey(String(key), path, about));
  }
  const full = [...about.at, ...path];
  const node = at(about.tree, full);
  const name = full.length === 0 ? "the run" : `\`${keyOf(full)}\``;
  const expected = expectation(fields);
  if (node === undefined) {
    const described = schemaAt(about.schema, path)?.description;
    const what = typeof described === "string"
      ? lowerFirst(described.replace(/\.$/, ""))
      : expected ?? "a value";
    return [{
      origin: originAt(about.tree, full),
      message: `${name} is missing, and must be given: ${what}`,
    }];
  }
  const found = node.type === "list" && node.items.length === 0
    ? "an empty list"
    : show(plain(node));
  const value = plain(node);
  const hint = enumHint(fields, value) + typeHint(fields, value) +
    shapeHint(fields, value, schemaAt(about.schema, path));
  const wanted = expected === null
    ? lowerFirst(String(fields.message ?? "not accepted"))
    : `expected ${expected}`;
  return [{
    origin: node.origin,
    message: `${name} is ${found}; ${wanted}${hint}`,
  }];
}

function unknownKey(key: string, path: Path, about: Explained): Problem {
  const full = [...about.at, ...path, key];
  const known = propertiesAt(about.schema, path);
  const near = about.elsewhere?.(key)[0] ?? nearest(key, known) ??
    (about.at.length === 0 ? ourName(key) : null);
  const hint = near === null && known.length > 0
    ? `; known: ${listed(known, 24)}`
    : didYouMean(near);
  const name = about.at.length > 0 ? [...path, key] : full;
  return {
    origin: keyOriginAt(about.tree, full),
    message: `${about.unknown} \`${keyOf(name)}\`${hint}`,
  };
}

/** What a zod issue expects, in words; null where its own message must do. */
function expectation(issue: Record<string, unknown>): string | null {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[String(issue.expected)] ?? String(issue.expected);
    case "invalid_value":
      return Array.isArray(issue.values)
        ? either(issue.values.map((value) => show(value)))
        : null;
    case "too_small":
      return bound(
        issue,
        "minimum",
        issue.inclusive === false ? "more than" : "at least",
      );
    case "too_big":
      return bound(
        issue,
        "maximum",
        issue.inclusive === false ? "less than" : "at most",
      );
    case "not_multiple_of":
      return `a multiple of ${String(issue.divisor)}`;
    case "invalid_union":
      return union(issue);
    default:
      return null;
  }
}

const TYPES: Record<string, string> = {
  number: "a number",
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a map",
  record: "a map",
  null: "null",
};

function bound(
  issue: Record<string, unknown>,
  side: string,
  words: string,
): string {
  const limit = String(issue[side]);
  switch (issue.origin) {
    case "string":
      return side === "minimum" && limit === "1"
        ? "a text that is not empty"
        : `${words} ${limit} characters`;
    case "array":
    case "set":
      return `a list of ${words} ${limit} item${limit === "1" ? "" : "s"}`;
    default:
      return `${words} ${limit}`;
  }
}

/** The alternatives of a union where each fails as a whole; else the message of the best-fitting one. */
function union(issue: Record<string, unknown>): string | null {
  if (!Array.isArray(issue.errors)) return null;
  const words: string[] = [];
  for (const branch of issue.errors) {
    const first = Array.isArray(branch) ? fieldsOf(branch[0]) : {};
    const word = pathOf(first.path).length === 0 ? expectation(first) : null;
    if (word !== null && !words.includes(word)) words.push(word);
  }
  return words.length === 0 ? null : either(words);
}

function enumHint(issue: Record<string, unknown>, found: unknown): string {
  if (
    issue.code !== "invalid_value" || !Array.isArray(issue.values) ||
    typeof found !== "string"
  ) return "";
  return didYouMean(
    nearest(found, issue.values.filter((value) => typeof value === "string")),
  );
}

/** What YAML 1.2 reads as a text although a number or a truth value was meant. */
function typeHint(issue: Record<string, unknown>, found: unknown): string {
  if (issue.code !== "invalid_type" || typeof found !== "string") return "";
  const isNumber = found.trim() !== "" && Number.isFinite(Number(found));
  if ((issue.expected === "number" || issue.expected === "int") && isNumber) {
    return "; write it without quotes";
  }
  return issue.expected === "boolean" &&
      /^(yes|no|on|off|true|false)$/i.test(found)
    ? "; write true or false without quotes"
    : "";
}

/** How a value would be written where a map or a list is expected that could hold it: `[{ path: "rows.jsonl" }]`. */
function shapeHint(
  issue: Record<string, unknown>,
  found: unknown,
  schema: Readonly<Record<string, unknown>> | undefined,
): string {
  if (issue.code !== "invalid_type" || schema === undefined) return "";
  if (issue.expected === "array") {
    const item = schemaAt(schema, [0]);
    const fits = isPlainObject(found) ||
      typeof found === "string" && takesText(item);
    const written = fits ? show(found) : inMap(found, item);
    return written === null ? "" : `, for example [${written}]`;
  }
  const written = issue.expected === "object" ? inMap(found, schema) : null;
  return written === null ? "" : `, for example ${written}`;
}

/** Whether a value of the schema may be a text: it says so, or allows anything. */
function takesText(
  schema: Readonly<Record<string, unknown>> | undefined,
): boolean {
  return schema === undefined ||
    alternatives(schema).some(({ type, properties }) =>
      type === "string" || type === undefined && properties === undefined
    );
}

/** A text as the `path` or the `use` of a map; null where the map has neither. */
function inMap(
  found: unknown,
  schema: Readonly<Record<string, unknown>> | undefined,
): string | null {
  if (typeof found !== "string" || schema === undefined) return null;
  const known = propertiesAt(schema, []);
  const key = ["path", "use"].find((name) => known.includes(name));
  return key === undefined ? null : `{ ${key}: ${show(found)} }`;
}

/** The fields of an issue that are read here; they may be getters of a class. */
function fieldsOf(issue: unknown): Record<string, unknown> {
  if (typeof issue !== "object" || issue === null) return {};
  return Object.fromEntries(
    FIELDS.map((name) => [name, Reflect.get(issue, name)]),
  );
}

const FIELDS = [
  "code",
  "message",
  "path",
  "keys",
  "expected",
  "values",
  "minimum",
  "maximum",
  "inclusive",
  "origin",
  "divisor",
  "errors",
];

/** The path of an issue; its steps may be wrapped as `{key}`, as Standard Schema allows. */
function pathOf(path: unknown): (string | number)[] {
  if (!Array.isArray(path)) return [];
  return path.map((step) => {
    const key = isPlainObject(step) ? step.key : step;
    return typeof key === "number" ? key : String(key);
  });
}
