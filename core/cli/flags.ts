/**
 * Flags of a command, made of the JSON Schema of its options.
 * @module
 */
import {
  type Command as Commander,
  InvalidArgumentError,
  Option,
} from "commander";
import { flagOf } from "../contracts/command.ts";
import type { Json } from "../contracts/json.ts";

/** One field of the options, as its schema describes it. */
interface Field {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: Json;
  readonly description?: string;
  readonly short?: string;
  readonly placeholder?: string;
}

/** Adds a flag for each field of the options. */
export function addFlags(
  command: Commander,
  schema: { readonly [key: string]: Json },
): void {
  for (const [name, field] of fieldsOf(schema)) {
    command.addOption(flag(name, field));
  }
}

/** What was written, by the options' own names: commander gives `maxShard` for `max_shard`. */
export function givenOptions(
  schema: { readonly [key: string]: Json },
  flags: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name] of fieldsOf(schema)) {
    const value = flags[name.replace(/_(\w)/g, (_, c) => c.toUpperCase())];
    if (value !== undefined) given[name] = value;
  }
  return given;
}

/** Whether a command has an option of that name. */
export function hasOption(
  { optionsSchema }: {
    readonly optionsSchema: { readonly [key: string]: Json };
  },
  name: string,
): boolean {
  return fieldsOf(optionsSchema).some(([field]) => field === name);
}

function fieldsOf(
  schema: { readonly [key: string]: Json },
): [string, Field][] {
  const { properties } = schema;
  if (typeof properties !== "object" || properties === null) return [];
  return Object.entries(properties).map((
    [name, field],
  ) => [name, fieldOf(field)]);
}

function fieldOf(schema: Json): Field {
  if (typeof schema !== "object" || schema === null || !("type" in schema)) {
    throw new TypeError(
      `An option of a command is a boolean, a number, a text, one of several texts or a list of texts; found ${
        JSON.stringify(schema)
      }`,
    );
  }
  const text = (value: Json | undefined) =>
    typeof value === "string" ? value : undefined;
  const choices = Array.isArray(schema.enum)
    ? schema.enum.filter((value) => typeof value === "string")
    : undefined;
  return {
    type: text(schema.type),
    enum: choices,
    default: schema.default,
    description: text(schema.description),
    short: text(schema.short),
    placeholder: text(schema.placeholder),
  };
}

function flag(name: string, field: Field): Option {
  const { description = "", short } = field;
  const long = flagOf(name);
  const front = short === undefined ? "" : `-${short}, `;
  if (field.type === "boolean") {
    return field.default === true
      ? new Option(`${front}--no-${long.slice(2)}`, description)
      : new Option(`${front}${long}`, description);
  }
  const isNumber = field.type === "integer" || field.type === "number";
  const placeholder = field.placeholder ??
    (isNumber ? "n" : field.enum !== undefined ? "name" : "text");
  const option = new Option(`${front}${long} <${placeholder}>`, description);
  if (field.type === "array") {
    return option.argParser((text: string, before: string[] | undefined) => [
      ...(before ?? []),
      text,
    ]);
  }
  // the schema fills the default in; here it is only shown
  if (field.default !== undefined && field.default !== null) {
    option.description += ` (default: ${
      typeof field.default === "string"
        ? field.default
        : JSON.stringify(field.default)
    })`;
  }
  if (field.enum !== undefined) return option.choices(field.enum);
  if (field.type === "integer") return option.argParser(wholeNumber);
  return isNumber ? option.argParser(number) : option;
}

function wholeNumber(text: string): number {
  const value = /^\d{1,15}(e\d{1,2})?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("Expected a whole number.");
  }
  return value;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) {
    throw new InvalidArgumentError("Expected a number.");
  }
  return value;
}
