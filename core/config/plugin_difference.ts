/**
 * Whether a run that is resumed has the plugins that it began with: other code may compute other numbers.
 * @module
 */
import type { ConfigData } from "./resolved.ts";
import type { PluginEntry } from "./types.ts";
import type { Json } from "../contracts/json.ts";
import type { Registry } from "../contracts/registry.ts";

/** A line for each plugin that was changed, added or removed, in the order of the run that began. */
export function pluginDifferences(
  was: ConfigData,
  now: readonly PluginEntry[],
  registry: Registry,
): string[] {
  const before = entriesOf(was.plugins);
  const named = (use: string): string => {
    const name = registry.plugins().find(({ module }) => module === use)
      ?.plugin.name;
    return name === undefined ? use : `${name} (${use})`;
  };
  const changed = before.flatMap((then) => {
    const found = now.find(({ use }) => use === then.use);
    if (found === undefined) {
      return [`plugin ${then.use}: was ${code(then)}, is not named now`];
    }
    // runs of older versions recorded no hash
    if (then.hash === null || then.hash === found.hash) return [];
    return [`plugin ${named(then.use)}: was ${code(then)}, now ${code(found)}`];
  });
  const added = now.filter(({ use }) => !before.some((b) => b.use === use));
  return [
    ...changed,
    ...added.map((entry) =>
      `plugin ${named(entry.use)}: was not named, now ${code(entry)}`
    ),
  ];
}

function code({ version, hash }: PluginEntry): string {
  const known = hash === null ? "unknown code" : hash.slice(0, 19);
  return version === null ? known : `version ${version} (${known})`;
}

function entriesOf(written: Json | undefined): PluginEntry[] {
  return (Array.isArray(written) ? written : []).flatMap((item: Json) => {
    if (typeof item === "string") {
      return [{ use: item, version: null, hash: null }];
    }
    if (typeof item !== "object" || item === null || !("use" in item)) {
      return [];
    }
    const text = (value: Json | undefined) =>
      typeof value === "string" ? value : null;
    return [{
      use: String(item.use),
      version: text(item.version),
      hash: text(item.hash),
    }];
  });
}
