/**
 * What can be completed: commands, their flags, keys of a run and their values, as they are registered.
 * @module
 */
import {
  type Command,
  createPart,
  creatingWith,
  flagOf,
  type Json,
  type Registry,
  runJsonSchema,
} from "@denotune/denotune/core";

/** A flag of a command. */
export interface FlagWords {
  readonly flag: string;
  readonly description: string;
  /** Whether a value follows. */
  readonly takesValue: boolean;
  /** Values that it can have, where they are listed. */
  readonly values: readonly string[];
}

/** A command. */
export interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagWords[];
  /** Whether it takes `key=value`. */
  readonly takesKeys: boolean;
}

/** A key of a run. */
export interface KeyWords {
  /** `optimizer.learning_rate` */
  readonly key: string;
  readonly values: readonly string[];
}

/** Everything that can be completed. */
export interface Words {
  readonly commands: readonly CommandWords[];
  readonly keys: readonly KeyWords[];
}

/** Keys deeper than this are written in run files, not on the command line. */
const DEEPEST = 3;

/** Asks every registered command, and the schema of the run. */
export async function wordsOf(registry: Registry): Promise<Words> {
  const commands: CommandWords[] = [];
  for (const { part } of registry.list("command")) {
    const command: Command = await createPart(
      "command",
      part.name,
      creatingWith(registry),
    );
    commands.push({
      name: part.name,
      description: part.description,
      flags: flagsOf(command),
      takesKeys: command.usage?.includes("key=value") === true,
    });
  }
  return { commands, keys: keysOf(runJsonSchema(registry)) };
}

function flagsOf(command: Command): FlagWords[] {
  const flags: FlagWords[] = [{
    flag: "--help",
    description: "show the help of the command",
    takesValue: false,
    values: [],
  }];
  const properties = mapOf(command.optionsSchema.properties);
  for (const [name, field] of Object.entries(properties)) {
    const schema = mapOf(field);
    const on = schema.default === true;
    const isSwitch = schema.type === "boolean";
    flags.push({
      flag: isSwitch && on ? flagOf(`no_${name}`) : flagOf(name),
      description: typeof schema.description === "string"
        ? schema.description
        : "",
      takesValue: !isSwitch,
      values: valuesOf(schema, mapOf(undefined)),
    });
  }
  return flags;
}

function keysOf(schema: Readonly<Record<string, unknown>>): KeyWords[] {
  const found = new Map<string, Set<string>>();
  const definitions = mapOf(schema.$defs);
  const visit = (value: unknown, path: readonly string[]): void => {
    for (const one of alternatives(value, definitions)) {
      for (const [name, inner] of Object.entries(mapOf(one.properties))) {
        if (name === "use") continue;
        const at = [...path, name];
        const values = found.get(at.join(".")) ?? new Set<string>();
        for (const text of valuesOf(inner, definitions)) values.add(text);
        found.set(at.join("."), values);
        if (at.length < DEEPEST) visit(inner, at);
      }
    }
  };
  visit(schema, []);
  return [...found].map(([key, values]) => ({ key, values: [...values] }))
    .sort((a, b) => a.key < b.key ? -1 : 1);
}

/** A schema and all that it may be instead. */
function* alternatives(
  schema: unknown,
  definitions: Readonly<Record<string, unknown>>,
): Generator<Readonly<Record<string, unknown>>> {
  const map = mapOf(schema);
  yield map;
  if (typeof map.$ref === "string") {
    const name = map.$ref.replace("#/$defs/", "");
    yield* alternatives(definitions[name], definitions);
  }
  for (const list of [map.anyOf, map.oneOf]) {
    if (!Array.isArray(list)) continue;
    for (const one of list) yield* alternatives(one, definitions);
  }
}

/** The texts that a schema lists. */
function valuesOf(
  schema: unknown,
  definitions: Readonly<Record<string, unknown>>,
): string[] {
  const values = new Set<string>();
  for (const one of alternatives(schema, definitions)) {
    const listed: readonly Json[] = Array.isArray(one.enum) ? one.enum : [];
    for (const value of [one.const, ...listed]) {
      if (typeof value === "string") values.add(value);
    }
    if (one.type === "boolean") values.add("true").add("false");
  }
  // of what a shell would take apart nothing is offered
  return [...values].filter((value) => /^[\w.:/-]+$/.test(value));
}

function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Readonly<Record<string, unknown>>
    : {};
}
