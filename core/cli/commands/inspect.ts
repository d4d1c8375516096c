/**
 * `denotune inspect`
 * @module
 */
import type { Command } from "commander";
import {
  type InspectedToken,
  renderTable,
  renderText,
} from "../../data/inspect.ts";
import { ConfigError } from "../../errors.ts";
import { inspectPrepared, inspectStep } from "../../library/inspect.ts";
import { prepareRun } from "../../library/prepare.ts";
import { totalSteps } from "../../train/trainer.ts";
import { type CliContext, loadAskedRun } from "../context.ts";
import { whole } from "../numbers.ts";
import { countOption } from "../options.ts";

interface InspectFlags {
  readonly row?: number;
  readonly source?: number;
  readonly examples: number;
  readonly step?: number;
  readonly table: boolean;
  readonly limit: number;
  readonly color: boolean;
}

/** Adds the command. */
export function addInspect(program: Command, context: CliContext): void {
  program.command("inspect")
    .summary("show what is trained, token by token")
    .description(
      "Shows training examples as the model sees them: what is trained on green (yellow where the weight is not 1), what is only read in grey. Without colours, what is trained stands in «marks».",
    )
    .argument(
      "[run...]",
      "a run file and settings laid over it, as `train` takes them",
    )
    .usage("[run file] [key=value ...] [options]")
    .option("--row <n>", "this row of the source, counted from 0", countOption)
    .option(
      "--source <n>",
      "this entry of data.train, counted from 0",
      countOption,
    )
    .option(
      "--examples <n>",
      "how many examples of each source",
      countOption,
      1,
    )
    .option(
      "--step <n>",
      "the batch of this optimizer step, counted from 1, padding included",
      countOption,
    )
    .option(
      "--table",
      "a line for every token: id, weight, role, segment",
      false,
    )
    .option(
      "--limit <n>",
      "at most so many tokens of each example",
      countOption,
      600,
    )
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      `
Examples:
  ${context.command} inspect run.yaml
  ${context.command} inspect run.yaml --row 36 --table
  ${context.command} inspect run.yaml --step 1 data.collator=packed`,
    )
    .action((args: string[], flags: InspectFlags) =>
      runInspect(args, flags, context)
    );
}

async function runInspect(
  args: readonly string[],
  flags: InspectFlags,
  { out, err }: CliContext,
): Promise<void> {
  const { run } = await loadAskedRun(args, { out });
  using prepared = await prepareRun(run, {
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  const view = { color: flags.color && out.color, limit: flags.limit };
  const show = (title: string, tokens: readonly InspectedToken[]) => {
    const trained = tokens.filter((t) => t.weight > 0).length;
    const padding = tokens.filter((t) => t.segment === 0).length;
    out.line(
      out.style(
        "bold",
        `${title}: ${whole(tokens.length - padding)} tokens, ${
          whole(trained)
        } trained${padding > 0 ? `, ${whole(padding)} padding` : ""}`,
      ),
    );
    const real = flags.table ? tokens : tokens.filter((t) => t.segment > 0);
    out.line(flags.table ? renderTable(real, view) : renderText(real, view));
    out.line();
  };
  if (flags.step === undefined) {
    for (const { source, row, tokens } of inspectPrepared(prepared, flags)) {
      show(`${source} row ${row}`, tokens);
    }
    return;
  }
  const steps = totalSteps(prepared.data.train, run.config.training);
  if (flags.step < 1 || flags.step > steps) {
    throw new ConfigError(
      `There is no step ${flags.step}: the run has ${steps}, counted from 1`,
    );
  }
  for (const { batch, row, tokens } of inspectStep(prepared, flags.step)) {
    show(`step ${flags.step}, micro-batch ${batch}, row ${row}`, tokens);
  }
}
