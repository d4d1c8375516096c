/**
 * `config.resolved.yaml`: a run with every default filled in, written so that it can be run again.
 * @module
 */
import { ConfigError } from "../contracts/errors.ts";
import type { Json } from "../contracts/json.ts";
import { withoutEnvironment } from "../permissions.ts";
import type { LoadedRun } from "./load.ts";
import { readTextUpTo } from "../io/read_file.ts";
import { isData } from "./schema/options_schema.ts";
import { isPlainObject } from "./parse/tree.ts";
import { messageOf } from "./parse/problem.ts";
import type { RunConfig } from "./types.ts";

/** A run as data: what `config.resolved.yaml` holds. */
export type ConfigData = { readonly [key: string]: Json };

/**
 * A run as data. What only code can give is named in words: a part by its name, rows by their
 * number, anything else in options by its type.
 */
export function configData(config: RunConfig): ConfigData {
  const data = dataOf(config);
  if (!isPlainObject(data)) throw new TypeError("A run is an object");
  return data as ConfigData;
}

/** The keys of a run that only code can give, so that its text alone cannot run again. */
export function keysFromCode(config: RunConfig): string[] {
  const keys: string[] = [];
  const visit = (value: unknown, path: readonly string[]): void => {
    if (isRows(value, path)) keys.push(path.join("."));
    else if (isChosen(value)) keys.push(path.join("."));
    else if (Array.isArray(value)) {
      value.forEach((item, i) => visit(item, [...path, String(i)]));
    } else if (isPlainObject(value)) {
      for (const [key, inner] of Object.entries(value)) {
        visit(inner, [...path, key]);
      }
    }
  };
  visit(config, []);
  return keys;
}

/** The text of `config.resolved.yaml`. `version` is denotune's. */
export async function resolvedText(
  run: LoadedRun,
  version: string,
): Promise<string> {
  const { stringify } = await import("yaml");
  const fromCode = keysFromCode(run.config);
  const header = [
    `denotune ${version}: a run with every default filled in; the command \`train\` with this file does it again.`,
    ...run.registry.plugins().filter(({ module }) =>
      run.config.plugins.some(({ use }) => use === module)
    ).map(({ plugin, module }) =>
      `plugin ${plugin.name}${
        plugin.version === undefined ? "" : ` ${plugin.version}`
      } from ${module}`
    ),
    ...(fromCode.length === 0 ? [] : [
      `not from this file alone: ${fromCode.join(", ")} ${
        fromCode.length > 1 ? "were" : "was"
      } given in code`,
    ]),
  ];
  const comment = header.map((line) =>
    `# ${line.replaceAll(/[\r\n]+/g, " ")}\n`
  ).join("");
  return comment +
    stringify(configData(run.config), {
      lineWidth: 110,
      aliasDuplicateObjects: false,
    });
}

/** Bytes of `config.resolved.yaml` at most. */
const MOST_BYTES = 20e6;

/** Reads `config.resolved.yaml`. Throws `ConfigError` where it cannot be read or is none. */
export async function readResolvedFile(path: string): Promise<ConfigData> {
  let text: string;
  try {
    text = readTextUpTo(path, MOST_BYTES);
  } catch (cause) {
    throw new ConfigError(`Cannot read ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
  return await readResolved(text, path);
}

/** The data of a `config.resolved.yaml`, not checked: it may be of another version. Throws `ConfigError`. */
export async function readResolved(
  text: string,
  place: string,
): Promise<ConfigData> {
  const { parse } = await import("yaml");
  let data: unknown;
  try {
    data = withoutEnvironment(() => parse(text));
  } catch (error) {
    throw new ConfigError(`${place} is not YAML: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isPlainObject(data) || !isData(data)) {
    throw new ConfigError(`${place} holds no run`);
  }
  return data as ConfigData;
}

function dataOf(
  value: unknown,
  path: readonly string[] = [],
): Json | undefined {
  if (isRows(value, path)) return `${value.length} rows in memory`;
  if (isChosen(value)) {
    const options = dataOf(value.options ?? {}, path);
    return {
      use: value.use.name,
      ...(isPlainObject(options) ? options as ConfigData : {}),
    };
  }
  if (Array.isArray(value)) {
    return value.map((item, i) => dataOf(item, [...path, String(i)]) ?? null);
  }
  if (isPlainObject(value)) {
    const entries: [string, Json][] = [];
    for (const [key, inner] of Object.entries(value)) {
      const data = dataOf(inner, [...path, key]);
      if (data !== undefined) entries.push([key, data]);
    }
    return Object.fromEntries(entries);
  }
  if (value === undefined || isData(value)) return value;
  return `a ${typeof value} given in code`;
}

function isRows(
  value: unknown,
  path: readonly string[],
): value is readonly unknown[] {
  return Array.isArray(value) && path.length === 4 && path[0] === "data" &&
    path[3] === "rows";
}

function isChosen(
  value: unknown,
): value is { use: { name: string }; options?: unknown } {
  if (!isPlainObject(value)) return false;
  const { use } = value;
  return typeof use === "object" && use !== null && "name" in use &&
    typeof use.name === "string";
}
