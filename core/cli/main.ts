/**
 * The command line: finds the command among the parts, shows help, gives the exit code.
 *
 * | code | means                                     |
 * | ---- | ----------------------------------------- |
 * | 0    | done                                      |
 * | 1    | failed                                    |
 * | 2    | the user's input is wrong                 |
 * | 130  | interrupted, after a clean save           |
 * @module
 */
import { Command as Commander, CommanderError } from "commander";
import { partError } from "../config/parts/call_part.ts";
import { createPart, creatingWith } from "../config/parts/create_part.ts";
import type {
  Command,
  CommandContext,
  Outputs,
  Program,
} from "../contracts/command.ts";
import { ConfigError, messageOf } from "../contracts/errors.ts";
import type { Registry } from "../contracts/registry.ts";
import { VERSION } from "../version.ts";
import {
  describePart,
  optionsJsonSchema,
} from "../config/schema/options_schema.ts";
import { BUILT_IN } from "../contracts/registry.ts";
import { ourName } from "../config/schema/other_names.ts";
import { namesModule } from "../config/parts/plugins.ts";
import { askedRegistry } from "./asked_run.ts";
import { addFlags, givenOptions, hasOption } from "./flags.ts";
import { invocation } from "./invocation.ts";
import { cliTrust } from "./cli_trust.ts";
import { permissionFlags, permissionLine } from "./permission_line.ts";
import { isFromSystem, showError } from "./show_error.ts";
import { isOutputGone, processOutputs } from "./terminal.ts";

/** Prints what a command needs of Deno instead of running it. */
const PERMISSIONS = "--permissions";
/** Trusts every plugin that is named. */
const TRUST = "--trust";
/** Flags that any command takes, at any position. */
const GLOBAL: readonly string[] = ["--verbose", PERMISSIONS, TRUST];

/** Runs a command line and returns the exit code. Never throws, never exits. */
export async function main(
  args: readonly string[],
  program: Program,
  outputs: Outputs = processOutputs(),
): Promise<number> {
  const { err } = outputs;
  const verbose = args.includes("--verbose");
  try {
    const { words, plugins } = withoutPlugins(
      args.filter((a) => !GLOBAL.includes(a)),
    );
    let code = 0;
    const context: CommandContext = {
      ...outputs,
      invocation: invocation(),
      arguments: [],
      plugins,
      trust: cliTrust({ all: args.includes(TRUST), err }),
      program,
      exitWith: (given) => code = given,
    };
    const commander = await commandLine(words, context, {
      printsPermissions: args.includes(PERMISSIONS),
    });
    await commander.parseAsync(words.length === 0 ? ["--help"] : words, {
      from: "user",
    });
    return code;
  } catch (thrown) {
    const error = seen(thrown);
    if (error instanceof CommanderError) {
      const flag = /unknown option '(--[\w-]+)/.exec(error.message)?.[1];
      const key = flag === undefined ? null : ourName(flag);
      if (key !== null) {
        err.line(
          `Settings of a run are given without dashes: ${key}${
            key.includes("=") ? "" : "=VALUE"
          }`,
        );
      }
      return error.exitCode === 0 ? 0 : 2; // what else it had to say is said
    }
    try {
      return showError(error, err, { verbose });
    } catch {
      return 1; // nobody reads stderr either
    }
  }
}

/** What was thrown, or words for it where a plugin throws what throws when it is looked at. */
function seen(thrown: unknown): unknown {
  try {
    void (thrown instanceof Error);
    return thrown;
  } catch {
    return new Error(messageOf(thrown));
  }
}

/** Removes every `--plugin <module or name>` from the words, at any position: plugins decide which commands exist. */
function withoutPlugins(
  args: readonly string[],
): { words: string[]; plugins: string[] } {
  const words: string[] = [];
  const plugins: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i].startsWith("--plugin=")) {
      plugins.push(args[i].slice("--plugin=".length));
    } else if (args[i] !== "--plugin") {
      words.push(args[i]);
    } else if (args[i + 1] === undefined) {
      throw new ConfigError(
        "--plugin names no module; write --plugin ./mine.ts",
      );
    } else {
      plugins.push(args[++i]);
    }
  }
  return { words, plugins };
}

async function commandLine(
  words: readonly string[],
  asked: CommandContext,
  { printsPermissions }: { readonly printsPermissions: boolean },
): Promise<Commander> {
  const { out, err, plugins } = asked;
  const commander = new Commander("denotune")
    .description("Fine-tunes language models: one YAML file, one command.")
    .version(VERSION, "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .option("--verbose", "show stack traces of errors")
    .option(
      PERMISSIONS,
      "print the command line with the permissions that are needed, and do nothing",
    )
    .option(
      "--plugin <module>",
      "a plugin to load; may be given several times",
    )
    .option(
      TRUST,
      "run the plugins that are named without asking, and remember them",
    )
    .showHelpAfterError(`(--help shows what can be given)`)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.line(text.replace(/\n$/, "")),
      writeErr: (text) => err.line(text.replace(/\n$/, "")),
      getOutHasColors: () => out.color,
      getErrHasColors: () => err.color,
      getOutHelpWidth: () => Math.min(out.width, 100),
      getErrHelpWidth: () => Math.min(err.width, 100),
      outputError: (text, write) =>
        write(text.replace(/^error/, err.style("bad", "error"))),
    });
  // a bare name is no module: a command may take it as its own option `plugin`
  const names = plugins.filter((plugin) => !namesModule(plugin));
  const context = { ...asked, plugins: plugins.filter(namesModule) };
  const registry = await askedRegistry(context);
  let name: string | undefined;
  for (const registered of registry.list("command")) {
    const { part } = registered;
    const added = commander.command(part.name).summary(part.description)
      .configureHelp({ showGlobalOptions: true });
    // what the others take is not asked: that would load them
    if (words.includes(part.name)) {
      const command = await makeCommand(part.name, registry);
      const takesName = part.name === words[0] && hasOption(command, "plugin");
      if (takesName) name = names.at(-1);
      addCommand(added.description(command.details ?? part.description), {
        command,
        described: describePart(registered),
        isBuiltIn: registered.module === BUILT_IN,
        registry,
        context,
        plugin: takesName ? name : undefined,
        printsPermissions: printsPermissions ? words : null,
      });
    }
  }
  // refused as modules that are nowhere
  if (names.length > 0 && name === undefined) await askedRegistry(asked);
  const start = context.invocation;
  return commander.addHelpText(
    "after",
    `
To start:
  ${start} train
      the quickstart: a small model learns short tasks, in a minute or so
  ${start} generate outputs/quickstart
      ask it
  ${start} init data.jsonl
      a run file for your own data

\`${start} help train\` says more of a command.
Exit codes: 0 done, 1 failed, 2 wrong input, 130 interrupted and saved.`,
  );
}

/** The first command line of a help text, without what explains it. */
function exampleIn(
  help: string | undefined,
  invocation: string,
): string | undefined {
  const lines = help?.split("Examples:").at(-1)?.split("\n") ?? [];
  const found = lines.find((line) => line.trimStart().startsWith(invocation));
  return found?.trim().split(/ {3,}/)[0];
}

async function makeCommand(name: string, registry: Registry): Promise<Command> {
  return await createPart("command", name, creatingWith(registry));
}

function addCommand(
  commander: Commander,
  {
    command,
    described,
    isBuiltIn,
    registry,
    context,
    plugin,
    printsPermissions,
  }: {
    readonly command: Command;
    /** The part and its plugin, for messages. */
    readonly described: string;
    readonly isBuiltIn: boolean;
    readonly registry: Registry;
    readonly context: CommandContext;
    /** A bare name of `--plugin`, for a command that has this option. */
    readonly plugin: string | undefined;
    /** The words whose permissions are printed; null: the command is run. */
    readonly printsPermissions: readonly string[] | null;
  },
): void {
  for (
    const { name, description, required, repeated } of command.arguments ?? []
  ) {
    const word = `${name}${repeated === true ? "..." : ""}`;
    commander.argument(
      required === true ? `<${word}>` : `[${word}]`,
      description,
    );
  }
  if (command.usage !== undefined) commander.usage(command.usage);
  addFlags(commander, command.optionsSchema);
  const help = command.help?.(
    context.invocation,
    (kind) =>
      registry.list().filter(({ part }) => part.kind === kind)
        .map((registered) => ({
          name: registered.part.name,
          description: registered.part.description,
          optionsSchema: optionsJsonSchema(registered),
        })),
  );
  if (help !== undefined) commander.addHelpText("after", `\n${help}`);
  const example = exampleIn(help, context.invocation);
  if (example !== undefined) {
    commander.configureOutput({
      outputError: (text, write) =>
        write(
          text.replace(/^error/, context.err.style("bad", "error")) +
            (text.includes("missing required argument")
              ? `For example: ${example}\n`
              : ""),
        ),
    });
  }
  commander.action(async () => {
    const given = {
      ...givenOptions(command.optionsSchema, commander.opts()),
      ...(plugin === undefined ? {} : { plugin }),
    };
    const asked = { ...context, arguments: commander.args };
    try {
      if (printsPermissions === null) await command.run(given, asked);
      else {
        await printPermissions(command, {
          given,
          asked,
          words: printsPermissions,
        });
      }
    } catch (error) {
      // files, networks and closed outputs speak for themselves
      if (isBuiltIn || isFromSystem(error) || isOutputGone(error)) throw error;
      throw partError({ part: described, method: "run" }, error);
    }
  });
}

/** Prints how the command is started with the permissions that it needs. */
async function printPermissions(
  command: Command,
  { given, asked, words }: {
    readonly given: Readonly<Record<string, unknown>>;
    readonly asked: CommandContext;
    readonly words: readonly string[];
  },
): Promise<void> {
  const needs = await command.permissions?.(given, asked);
  if (needs === undefined) {
    throw new ConfigError(
      `The command ${
        words[0]
      } does not say which permissions it needs; -A allows everything`,
    );
  }
  const flags = permissionFlags(needs, Deno.cwd());
  const { invocation, plugins } = asked;
  const named = plugins.flatMap((plugin) => ["--plugin", plugin]);
  asked.out.line(
    permissionLine({ invocation, words: [...words, ...named], flags }),
  );
  const spare = OPTIONAL.filter(([flag]) =>
    flags.some((written) => written.startsWith(flag))
  );
  if (spare.length === 0) return;
  asked.err.line("May be left out:");
  for (const [flag, without] of spare) {
    asked.err.line(`  ${flag.padEnd(11)}  ${without}`);
  }
}

/** Permissions that every command does without, and what is then missing. */
const OPTIONAL: readonly (readonly [string, string])[] = [
  [
    "--allow-ffi",
    "without BLAS, training on the processor takes two to four times as long; native code has all rights of its user",
  ],
  [
    "--allow-sys",
    "the memory of this machine is not known, so a run that is too large is not refused",
  ],
  [
    "--allow-env",
    "caches are in the folder for temporary files; tokens and keys are not found",
  ],
];
