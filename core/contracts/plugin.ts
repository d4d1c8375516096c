/**
 * Parts and plugins. A part is a value: `{kind, name, options, create}`;
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
import { PluginError } from "./errors.ts";
import type { OptionsSchema } from "./options.ts";

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
