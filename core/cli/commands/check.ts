/**
 * `denotune check`
 * @module
 */
import type { Command } from "commander";
import { chosenAt } from "../../config/load.ts";
import type { DataReport } from "../../data/types.ts";
import { prepareRun } from "../../library/prepare.ts";
import { openDevice } from "../../run/open/choose_backend.ts";
import {
  planRun,
  type PreparedRun,
  type RunPlan,
} from "../../run/open/open_run.ts";
import { planEngine } from "../../engine/engine.ts";
import { memoryNeed, refuseTooLarge } from "../../run/open/memory_check.ts";
import { showBytes, showWhole } from "../../show_numbers.ts";
import { type CliContext, loadAskedRun } from "../context.ts";
import { harmless, type Output } from "../terminal.ts";

/** Adds the command. */
export function addCheck(program: Command, context: CliContext): void {
  program.command("check")
    .summary("check a run without training: config, data, memory")
    .description(
      "Checks a run as far as it goes without training: the run file, the model's files, every row of the data, what is trained, and the memory it needs. Writes nothing.",
    )
    .argument(
      "[run...]",
      "a run file and settings laid over it, as `train` takes them",
    )
    .usage("[run file] [key=value ...]")
    .addHelpText(
      "after",
      `
Examples:
  ${context.command} check run.yaml
  ${context.command} check run.yaml training.batch_size=8     does that fit?`,
    )
    .action((args: string[]) => runCheck(args, context));
}

async function runCheck(
  args: readonly string[],
  { out, err, command }: CliContext,
): Promise<void> {
  const { run } = await loadAskedRun(args, { out });
  const notices: string[] = [];
  const onNotice = (message: string) => void notices.push(message);
  using prepared = await prepareRun(run, { onNotice });
  const plan = await planRun(prepared, { onNotice });
  const { config } = run;
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(8))} ${text}`);
  entry("config", run.file ?? "the bundled quickstart");
  const adapter = chosenAt(run, "adapter", "adapter")?.part.name ?? null;
  entry(
    "model",
    `${prepared.model.name} · ${prepared.model.spec.modelType}${
      adapter === null ? ", all weights trained" : `, ${adapter}`
    }`,
  );
  const { train, evaluation, stream } = prepared.data;
  entry(
    "data",
    stream === null
      ? dataLine(train.report)
      : `streamed with a buffer of ${
        showWhole(config.data.shuffle_buffer)
      } rows · of the ${showWhole(train.report.rows)} first rows ${
        showWhole(train.report.trainedTokens)
      } of ${showWhole(train.report.tokens)} tokens trained`,
  );
  entry(
    "",
    `template ${prepared.data.templateName} · masker ${prepared.data.maskerName} · longest example ${
      showWhole(train.report.longest)
    } tokens`,
  );
  if (evaluation !== null) {
    entry("eval", `${showWhole(evaluation.length)} examples`);
  }
  entry(
    "training",
    `${
      showWhole(plan.totalSteps)
    } steps in all · batch ${config.training.batch_size} x ${config.training.gradient_accumulation_steps} · into ${config.output_dir}`,
  );
  await showMemory(prepared, plan, entry);
  for (const notice of notices) {
    err.line(`${err.style("warning", "note")}     ${harmless(notice)}`);
  }
  showSample(prepared, out);
  out.line();
  out.line(
    `${out.style("good", "Good to go.")} To train: ${command} train${
      args.length === 0 ? "" : ` ${args.join(" ")}`
    }`,
  );
}

function dataLine(report: DataReport): string {
  return `${report.startLine} · ${showWhole(report.trainedTokens)} of ${
    showWhole(report.tokens)
  } tokens trained`;
}

async function showMemory(
  { run, creating }: PreparedRun,
  { request }: RunPlan,
  entry: (name: string, text: string) => void,
): Promise<void> {
  const chosen = await openDevice(run, creating);
  await using device = chosen.device;
  const { info } = device;
  entry(
    "backend",
    `${chosen.name} · ${info.description}${
      chosen.reason === null ? "" : ` (${chosen.reason})`
    }`,
  );
  const planned = planEngine(request, info);
  const need = memoryNeed(planned, info, run.config.memory_limit);
  const { total: _, ...uses } = planned.report;
  const parts = Object.entries({ ...uses, runtime: need.runtime })
    .filter(([, n]) => n > 0).map(([name, n]) => `${name} ${showBytes(n)}`);
  entry(
    "memory",
    `${parts.join(" · ")} · total ${showBytes(need.total)} of ${
      showBytes(need.limit)
    }`,
  );
  refuseTooLarge(request, need, { config: run.config, info });
}

/** The first example, what is trained in it marked. */
function showSample({ data }: PreparedRun, out: Output): void {
  const { train } = data;
  const { record, source } = train.example(0);
  out.line();
  out.line(
    out.style("dim", "The first example; what is trained stands in «marks»:"),
  );
  out.line(train.sample({ source, record }).trimEnd());
}
