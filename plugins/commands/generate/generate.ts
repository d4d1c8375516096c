/**
 * `denotune generate`
 * @module
 */
import {
  askedPlugins,
  type Command,
  type CommandContext,
  DataError,
  defineCommand,
  harmless,
  INTERRUPTED,
  type Json,
  library,
  type LoadedModel,
  messageOf,
  modelNeeds,
  onInterrupt,
  reads,
  readTextUpTo,
} from "@denotune/denotune/core";
import { z } from "zod";
import { samplingFlags, samplingOf } from "../_sampling_flags.ts";
import { storageFlags, storageOf } from "../_storage_flags.ts";
import { linesOf } from "./lines.ts";

/** Bytes of a schema. */
const MOST_SCHEMA_BYTES = 10e6;

const options = z.strictObject({
  prompt: z.array(z.string()).default([]).meta({ short: "p" }).describe(
    "the prompt; may be given several times",
  ),
  max_new_tokens: z.int().min(1, "must be 1 or more").default(200)
    .meta({ short: "n" }).describe("tokens written at most"),
  ...samplingFlags,
  num_return_sequences: z.int().min(1, "must be 1 or more").default(1).describe(
    "answers to each prompt; more than one need a temperature",
  ),
  schema: z.string().optional().meta({ placeholder: "file" }).describe(
    "a JSON schema that the answer follows; json_object: any JSON object",
  ),
  decoding: z.array(
    z.string().regex(/^[a-z_]+=/, "expected option=value: steps=8"),
  ).default([]).meta({ placeholder: "option=value" }).describe(
    "of a model that does not write token by token: an option of its objective, as steps=8; may be given several times",
  ),
  drafts: z.boolean().default(false).describe(
    "of such a model: show the answer after each step, with ░ for what is not chosen yet",
  ),
  raw: z.boolean().default(false).describe(
    "give the prompt as it is, without the chat template",
  ),
  adapter: z.string().optional().meta({ placeholder: "folder" }).describe(
    "an adapter on the base in FOLDER: PEFT's layout, a run or a checkpoint",
  ),
  ...storageFlags,
  context_length: z.int().min(1).optional().describe(
    "tokens of prompt and answer together (default: 2048, or what the model was made for if less)",
  ),
});

type Flags = z.output<typeof options>;

/** `denotune generate` */
export const generate: Command = defineCommand({
  details:
    "Asks a model and prints its answer as it is written. FOLDER is a run's folder, a checkpoint, an adapter (its base is found by itself), any model in Hugging Face layout, or a Hub id that is in the cache. The prompt comes from --prompt, else from stdin; on a terminal it asks line by line.",
  arguments: [{
    name: "folder",
    description: "what to ask: a folder or a Hub id",
    required: true,
  }],
  options,
  help: (start) =>
    `Examples:
  ${start} generate outputs/quickstart --prompt 'Reverse deno'
  ${start} generate outputs/masked_diffusion --prompt 'Reverse deno' --drafts --decoding steps=4
  ${start} generate outputs/capitals -t 0.8 --top-p 0.95 --seed 7
  ${start} generate outputs/capitals -p 'Say hello' -t 0.8 --num-return-sequences 3
  ${start} generate outputs/capitals -p 'A person:' --schema person.json
  echo 'Once upon a time' | ${start} generate models/stories --raw
  ${start} generate outputs/capitals/checkpoint-120`,
  permissions: async ({ schema, adapter }, context) => [
    ...await modelNeeds(context, [context.arguments[0], adapter]),
    ...reads(schema),
  ],
  run: runGenerate,
});

async function runGenerate(
  flags: Flags,
  context: CommandContext,
): Promise<void> {
  const { err, program, arguments: [folder] } = context;
  const schema = schemaIn(flags.schema);
  await using model = await library.loadModel(program.builtIn, folder, {
    ...storageOf(flags),
    ...(flags.adapter === undefined
      ? {}
      : { adapters: { adapter: flags.adapter } }),
    contextLength: flags.context_length,
    logits: schema !== null,
    decoding: optionsOf(flags.decoding),
    ...askedPlugins(context),
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  if (schema !== null) model.checkSchema(schema);
  if (flags.adapter !== undefined) await model.use("adapter");
  if (!model.hasChatTemplate && !flags.raw) {
    err.line(
      `${
        err.style("warning", "note")
      } ${folder} has no chat template: the prompt is given as it is. Write it as the rows were written that the model was trained on; --raw says that it is meant so`,
    );
  }
  if (flags.prompt.length > 0) {
    for (const prompt of flags.prompt) {
      if (!await say(model, prompt, { ...flags, schema }, context)) return;
    }
    return;
  }
  if (!Deno.stdin.isTerminal()) {
    const text = await new Response(Deno.stdin.readable).text();
    await say(
      model,
      text.replace(/\r?\n$/, ""),
      { ...flags, schema },
      context,
    );
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
    if (!await say(model, line, { ...flags, schema }, context)) {
      context.exitWith(0);
    }
  }
}

/** The schema of a file; null: none is asked for. */
function schemaIn(path: string | undefined): unknown {
  if (path === undefined) return null;
  if (path === "json_object") return path;
  try {
    return JSON.parse(readTextUpTo(path, MOST_SCHEMA_BYTES));
  } catch (cause) {
    throw new DataError(
      `Cannot read the schema ${path}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** `steps=8` as an option and its value: a number, null, true, or a text. */
function optionsOf(
  written: readonly string[],
): Readonly<Record<string, Json>> {
  return Object.fromEntries(written.map((text) => {
    const at = text.indexOf("=");
    const value = text.slice(at + 1);
    return [
      text.slice(0, at),
      /^(-?\d+(\.\d+)?|true|false|null)$/.test(value)
        ? JSON.parse(value)
        : value,
    ];
  }));
}

/** Answers, printing as it goes. False where it was stopped by Ctrl-C. */
async function say(
  model: LoadedModel,
  prompt: string,
  flags: Omit<Flags, "schema"> & { readonly schema: unknown },
  { out, err, exitWith }: CommandContext,
): Promise<boolean> {
  using interrupt = onInterrupt(err, "Stopped.");
  try {
    const isOne = flags.num_return_sequences === 1;
    const answers = await model.generateAll([prompt], {
      numReturnSequences: flags.num_return_sequences,
      maxNewTokens: flags.max_new_tokens,
      ...samplingOf(flags),
      schema: flags.schema,
      raw: flags.raw,
      signal: interrupt.signal,
      ...(flags.drafts
        ? { onDraft: (text) => err.line(err.style("dim", harmless(text))) }
        : {}),
      // several are written at once, so they are printed when they are whole
      onText: (text) => isOne && out.write(harmless(text)),
    });
    if (isOne) out.line();
    else {
      answers.forEach(({ text }, i) =>
        out.line(`${out.style("dim", `[${i + 1}]`)} ${harmless(text)}`)
      );
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    exitWith(INTERRUPTED);
    return false;
  }
  return true;
}
