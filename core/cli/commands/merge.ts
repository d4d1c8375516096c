/**
 * `denotune merge`
 * @module
 */
import { type Command, Option } from "commander";
import { merge } from "../../library/merge.ts";
import type { SaveDType } from "../../io/save_model.ts";
import type { CliContext } from "../context.ts";
import { amountOption, bytesOption, listOption } from "../options.ts";

interface MergeFlags {
  readonly to?: string;
  readonly maxShard: number;
  readonly dtype: SaveDType;
  readonly tolerance?: number;
  readonly prompt: readonly string[];
  readonly backend: string;
  readonly plugin: readonly string[];
}

/** Adds the command. */
export function addMerge(program: Command, context: CliContext): void {
  program.command("merge")
    .summary("fold an adapter into its base")
    .description(
      "Folds an adapter into the base that it was trained on, in float32, and writes a model that needs no adapter. FOLDER is a finished run, a checkpoint or an adapter in PEFT's layout. The merged model is read back and compared: it is kept only if it says what base and adapter say.",
    )
    .argument("<folder>", "the adapter")
    .option("--to <folder>", "where to write (default: FOLDER/merged)")
    .option("--max-shard <size>", "largest weight file", bytesOption, 5e9)
    .addOption(
      new Option("--dtype <name>", "how the merged weights are stored")
        .choices(["float32", "bfloat16", "float16"]).default("float32"),
    )
    .option(
      "--tolerance <share>",
      "largest difference of a logit, as a share of the largest logit (default: 1e-4; 1e-2 in float16, 1e-1 in bfloat16)",
      amountOption,
    )
    .option(
      "-p, --prompt <text>",
      "a text to compare on, instead of the built-in ones; may be given several times",
      listOption,
      [],
    )
    .option(
      "--backend <name>",
      "what compares: auto, cpu, webgpu, reference",
      "auto",
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
  ${context.command} merge outputs/capitals
  ${context.command} merge outputs/capitals/checkpoint-120 --to models/capitals --dtype bfloat16
  ${context.command} generate outputs/capitals/merged`,
    )
    .action((folder: string, flags: MergeFlags) =>
      runMerge(folder, flags, context)
    );
}

async function runMerge(
  folder: string,
  flags: MergeFlags,
  { out, err, command }: CliContext,
): Promise<void> {
  const merged = await merge(folder, {
    to: flags.to,
    maxShardBytes: flags.maxShard,
    dtype: flags.dtype,
    tolerance: flags.tolerance,
    prompts: flags.prompt.length === 0 ? undefined : flags.prompt,
    backend: flags.backend,
    plugins: flags.plugin,
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  const entry = (name: string, text: string) =>
    out.line(`${out.style("dim", name.padEnd(8))} ${text}`);
  entry("base", merged.base);
  entry(
    "merged",
    `${merged.changed} of ${merged.weights} weights changed, ${flags.dtype}`,
  );
  entry(
    "logits",
    `differ by ${
      merged.largestDifference.toPrecision(2)
    } at most, where the largest is ${merged.largestLogit.toPrecision(3)}`,
  );
  entry("saved", merged.path);
  out.line();
  out.line(`To ask it: ${command} generate ${merged.path}`);
}
