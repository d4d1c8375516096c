/**
 * A command of the command line: `train`, `generate`, and those that plugins bring. The name and the one
 * sentence in the list of commands are the part's; what the command takes is asked of it when it is called or
 * when its help is shown, so that heavy modules are loaded in `create`.
 * @module
 */
import { ConfigError } from "./errors.ts";
import type { Json } from "./json.ts";
import type { BuiltIn } from "./built_in.ts";
import type { OptionsSchema } from "./options.ts";
import type { TrustPolicy } from "./trust.ts";

/** A style of text on a terminal, by meaning. */
export type TextStyle = "bold" | "dim" | "good" | "warning" | "bad";

/** Something that text is written to. */
export interface Output {
  /** Writes text as it is. */
  write(text: string): void;
  /** Writes a line. */
  line(text?: string): void;
  /** The text in a style, or as it is where there are no colours. */
  style(style: TextStyle, text: string): string;
  /** Whether colours are shown. */
  readonly color: boolean;
  /** Columns of the terminal, else 100. */
  readonly width: number;
}

/** The two outputs of a command: results to `out`, everything else to `err`. */
export interface Outputs {
  /** Standard output. */
  readonly out: Output;
  /** Standard error. */
  readonly err: Output;
}

/** What starts the command line: the parts that it has, and the run that it starts when no run file is given. */
export interface Program {
  /** The built-in parts. */
  readonly builtIn: BuiltIn;
  /** The run that `train` runs where no run file is named and none is there. */
  quickstart(): Promise<Readonly<Record<string, unknown>>>;
}

/** What a command works with. */
export interface CommandContext extends Outputs {
  /** How the user starts denotune, for commands that are suggested: `deno run -A mod.ts`. */
  readonly invocation: string;
  /** Words of the command line that are no options, in order. */
  readonly arguments: readonly string[];
  /** Plugins named by `--plugin`, as they were written. */
  readonly plugins: readonly string[];
  /** Decides which plugins may run that neither the run's folder nor the user's own list vouches for. */
  readonly trust: TrustPolicy | null;
  /** What was started. */
  readonly program: Program;
  /** Sets the exit code of a command that does not throw. */
  exitWith(code: number): void;
}

/** A word that a command takes besides its options. */
export interface CommandArgument {
  /** Its name in the help: `folder`. */
  readonly name: string;
  /** What it is. */
  readonly description: string;
  /** Whether the command does nothing without it. Default: false. */
  readonly required?: boolean;
  /** Whether it takes all words that are left. Default: false. */
  readonly repeated?: boolean;
}

/** A part that a command lists in its help. */
export interface ListedPart {
  /** Its name. */
  readonly name: string;
  /** Its one sentence. */
  readonly description: string;
  /** JSON Schema of its options. */
  readonly optionsSchema: { readonly [key: string]: unknown };
}

/** What a command takes and shows. */
export interface CommandFacts {
  /** What `--help` says above the options. Default: the part's one sentence. */
  readonly details?: string;
  /** Words besides the options. Default: none. */
  readonly arguments?: readonly CommandArgument[];
  /** How the words are written, where the arguments do not say it: `[run file] [key=value ...]`. */
  readonly usage?: string;
  /**
   * What `--help` says below the options: examples. `invocation`: how denotune is started. `partsOf` lists the parts of
   * a kind, for commands that choose one.
   */
  help?(
    invocation: string,
    partsOf: (kind: string) => readonly ListedPart[],
  ): string;
}

/** A command, ready to run. */
export interface Command extends CommandFacts {
  /** JSON Schema of the options, an object: {@linkcode defineCommand} says how it becomes flags. */
  readonly optionsSchema: { readonly [key: string]: Json };
  /** What it needs of Deno: {@linkcode CommandDefinition}. `given` as for `run`. */
  permissions?(
    given: Readonly<Record<string, unknown>>,
    context: CommandContext,
  ): Promise<readonly string[]>;
  /** Runs the command. `given`: the options that were written. Throws what the command line shows and exits with. */
  run(
    given: Readonly<Record<string, unknown>>,
    context: CommandContext,
  ): Promise<void>;
}

/** A command as its author writes it. */
export interface CommandDefinition<Options> extends CommandFacts {
  /** The options. */
  readonly options: OptionsSchema<unknown, Options>;
  /**
   * What it needs of Deno with these options and arguments (`read:/data`, `net:host:443`, `ffi`): what `--permissions`
   * prints instead of running it. Absent: it is not known.
   */
  permissions?(
    options: Options,
    context: CommandContext,
  ): readonly string[] | Promise<readonly string[]>;
  /** Runs the command with checked options. */
  run(options: Options, context: CommandContext): void | Promise<void>;
}

/**
 * Makes a command of its definition. Each field of the options becomes a flag: `max_shard` becomes
 * `--max-shard`; a boolean takes no value (`--no-...` where its default is true), a list may be given several
 * times, an enum lists its values. A field's description is its help; its metadata may have `short` (`"p"` for
 * `-p`) and `placeholder` (`"folder"` for `<folder>`), in zod `.meta({ short: "p" })`. The options' schema
 * must describe itself (zod 4 does). Throws `TypeError` where it does not.
 *
 * @example
 * ```ts
 * import { defineCommand, definePart } from "@denotune/denotune/core";
 * import { z } from "zod";
 *
 * export const hello = definePart({
 *   kind: "command",
 *   name: "hello",
 *   description: "Greets",
 *   options: z.strictObject({}),
 *   create: () =>
 *     defineCommand({
 *       options: z.strictObject({
 *         name: z.string().default("you").describe("Who is greeted"),
 *       }),
 *       run: ({ name }, { out }) => out.line(`Hello, ${name}`),
 *     }),
 * });
 * ```
 */
export function defineCommand<Options>(
  definition: CommandDefinition<Options>,
): Command {
  const { options, run, permissions, ...facts } = definition;
  const standard = options["~standard"];
  const schema = standard.jsonSchema?.input({ target: "draft-2020-12" });
  if (schema === undefined) {
    throw new TypeError(
      "The options of a command need a schema that describes itself as JSON Schema, as zod 4's do",
    );
  }
  const checked = async (given: Readonly<Record<string, unknown>>) => {
    const found = await standard.validate(given);
    if (found.issues === undefined) return found.value;
    throw new ConfigError(
      found.issues.map(({ message, path = [] }) =>
        `${flagOf(String(stepOf(path[0])))}: ${message}`
      ).join("\n"),
    );
  };
  return {
    ...facts,
    optionsSchema: schema as { readonly [key: string]: Json },
    ...(permissions === undefined ? {} : {
      permissions: async (given, context) =>
        await permissions(await checked(given), context),
    }),
    run: async (given, context) => await run(await checked(given), context),
  };
}

/** The flag of an option: `--max-shard` for `max_shard`. */
export function flagOf(option: string): string {
  return `--${option.replaceAll("_", "-")}`;
}

function stepOf(
  step: PropertyKey | { readonly key: PropertyKey } | undefined,
): PropertyKey {
  return typeof step === "object" ? step.key : step ?? "";
}
