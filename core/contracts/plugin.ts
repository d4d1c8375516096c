/**
 * Parts, plugins and the registry that finds them. A part is a value: `{kind, name, options, create}`;
 * a plugin is a list of parts, a module's default export. Built-ins come through the same door.
 * @module
 */
import type { Adapter } from "./adapter.ts";
import type { Backend } from "./backend.ts";
import type { Collator } from "./collator.ts";
import type { Collective } from "./collective.ts";
import type { Evaluator } from "./evaluator.ts";
import type { Exporter } from "./exporter.ts";
import type { Format } from "./format.ts";
import type { Masker } from "./masker.ts";
import type { Architecture } from "./model.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";
import type { Schedule } from "./schedule.ts";
import type { Source } from "./source.ts";
import type { Template } from "./template.ts";
import type { Tokenizer, TokenizerFacts } from "./tokenizer.ts";
import type { Tracker } from "./tracker.ts";
import type { Activation } from "./activation.ts";
import type { Command } from "./command.ts";
import { apiFault } from "./api_changes.ts";
import { PluginError } from "./errors.ts";
import type { OptionsSchema } from "./options.ts";
import type { PluginIdentity, TrustPolicy } from "./trust.ts";

/** What each kind of part creates. The list of kinds is closed; parts are open. */
export interface KindMap {
  /** Reads one kind of file. */
  source: Source;
  /** Knows one data set's columns. */
  format: Format;
  /** Writes examples as text. */
  template: Template;
  /** Text to ids and back. */
  tokenizer: Tokenizer;
  /** Says how much each token counts. */
  masker: Masker;
  /** Lays examples out as a rectangle. */
  collator: Collator;
  /** Turns a batch into inputs and targets. */
  objective: Objective;
  /** An architecture. */
  model: Architecture;
  /** Trains something beside frozen weights. */
  adapter: Adapter;
  /** One update rule. */
  optimizer: Optimizer;
  /** Learning rate over time. */
  schedule: Schedule;
  /** Runs plans. */
  backend: Backend;
  /** Sums over processes. */
  collective: Collective;
  /** Measures a model. */
  evaluator: Evaluator;
  /** Receives the events of a run. */
  tracker: Tracker;
  /** Writes a model for other tools. */
  exporter: Exporter;
  /** An elementwise function. */
  activation: Activation;
  /** A command of the command line. */
  command: Command;
}

/** A kind of part. */
export type Kind = keyof KindMap;

/** Every kind, in the order people meet them. */
export const KINDS: readonly Kind[] = [
  "source",
  "format",
  "template",
  "tokenizer",
  "masker",
  "collator",
  "objective",
  "model",
  "adapter",
  "optimizer",
  "schedule",
  "backend",
  "collective",
  "evaluator",
  "tracker",
  "exporter",
  "activation",
  "command",
];

/**
 * What the framework offers to a part when it is created: what it was made beside. The same in workers. A run makes
 * its parts in this order: trackers, the model, the tokenizer, everything else.
 */
export interface Host {
  /** Resolves a path of the run file (relative to that file) to an absolute one. */
  resolvePath(path: string): string;
  /** Folder of the run's model, where parts look for the files that came with it; null when there is none. */
  readonly modelDir: string | null;
  /** The model's `config.json` or `from_config`, as it is. Null for trackers, and where there is no model. */
  readonly modelConfig: Readonly<Record<string, unknown>> | null;
  /** What the run's tokenizer knows. Null for trackers, the model and the tokenizer itself. */
  readonly tokenizer: TokenizerFacts | null;
  /** Creates another part by name, e.g. a template that wraps another. */
  create<K extends Kind>(kind: K, choice: Choice): Promise<KindMap[K]>;
  /** Names of the parts of a kind, those of plugins included. */
  list(kind: Kind): readonly string[];
  /** Says something to the user once (through the trackers): a fallback, a chosen default. */
  notice(message: string): void;
  /** The run's seed. */
  readonly seed: number;
}

/** The facts of a host's tokenizer. Throws `PluginError` where the part is made before there is one. */
export function tokenizerOf(host: Host): TokenizerFacts {
  if (host.tokenizer === null) {
    throw new PluginError(
      "it needs the run's tokenizer, and is made before there is one",
    );
  }
  return host.tokenizer;
}

/** One implementation of one kind. `Input` is what users write, `Options` what `create` gets. */
export interface Part<
  K extends Kind = Kind,
  Input = unknown,
  Options = unknown,
> {
  /** What it is one of. */
  readonly kind: K;
  /** kebab-case, unique within its kind. */
  readonly name: string;
  /** One sentence for `denotune plugins`. */
  readonly description: string;
  /** Schema of the options: strict, a default and a description on every field. */
  readonly options: OptionsSchema<Input, Options>;
  /** JSON Schema of the options, where `options` cannot give it itself. */
  readonly jsonSchema?: Record<string, unknown>;
  /**
   * Deno permissions that the part uses with these options, as `Plugin.permissions` writes them: for the command line
   * that `--permissions` prints. Optional ones too: without them the part does without.
   */
  permissions?(options: Options): readonly string[];
  /** Makes the part. Heavy modules are imported here, not at the top. */
  create(options: Options, host: Host): KindMap[K] | Promise<KindMap[K]>;
}

/** Any part, its types forgotten: as registries and plugins hold them. */
// deno-lint-ignore no-explicit-any -- a part's Options are both consumed and produced; only the registry forgets them
export type AnyPart = { [K in Kind]: Part<K, any, any> }[Kind];

/** What a plugin module exports by default. */
export interface Plugin {
  /** Unique among the plugins of a run. */
  readonly name: string;
  /** The version of the plugin API that it was written for, as a number: `1`. {@linkcode API_CHANGES} has all. */
  readonly api: number;
  /** Its own version, recorded with each run. */
  readonly version?: string;
  /** Deno permissions it needs, for `doctor` and `plugins` to show: `net`, `ffi`, `read:/data`. */
  readonly permissions?: readonly string[];
  /** What it brings. */
  readonly parts: readonly AnyPart[];
}

/** Defines a part, with its types inferred from the schema. */
export function definePart<K extends Kind, Input, Options>(
  part: Part<K, Input, Options>,
): Part<K, Input, Options> {
  return part;
}

/** Defines a plugin. */
export function definePlugin(plugin: Plugin): Plugin {
  return plugin;
}

/**
 * A part chosen in a run: its bare name, or `{use, ...options}`. In TypeScript a part itself may be
 * chosen with {@linkcode choose}.
 */
export type Choice = string | {
  readonly use: string;
  readonly [option: string]: unknown;
} | ChosenPart;

/** A part with its options, chosen in code. */
export interface ChosenPart {
  /** The part itself. */
  readonly use: AnyPart;
  /** What is written as its options. */
  readonly options: unknown;
}

/** Chooses a part in TypeScript, its options checked by the compiler. */
export function choose<K extends Kind, Input, Options>(
  part: Part<K, Input, Options>,
  options: Input,
): ChosenPart {
  return { use: part as AnyPart, options };
}

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
