/**
 * Settings that a newer version added: a run begun without them goes on where they have their defaults.
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { Difference } from "./difference.ts";
import { type LoadedRun, loadRun } from "./load.ts";
import { isPlainObject } from "./parse/tree.ts";
import { configData } from "./resolved.ts";

/** The differences that are left when absent keys that the run holds by default are taken as that default. */
export async function withoutNewDefaults(
  differences: readonly Difference[],
  run: LoadedRun,
): Promise<readonly Difference[]> {
  const absent = differences.filter(({ was }) => was === undefined)
    .map(({ key }) => key.split("."));
  if (absent.length === 0) return differences;
  const settings = configData(run.config);
  let written: unknown = { ...run.config, plugins: [] };
  for (const path of absent) written = without(written, path);
  let byDefault: unknown;
  try {
    const { config } = await loadRun({
      object: written as Record<string, unknown>,
      registry: run.registry,
      files: "ignore",
    });
    byDefault = configData(config);
  } catch {
    return differences; // a key without a default is among them
  }
  return differences.filter(({ key, was }) => {
    const path = key.split(".");
    return was !== undefined ||
      !isDeepStrictEqual(valueAt(byDefault, path), valueAt(settings, path));
  });
}

function valueAt(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value;
  return isPlainObject(value) || Array.isArray(value)
    ? valueAt(Object.entries(value).find(([key]) => key === step)?.[1], rest)
    : undefined;
}

function without(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (Array.isArray(value)) {
    return rest.length === 0
      ? value // an item is no setting with a default
      : value.map((item, i) => String(i) === step ? without(item, rest) : item);
  }
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      if (key !== step) return [[key, inner]];
      return rest.length === 0 ? [] : [[key, without(inner, rest)]];
    }),
  );
}
