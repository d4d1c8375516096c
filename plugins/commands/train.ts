/**
 * `denotune train`
 * @module
 */
import { dirname, isAbsolute, join, relative } from "node:path";
import {
  type Command,
  type CommandContext,
  defineCommand,
  type Interrupt,
  INTERRUPTED,
  isDenotuneError,
  isOutputGone,
  type Kind,
  library,
  loadAskedRun,
  type LoadedRun,
  OBJECTIVE_KEY,
  onInterrupt,
  PluginError,
  quoted,
  readJsonObject,
  runNeeds,
  type RunResult,
} from "@denotune/denotune/core";
import { z } from "zod";
import { writeReport } from "./report/write_report.ts";
import { PageBeside } from "./ui/page_beside.ts";

const options = z.strictObject({
  ui: z.boolean().default(false).describe(
    "show the run in the browser while it trains; afterwards: ui",
  ),
});

/** `denotune train` */
export const train: Command = defineCommand({
  details:
    "Trains a model as a run file says, and saves it where other tools load it. An unfinished run is resumed from its last checkpoint; a finished one is kept under another name.",
  arguments: [{
    name: "run",
    description:
      "run files (.yaml, .json, .ts), groups and settings, each laid over those before it; without a file denotune.yaml, else the quickstart",
    repeated: true,
  }],
  usage: "[run file ...] [group=name ...] [key=value ...]",
  options,
  help,
  permissions: async ({ ui }, context) => [
    ...await runNeeds(context, { trains: true }),
    // the page beside the run is a process of its own, with all rights
    ...(ui ? ["run", "env"] : []),
  ],
  run: runTrain,
});

async function runTrain(
  { ui }: z.output<typeof options>,
  context: CommandContext,
): Promise<void> {
  const { err, invocation, arguments: args } = context;
  using interrupt = onInterrupt(
    err,
    "Stopping: the run is saved after this step. Ctrl-C again ends it at once.",
    { watch: true },
  );
  const { signal, calls } = interrupt;
  using page = new PageBeside();
  let isTraining = false;
  const work = async () => {
    const { run, quickstart } = await loadAskedRun(context, { calls });
    if (ui) page.start(run.config.output_dir);
    const result = await library.trainRun(run, {
      signal,
      calls,
      command: [
        invocation,
        "train",
        ...args.map(quoted),
        // a run is resumed with the plugins that it began with
        ...context.plugins.flatMap((plugin) => ["--plugin", quoted(plugin)]),
      ].join(" "),
      onRankStops: (message) => err.line(message),
      trackers: [{
        start: () => void (isTraining = true),
        event: () => {},
        close: () => {},
      }],
    });
    return { run, quickstart, result };
  };
  let done;
  try {
    done = await Promise.race([work(), givenUp(signal, () => isTraining)]);
  } catch (error) {
    if (!isAbort(error, signal)) throw error;
    throwFailure(interrupt);
    err.line("Stopped before the first step: there is nothing to save.");
    context.exitWith(INTERRUPTED);
    return;
  }
  const { run, quickstart, result } = done;
  if (result.rank !== 0) {
    if (result.status === "interrupted") context.exitWith(INTERRUPTED);
    return;
  }
  const report = await writeReport(result.outputDir, err);
  if (result.status === "interrupted") {
    throwFailure(interrupt, result);
    context.exitWith(INTERRUPTED);
    return;
  }
  try {
    showNext(run, { result, report, quickstart, ui, context });
  } catch (error) {
    if (!isOutputGone(error)) throw error; // the run is done and saved, whoever reads of it
  }
}

/** What can be done with the model. */
function showNext(
  run: LoadedRun,
  { result, report, quickstart, ui, context }: {
    readonly result: RunResult;
    /** Where the report is; null: there is none. */
    readonly report: string | null;
    readonly quickstart: boolean;
    readonly ui: boolean;
    readonly context: CommandContext;
  },
): void {
  const { out, invocation } = context;
  const folder = quoted(relative(Deno.cwd(), result.outputDir));
  const [prompt] = run.config.samples.prompts;
  const ask = [
    ...(prompt === undefined ? [] : ["--prompt", prompt]),
    ...pluginsToAnswer(run, result.outputDir).flatMap((module) => [
      "--plugin",
      module,
    ]),
  ].map((word) => ` ${quoted(word)}`).join("");
  out.line();
  if (report !== null) {
    out.line(`Report:   ${quoted(relative(Deno.cwd(), report))}`);
  }
  out.line(`Ask it:   ${invocation} generate ${folder}${ask}`);
  if (ui) {
    const runs = quoted(relative(Deno.cwd(), dirname(result.outputDir)) || ".");
    out.line(`See it:   ${invocation} ui ${runs}`);
  }
  if (quickstart) {
    out.line(`Your own: ${invocation} init data.jsonl`);
  }
}

/** Kinds whose parts a saved model is run with. */
const ANSWERING: readonly Kind[] = ["model", "activation", "adapter"];

/** Modules of the plugins that answers need, as the command line takes them: what is saved names none that is run. */
function pluginsToAnswer(
  { registry, config }: LoadedRun,
  folder: string,
): string[] {
  const generation = readJsonObject(join(folder, "generation_config.json"));
  const decodes = generation?.[OBJECTIVE_KEY] !== undefined;
  const kinds = [...ANSWERING, ...(decodes ? ["objective" as const] : [])];
  return registry.plugins().filter(({ plugin, module }) =>
    config.plugins.some(({ use }) => use === module) &&
    plugin.parts.some(({ kind }) => kinds.includes(kind))
  ).map(({ module }) => {
    if (!isAbsolute(module)) return module;
    const path = relative(Deno.cwd(), module);
    return path.startsWith("..") ? path : `./${path}`;
  });
}

/** Throws the error that nothing caught, where that is what ended the run. */
function throwFailure(interrupt: Interrupt, result?: RunResult): void {
  const failure = interrupt.failure();
  if (failure === null) return;
  if (result === undefined || !isDenotuneError(failure.error)) {
    throw failure.error;
  }
  throw new PluginError(
    `${failure.error.message}\nThe run stopped after step ${result.steps}, and is saved in ${result.path}; the same command resumes it`,
    { cause: failure.error },
  );
}

/** How long what is prepared may take to hear an interrupt. */
const PATIENCE_MS = 2000;

/** Rejects some time after the interrupt where training has not begun: whatever is waited for, nothing is lost. */
function givenUp(
  signal: AbortSignal,
  isTraining: () => boolean,
): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      setTimeout(() => {
        if (!isTraining()) reject(signal.reason);
      }, PATIENCE_MS);
    });
  });
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted &&
    (error === signal.reason ||
      (error instanceof Error && error.name === "AbortError"));
}

function help(command: string): string {
  return `Examples:
  ${command} train
  ${command} train run.yaml
  ${command} train run.yaml training.epochs=1 optimizer.learning_rate=1e-4
  ${command} train run.yaml data.train.0.path=other.jsonl adapter=null
  ${command} train run.yaml training.resume=never
  ${command} train run.yaml --ui
  ${command} train base.yaml lora.yaml          each file is laid over those before it
  ${command} train base.yaml data=sft_mixed model=qwen3

Values are YAML; data.train.0 reaches into lists; optimizer=lion replaces a part, optimizer.learning_rate= edits it.
data=sft_mixed takes data/sft_mixed.yaml beside the run file: a group, as Hydra has them.
Ctrl-C saves and exits with 130; the same command then continues. A second Ctrl-C ends at once.`;
}
