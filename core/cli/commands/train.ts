/**
 * `denotune train`
 * @module
 */
import { relative } from "node:path";
import type { Command } from "commander";
import { trainRun } from "../../run/run.ts";
import { type CliContext, loadAskedRun } from "../context.ts";
import { INTERRUPTED, onInterrupt } from "../interrupt.ts";
import { quoted } from "../invocation.ts";

/** Adds the command. */
export function addTrain(program: Command, context: CliContext): void {
  program.command("train")
    .summary("train a model as a run file says")
    .description(
      "Trains a model as a run file says, and saves it where other tools load it. An unfinished run goes on from its last checkpoint; a finished one is kept under another name.",
    )
    .argument(
      "[run...]",
      "a run file (.yaml, .json, .ts) and settings laid over it; without a file denotune.yaml, else the quickstart",
    )
    .usage("[run file] [key=value ...]")
    .addHelpText("after", () => help(context.command))
    .action((args: string[]) => runTrain(args, context));
}

async function runTrain(
  args: readonly string[],
  context: CliContext,
): Promise<void> {
  const { out, err, command } = context;
  using interrupt = onInterrupt(
    err,
    "Stopping: the run is saved after this step. Ctrl-C again ends it at once.",
  );
  const { signal } = interrupt;
  const { run, quickstart } = await loadAskedRun(args, { out });
  let result;
  try {
    const again = [command, "train", ...args.map(quoted)].join(" ");
    result = await trainRun(run, { signal, command: again });
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
    err.line("Stopped before the first step: there is nothing to save.");
    context.exitWith(INTERRUPTED);
    return;
  }
  if (result.status === "interrupted") {
    context.exitWith(INTERRUPTED);
    return;
  }
  const folder = quoted(relative(Deno.cwd(), result.outputDir));
  const [prompt] = run.config.samples.prompts;
  const ask = prompt === undefined ? "" : ` --prompt ${quoted(prompt)}`;
  out.line();
  out.line(`Ask it:   ${command} generate ${folder}${ask}`);
  if (quickstart) {
    out.line(`Your own: ${command} init data.jsonl`);
  }
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted &&
    (error === signal.reason ||
      (error instanceof Error && error.name === "AbortError"));
}

function help(command: string): string {
  return `
Examples:
  ${command} train
  ${command} train run.yaml
  ${command} train run.yaml training.epochs=1 optimizer.learning_rate=1e-4
  ${command} train run.yaml data.train.0.path=other.jsonl adapter=null
  ${command} train run.yaml training.resume=never

Values are YAML; data.train.0 reaches into lists; optimizer=lion replaces a part, optimizer.learning_rate= edits it.
Ctrl-C saves and exits with 130; the same command then goes on. A second Ctrl-C ends at once.`;
}
