/**
 * `denotune merge`
 * @module
 */
import { dirname } from "node:path";
import {
  bytesOfSize,
  type Command,
  type CommandContext,
  defineCommand,
  library,
  modelNeeds,
  writes,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  to: z.string().optional().meta({ placeholder: "folder" }).describe(
    "where to write (default: FOLDER/merged)",
  ),
  max_shard: z.string().default("5GB").meta({ placeholder: "size" }).describe(
    "largest weight file",
  ),
  dtype: z.enum(["float32", "bfloat16", "float16"]).default("float32")
    .describe("how the merged weights are stored"),
  tolerance: z.number().min(0).optional().meta({ placeholder: "share" })
    .describe(
      "largest difference of a logit, as a share of the largest logit (default: 1e-4; 1e-2 in float16, 1e-1 in bfloat16)",
    ),
  prompt: z.array(z.string()).default([]).meta({ short: "p" }).describe(
    "a text to compare on, instead of the built-in ones; may be given several times",
  ),
  backend: z.string().default("auto").describe(
    "what compares: auto, cpu, webgpu, reference",
  ),
});

/** `denotune merge` */
export const merge: Command = defineCommand({
  details:
    "Folds an adapter into the base that it was trained on, in float32, and writes a model that needs no adapter. FOLDER is a finished run, a checkpoint or an adapter in PEFT's layout. The merged model is read back and compared: it is kept only if it says what base and adapter say.",
  arguments: [{ name: "folder", description: "the adapter", required: true }],
  options,
  help: (start) =>
    `Examples:
  ${start} merge outputs/capitals
  ${start} merge outputs/capitals/checkpoint-120 --to models/capitals --dtype bfloat16
  ${start} generate outputs/capitals/merged`,
  permissions: async ({ to }, context) => {
    const [folder] = context.arguments;
    return [
      ...await modelNeeds(context, [folder]),
      ...writes(to === undefined ? folder : dirname(to)),
    ];
  },
  run: runMerge,
});

async function runMerge(
  flags: z.output<typeof options>,
  { out, err, invocation, plugins, program, arguments: [folder] }:
    CommandContext,
): Promise<void> {
  const merged = await library.merge(program.builtIn, folder, {
    to: flags.to,
    maxShardBytes: bytesOfSize(flags.max_shard, "--max-shard"),
    dtype: flags.dtype,
    tolerance: flags.tolerance,
    prompts: flags.prompt.length === 0 ? undefined : flags.prompt,
    backend: flags.backend,
    plugins,
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
  out.line(`To ask it: ${invocation} generate ${merged.path}`);
}
