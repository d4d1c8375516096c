/**
 * The registry that finds parts by kind and name. Whatever it is given, from a module or from code, is checked.
 * @module
 */
import { apiFault } from "./api_changes.ts";
import { PluginError } from "./errors.ts";
import { type AnyPart, type Kind, KINDS, type Plugin } from "./plugin.ts";
import type { PluginIdentity, TrustPolicy } from "./trust.ts";

/** A part and the plugin that provides it. */
export interface Registered {
  /** The part. */
  readonly part: AnyPart;
  /** Name of the plugin. */
  readonly plugin: string;
  /** The module it was loaded from ({@linkcode BUILT_IN} for ours, `inline` for parts chosen in code). */
  readonly module: string;
}

/** What people are shown as the module of the parts that come with the program. */
export const BUILT_IN = "built-in";

/** How a plugin is kept apart: its parts run in a process of its own. */
export interface Isolation {
  /** How long a call may take, ms. */
  readonly timeMs: number;
  /** Most memory of its process, MB. */
  readonly memoryMB: number;
  /** Permissions that it asks for and is granted: `read:/data`, `net:example.com`, `env:NAME`. */
  readonly granted: readonly string[];
}

/** A plugin of a registry. */
export interface RegisteredPlugin {
  /** The plugin. */
  readonly plugin: Plugin;
  /** The module it was loaded from, as people are shown it. */
  readonly module: string;
  /** What a worker imports to have the same plugin; null where only this thread holds it. */
  readonly url: string | null;
  /** Which code it is; null where it was given in code, and for the built-in parts. */
  readonly identity: PluginIdentity | null;
  /** Why its code may run: `it is in the folder of the run file`; null as for `identity`. */
  readonly trusted: string | null;
  /** How it is isolated; null: its code runs in this process. */
  readonly isolation: Isolation | null;
}

/** What is known of a plugin that was loaded from a module. */
export type LoadedFrom = Pick<
  RegisteredPlugin,
  "identity" | "trusted" | "isolation"
>;

/** Holds parts by kind and name. A duplicate is refused, naming both plugins. */
export class Registry {
  /** Decides about plugins that are loaded into it, and into copies of it; null: nobody is asked. */
  readonly trust: TrustPolicy | null;
  readonly #parts = new Map<string, Registered>();
  readonly #plugins = new Map<string, RegisteredPlugin>();

  /** An empty registry. */
  constructor(trust: TrustPolicy | null = null) {
    this.trust = trust;
  }

  /**
   * Adds a plugin, whose shape is checked here in every case. `url` is what a worker imports to have it too. Throws `PluginError` naming `module`.
   */
  add(
    plugin: unknown,
    module: string,
    url: string | null = null,
    from: Partial<LoadedFrom> = {},
  ): void {
    const checked = checkPlugin(plugin, module);
    const { identity = null } = from;
    const before = this.#plugins.get(checked.name);
    if (before !== undefined) {
      throw new PluginError(
        `Plugin "${checked.name}" from ${module} is already registered by ${before.module}: remove one of them from \`plugins\``,
      );
    }
    const added = new Map<string, Registered>();
    for (const part of checked.parts) {
      const key = `${part.kind}/${part.name}`;
      const other = this.#parts.get(key) ?? added.get(key);
      if (other !== undefined) {
        const brought = other.plugin === checked.name
          ? `Plugin "${checked.name}" (${module}) brings the ${part.kind} "${part.name}" twice`
          : `Two plugins bring the ${part.kind} "${part.name}": "${other.plugin}" (${other.module}) and "${checked.name}" (${module})`;
        throw new PluginError(`${brought}; remove or rename one`);
      }
      added.set(key, { part, plugin: checked.name, module });
    }
    // all or nothing: a refused plugin leaves no parts behind
    for (const [key, part] of added) this.#parts.set(key, part);
    this.#plugins.set(checked.name, {
      plugin: checked,
      module,
      url,
      identity: identity === null ? null : {
        version: identity.version ?? checked.version ?? null,
        hash: identity.hash,
      },
      trusted: from.trusted ?? null,
      isolation: from.isolation ?? null,
    });
  }

  /** The part of that kind and name, or undefined. */
  find<K extends Kind>(kind: K, name: string): Registered | undefined {
    return this.#parts.get(`${kind}/${name}`);
  }

  /** Names of all parts of a kind, sorted. */
  names(kind: Kind): string[] {
    return this.list(kind).map((r) => r.part.name).sort();
  }

  /** All parts, or all of a kind. */
  list(kind?: Kind): Registered[] {
    return [...this.#parts.values()].filter((r) =>
      kind === undefined || r.part.kind === kind
    );
  }

  /** All plugins with the module each came from. */
  plugins(): RegisteredPlugin[] {
    return [...this.#plugins.values()];
  }
}

function checkPlugin(value: unknown, module: string): Plugin {
  const fail = (what: string): never => {
    throw new PluginError(`${module}: ${what}`);
  };
  if (value === undefined) {
    fail(
      "has no default export; a plugin module exports {name, api, parts} by default",
    );
  }
  if (typeof value !== "object" || value === null) {
    fail(
      `its default export is ${
        value === null ? "null" : `a ${typeof value}`
      }, not a plugin {name, api, parts}`,
    );
  }
  const plugin = value as Record<string, unknown>;
  if (typeof plugin.name !== "string" || plugin.name === "") {
    fail("its default export has no `name`; a plugin is {name, api, parts}");
  }
  const parts: unknown[] = Array.isArray(plugin.parts) ? plugin.parts : [];
  const kinds = parts.map((part) => {
    const isPart = typeof part === "object" && part !== null && "kind" in part;
    return isPart ? part.kind : null;
  });
  const fault = apiFault({ api: plugin.api, kinds });
  if (fault !== null) fail(`plugin "${plugin.name}" ${fault}`);
  if (!Array.isArray(plugin.parts)) {
    fail(`plugin "${plugin.name}" has no list \`parts\``);
  }
  for (const [i, part] of (plugin.parts as unknown[]).entries()) {
    const wrong = partFault(part);
    if (wrong !== null) fail(`plugin "${plugin.name}", parts[${i}] ${wrong}`);
  }
  return value as Plugin;
}

/** What keeps a value from being a part, as the end of a sentence about it; null where it is one. */
export function partFault(part: unknown): string | null {
  if (typeof part !== "object" || part === null) {
    return "is not an object {kind, name, options, create}";
  }
  const p = part as Record<string, unknown>;
  if (!(KINDS as readonly unknown[]).includes(p.kind)) {
    return `has kind ${JSON.stringify(p.kind)}; known kinds: ${
      KINDS.join(", ")
    }`;
  }
  if (typeof p.name !== "string" || !/^[a-z0-9][a-z0-9_+.-]*$/.test(p.name)) {
    return `needs a name of lower-case letters, digits and -_+. (found ${
      JSON.stringify(p.name)
    })`;
  }
  const at = `(${p.kind} "${p.name}")`;
  if (typeof p.create !== "function") return `${at} has no function \`create\``;
  // the object of a schema may be a function, as arktype's are
  const options = p.options as
    | { readonly "~standard"?: unknown }
    | undefined
    | null;
  const isHolder = (typeof options === "object" && options !== null) ||
    typeof options === "function";
  const standard = isHolder
    ? options["~standard"] as Record<string, unknown> | undefined
    : undefined;
  if (
    typeof standard !== "object" || standard === null ||
    typeof standard.validate !== "function"
  ) {
    return `${at} needs \`options\`, a Standard Schema (for example a zod object)`;
  }
  if (
    standard.jsonSchema === undefined &&
    (typeof p.jsonSchema !== "object" || p.jsonSchema === null)
  ) {
    return `${at} needs \`jsonSchema\`, because its options have no \`~standard.jsonSchema\``;
  }
  return null;
}
