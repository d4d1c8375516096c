/**
 * The changelog of the plugin API: its version, and what the author of a plugin must change from one to the next.
 * A denotune with a new version still takes the plugins that a change does not concern.
 *
 * Raise {@linkcode API_VERSION} when something that plugins use goes, or means something else, and write here what to
 * do about it. What is only added needs neither.
 * @module
 */
/** The version of the plugin contract: a plugin names the one it was written for. */
export const API_VERSION = 1;

/** What changed for some plugins. */
export interface ApiChange {
  /** The first version that has it. */
  readonly version: number;
  /** Plugins with a part of these kinds (`KINDS`) must change; null: all of them. */
  readonly kinds: readonly string[] | null;
  /** What their authors do, as a sentence: "Return `{sum, weight}` from `loss`, not their quotient". */
  readonly todo: string;
}

/** Every change, the oldest first. Version 1 is the first: nothing is older. */
export const API_CHANGES: readonly ApiChange[] = [];

/** A plugin, as far as its version matters. */
export interface VersionedPlugin {
  /** What it says it was written for. */
  readonly api: unknown;
  /** Kinds of its parts. */
  readonly kinds: readonly unknown[];
}

/**
 * Why a plugin cannot be used with this version of the API and what to change, as the end of a sentence about it; null
 * where it can.
 */
export function apiFault(
  { api, kinds }: VersionedPlugin,
  version: number = API_VERSION,
  changes: readonly ApiChange[] = API_CHANGES,
): string | null {
  if (api === undefined) {
    return `says no \`api\`; add \`api: ${version}\`, the version of the plugin API that it is written for`;
  }
  if (typeof api !== "number" || !Number.isInteger(api) || api < 1) {
    const found = typeof api === "string" ? JSON.stringify(api) : String(api);
    return `says \`api: ${found}\`; expected a whole number, the version of the plugin API that it is written for: ${version} now`;
  }
  if (api > version) {
    return `is written for plugin API ${api}, and this denotune has API ${version}: update denotune, or use a version of the plugin for API ${version}`;
  }
  const todo = changes.filter((change) =>
    change.version > api && change.version <= version &&
    (change.kinds === null || change.kinds.some((kind) => kinds.includes(kind)))
  );
  if (todo.length === 0) return null;
  const lines = todo.map((change) =>
    `\n  API ${change.version}: ${change.todo}`
  );
  return `is written for plugin API ${api}, and this denotune has API ${version}. Its author writes \`api: ${version}\` after these changes:${
    lines.join("")
  }`;
}
