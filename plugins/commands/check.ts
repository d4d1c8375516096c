/**
 * `denotune check`
 * @module
 */
import {
  type CheckedRun,
  chosenAt,
  type Command,
  type CommandContext,
  type DataReport,
  defineCommand,
  harmless,
  library,
  loadAskedRun,
  type PlannedMemory,
  runNeeds,
  showBytes,
  showCount,
  showWhole,
} from "@denotune/denotune/core";
import { z } from "zod";
import { adviceOn } from "./_advice.ts";
import {
  CLUSTER_FLAGS,
  type ClusterFlags,
  clustersOf,
  estimateLines,
} from "./_network.ts";

/** `denotune check` */
export const check: Command = defineCommand({
  details:
    "Checks a run as far as it goes without training: the run file, the model's files, every row of the data, what is trained, and the memory it needs; gives advice where a value is far from what the field uses. Writes nothing.",
  arguments: [{
    name: "run",
    description: "run files, groups and settings, as `train` takes them",
    repeated: true,
  }],
  usage: "[run file ...] [group=name ...] [key=value ...]",
  options: z.strictObject(CLUSTER_FLAGS),
  help: (start) =>
    `Examples:
  ${start} check run.yaml
  ${start} check run.yaml training.batch_size=8     does that fit?
  ${start} check run.yaml --ranks 8 --network 1Gbit  what would 8 machines give?`,
  permissions: (_, context) => runNeeds(context, { trains: false }),
  run: (flags, context) => runCheck(flags, context),
});

async function runCheck(
  flags: ClusterFlags,
  context: CommandContext,
): Promise<void> {
  const { out, err, invocation, arguments: args } = context;
  const { run } = await loadAskedRun(context);
  const notices: string[] = [];
  const onNotice = (message: string) => void notices.push(message);
  using checked = await library.checkRun(run, { onNotice });
  const { config } = run;
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(8))} ${text}`);
  entry("config", run.file ?? "the bundled quickstart");
  const { report, adapter, evaluationExamples } = checked;
  entry(
    "model",
    `${checked.modelName} · ${checked.modelType}${
      adapter === null ? ", all weights trained" : `, ${adapter}`
    }`,
  );
  entry(
    "data",
    config.data.streaming
      ? `streamed with a buffer of ${
        showWhole(config.data.shuffle_buffer)
      } rows · of the ${showWhole(report.rows)} first rows ${
        showWhole(report.trainedTokens)
      } of ${showWhole(report.tokens)} tokens trained`
      : dataLine(report),
  );
  entry(
    "",
    `template ${checked.templateName} · masker ${checked.maskerName} · longest example ${
      showWhole(report.longest)
    } tokens`,
  );
  if (checked.bos !== null) entry("", checked.bos);
  if (evaluationExamples !== null) {
    entry("eval", `${showWhole(evaluationExamples)} examples`);
  }
  const chosen = (["objective", "optimizer", "schedule"] as const)
    .map((kind) => chosenAt(run, kind, kind)?.part.name).join(", ");
  entry(
    "training",
    `${
      showWhole(checked.totalSteps)
    } steps in all · ${chosen} · batch ${config.training.batch_size} x ${config.training.gradient_accumulation_steps} · into ${config.output_dir}`,
  );
  showMemory(await checked.memory(), entry);
  const clusters = clustersOf(flags);
  if (clusters.length > 0) {
    for (const estimate of await checked.estimate(clusters)) {
      estimateLines(estimate, flags).forEach((line, i) =>
        entry(i === 0 ? "ranks" : "", line)
      );
    }
  }
  notices.push(...duplicateNotices(checked));
  for (const notice of notices) {
    err.line(`${err.style("warning", "note")}     ${harmless(notice)}`);
  }
  for (const advice of adviceOn(run, checked)) {
    out.line(`${out.style("warning", "advice".padEnd(8))} ${harmless(advice)}`);
  }
  out.line();
  out.line(
    out.style("dim", "The first example; what is trained is between « and »:"),
  );
  out.line(checked.sample().trimEnd());
  out.line();
  out.line(
    `${out.style("good", "Good to go.")} To train: ${invocation} train${
      args.length === 0 ? "" : ` ${args.join(" ")}`
    }`,
  );
}

/** What to say of examples that say the same as one before them. */
function duplicateNotices({ duplicates, report }: CheckedRun): string[] {
  if (duplicates === 0) return [];
  const share = (100 * duplicates / Math.max(1, report.examples))
    .toPrecision(2);
  return [
    `${showCount(duplicates, "example")} (${Number(share)}%) ${
      duplicates === 1 ? "has" : "have"
    } the same tokens as one before: the command \`analyze\` names them`,
  ];
}

function dataLine(report: DataReport): string {
  return `${report.startLine} · ${showWhole(report.trainedTokens)} of ${
    showWhole(report.tokens)
  } tokens trained`;
}

function showMemory(
  { backend, description, reason, uses, total, limit }: PlannedMemory,
  entry: (name: string, text: string) => void,
): void {
  entry(
    "backend",
    `${backend} · ${description}${reason === null ? "" : ` (${reason})`}`,
  );
  const parts = Object.entries(uses).filter(([, n]) => n > 0)
    .map(([name, n]) => `${name} ${showBytes(n)}`);
  entry(
    "memory",
    `${parts.join(" · ")} · total ${showBytes(total)} of ${showBytes(limit)}`,
  );
}
