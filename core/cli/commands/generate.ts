/**
 * `denotune generate`
 * @module
 */
import { type Command, Option } from "commander";
import { ConfigError } from "../../contracts/errors.ts";
import { type LoadedModel, loadModel } from "../../library/load_model.ts";
import type { CliContext } from "../context.ts";
import { INTERRUPTED, onInterrupt } from "../interrupt.ts";
import { linesOf } from "../lines.ts";
import { amountOption, countOption, listOption } from "../options.ts";
import { harmless } from "../terminal.ts";

interface GenerateFlags {
  readonly prompt: readonly string[];
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  readonly stop: readonly string[];
  readonly raw: boolean;
  readonly adapter?: string;
  readonly backend: string;
  readonly dtype?: "float32" | "bfloat16" | "float16";
  readonly quantization?: "int8" | "nf4" | "none";
  readonly contextLength?: number;
  readonly plugin: readonly string[];
}

/** Adds the command. */
export function addGenerate(program: Command, context: CliContext): void {
  program.command("generate")
    .summary("ask a trained model")
    .description(
      "Asks a model and prints its answer as it is written. FOLDER is a run's folder, a checkpoint, an adapter (its base is found by itself), any model in Hugging Face layout, or a Hub id that is in the cache. The prompt comes from --prompt, else from stdin; on a terminal it asks line by line.",
    )
    .argument("<folder>", "what to ask: a folder or a Hub id")
    .option(
      "-p, --prompt <text>",
      "the prompt; may be given several times",
      listOption,
      [],
    )
    .option(
      "-n, --max-new-tokens <n>",
      "tokens written at most",
      countOption,
      200,
    )
    .option(
      "-t, --temperature <n>",
      "0: always the likeliest token",
      amountOption,
      0,
    )
    .option("--top-k <n>", "draw from the n likeliest tokens", countOption)
    .option(
      "--top-p <n>",
      "draw from the likeliest tokens that together have this probability",
      amountOption,
      1,
    )
    .option(
      "--repetition-penalty <n>",
      "above 1: tokens that were seen become less likely",
      amountOption,
      1,
    )
    .option(
      "--seed <n>",
      "the same seed gives the same answer on the same backend",
      countOption,
      0,
    )
    .option(
      "--stop <text>",
      "a text that ends the answer; may be given several times",
      listOption,
      [],
    )
    .option(
      "--raw",
      "give the prompt as it is, without the chat template",
      false,
    )
    .option(
      "--adapter <folder>",
      "an adapter on the base in FOLDER: PEFT's layout, a run or a checkpoint",
    )
    .option(
      "--backend <name>",
      "what computes: auto, cpu, webgpu, reference",
      "auto",
    )
    .addOption(
      new Option(
        "--dtype <name>",
        "how weights are stored (default: as the run's, else float32)",
      ).choices(["float32", "bfloat16", "float16"]),
    )
    .addOption(
      new Option(
        "--quantization <name>",
        "how matrices are stored (default: as the run's, else none)",
      ).choices(["int8", "nf4", "none"]),
    )
    .option(
      "--context-length <n>",
      "tokens of prompt and answer together (default: 2048, or what the model was made for if less)",
      countOption,
    )
    .option(
      "--plugin <module>",
      "a plugin to load; may be given several times",
      listOption,
      [],
    )
    .addHelpText(
      "after",
      `
Examples:
  ${context.command} generate outputs/quickstart --prompt 'Reverse deno'
  ${context.command} generate outputs/capitals -t 0.8 --top-p 0.95 --seed 7
  echo 'Once upon a time' | ${context.command} generate models/stories --raw
  ${context.command} generate outputs/capitals/checkpoint-120`,
    )
    .action((folder: string, flags: GenerateFlags) =>
      runGenerate(folder, flags, context)
    );
}

async function runGenerate(
  folder: string,
  flags: GenerateFlags,
  context: CliContext,
): Promise<void> {
  checkFlags(flags);
  const { err } = context;
  await using model = await loadModel(folder, {
    backend: flags.backend,
    ...(flags.adapter === undefined
      ? {}
      : { adapters: { adapter: flags.adapter } }),
    dtype: flags.dtype,
    quantization: flags.quantization === "none" ? null : flags.quantization,
    contextLength: flags.contextLength,
    plugins: flags.plugin,
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  if (flags.adapter !== undefined) await model.use("adapter");
  if (flags.prompt.length > 0) {
    for (const prompt of flags.prompt) {
      if (!await say(model, prompt, flags, context)) return;
    }
    return;
  }
  if (!Deno.stdin.isTerminal()) {
    const text = await new Response(Deno.stdin.readable).text();
    await say(model, text.replace(/\r?\n$/, ""), flags, context);
    return;
  }
  err.line(
    err.style(
      "dim",
      `${model.modelType} on ${model.device}. One prompt a line; Ctrl-C stops an answer, an empty line ends.`,
    ),
  );
  for await (
    const line of linesOf(Deno.stdin.readable, () => err.write("> "))
  ) {
    if (line.trim() === "") return;
    if (!await say(model, line, flags, context)) context.exitWith(0);
  }
}

/** Answers, printing as it goes. False where it was stopped by Ctrl-C. */
async function say(
  model: LoadedModel,
  prompt: string,
  flags: GenerateFlags,
  { out, err, exitWith }: CliContext,
): Promise<boolean> {
  using interrupt = onInterrupt(err, "Stopped.");
  try {
    await model.generate(prompt, {
      maxNewTokens: flags.maxNewTokens,
      temperature: flags.temperature,
      topK: flags.topK ?? null,
      topP: flags.topP,
      repetitionPenalty: flags.repetitionPenalty,
      seed: flags.seed,
      stop: flags.stop,
      raw: flags.raw,
      signal: interrupt.signal,
      onText: (text) => out.write(harmless(text)),
    });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    exitWith(INTERRUPTED);
    return false;
  }
  out.line();
  return true;
}

function checkFlags(flags: GenerateFlags): void {
  const fail = (message: string): never => {
    throw new ConfigError(message);
  };
  if (flags.maxNewTokens < 1) fail("--max-new-tokens must be 1 or more");
  if (flags.topK === 0) fail("--top-k must be 1 or more");
  if (!(flags.topP > 0 && flags.topP <= 1)) {
    fail(`--top-p is ${flags.topP}; expected a probability above 0, at most 1`);
  }
  if (flags.repetitionPenalty === 0) {
    fail("--repetition-penalty must be above 0; 1 is off");
  }
}
