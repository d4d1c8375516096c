/**
 * The command line: commands, help, exit codes.
 *
 * | code | means                                     |
 * | ---- | ----------------------------------------- |
 * | 0    | done                                      |
 * | 1    | failed                                    |
 * | 2    | the user's input is wrong                 |
 * | 130  | interrupted, after a clean save           |
 * @module
 */
import { Command, CommanderError } from "commander";
import { VERSION } from "../version.ts";
import type { CliContext } from "./context.ts";
import { addAnalyze } from "./commands/analyze.ts";
import { addCheck } from "./commands/check.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addGenerate } from "./commands/generate.ts";
import { addInit } from "./commands/init.ts";
import { addInspect } from "./commands/inspect.ts";
import { addMerge } from "./commands/merge.ts";
import { addPlugins } from "./commands/plugins.ts";
import { addSchema } from "./commands/schema.ts";
import { addTrain } from "./commands/train.ts";
import { invocation } from "./invocation.ts";
import { showError } from "./show_error.ts";
import { type Outputs, processOutputs } from "./terminal.ts";

/** Runs a command line and returns the exit code. Never throws, never exits. */
export async function main(
  args: readonly string[],
  { out, err }: Outputs = processOutputs(),
): Promise<number> {
  let code = 0;
  const context: CliContext = {
    out,
    err,
    command: invocation(),
    exitWith: (given) => code = given,
  };
  const verbose = args.includes("--verbose");
  try {
    await programOf(context).parseAsync(
      args.length === 0 ? ["--help"] : args.filter((a) => a !== "--verbose"),
      { from: "user" },
    );
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : 2; // what it had to say is said
    }
    try {
      return showError(error, err, { verbose });
    } catch {
      return 1; // nobody reads stderr either
    }
  }
}

function programOf(context: CliContext): Command {
  const { out, err, command } = context;
  const program = new Command("denotune")
    .description("Fine-tunes language models: one YAML file, one command.")
    .version(VERSION, "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .option("--verbose", "show stack traces of errors")
    .showHelpAfterError(`(--help shows what can be given)`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      getOutHasColors: () => out.color,
      getErrHasColors: () => err.color,
      getOutHelpWidth: () => Math.min(out.width, 100),
      getErrHelpWidth: () => Math.min(err.width, 100),
      outputError: (text, write) =>
        write(text.replace(/^error/, err.style("bad", "error"))),
    });
  for (
    const add of [
      addTrain,
      addGenerate,
      addInit,
      addCheck,
      addInspect,
      addMerge,
      addAnalyze,
      addPlugins,
      addSchema,
      addDoctor,
    ]
  ) add(program, context);
  return program.addHelpText(
    "after",
    `
To start:
  ${command} train
      the quickstart: a small model learns short tasks, in a minute or so
  ${command} generate outputs/quickstart
      ask it
  ${command} init data.jsonl
      a run file for your own data

\`denotune help train\` says more of a command. 
Exit codes: 0 done, 1 failed, 2 wrong input, 130 interrupted and saved.`,
  );
}
