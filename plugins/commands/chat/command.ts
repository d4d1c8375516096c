/**
 * `denotune chat`
 * @module
 */
import {
  askedPlugins,
  type Command,
  type CommandContext,
  ConfigError,
  DataError,
  defineCommand,
  library,
  type LoadedModel,
  messageOf,
  modelNeeds,
  reads,
  readTextUpTo,
  writes,
} from "@denotune/denotune/core";
import { basename } from "node:path";
import { z } from "zod";
import { samplingFlags, samplingOf } from "../_sampling_flags.ts";
import { storageFlags, storageOf } from "../_storage_flags.ts";
import { linesOf } from "../generate/lines.ts";
import { addToHistory, historyPath, readHistory } from "./history_file.ts";
import { PromptLine } from "./prompt_line.ts";
import { Session, type Voice } from "./session.ts";

/** Bytes of a file of tools. */
const MOST_BYTES = 10e6;
/** The name by which the model without an adapter is compared. */
const BASE = "base";

const options = z.strictObject({
  system: z.string().optional().meta({ short: "s" }).describe(
    "the system prompt",
  ),
  adapter: z.array(z.string()).default([]).meta({ placeholder: "folder" })
    .describe(
      "an adapter on the base in FOLDER, named after its folder; may be given several times; the first answers",
    ),
  compare: z.string().optional().meta({ placeholder: "base,folder,..." })
    .describe(
      "answers of several adapters side by side: base, the names of --adapter, folders",
    ),
  max_new_tokens: z.int().min(1, "must be 1 or more").default(512)
    .meta({ short: "n" }).describe("tokens of an answer at most"),
  ...samplingFlags,
  tools: z.string().optional().meta({ placeholder: "file" }).describe(
    "a JSON file with a list of tools, in OpenAI's shape, that the template describes to the model",
  ),
  load: z.string().optional().meta({ placeholder: "file" }).describe(
    "a saved conversation to continue",
  ),
  ...storageFlags,
  context_length: z.int().min(1).optional().describe(
    "tokens of the conversation that are read, the answer included (default: 2048, or what the model was made for if less)",
  ),
});

type Flags = z.output<typeof options>;

/** `denotune chat` */
export const chat: Command = defineCommand({
  details:
    "Talks to a model in the terminal. FOLDER is a run's folder, a checkpoint, an adapter (its base is found by itself), any model in Hugging Face layout, or a Hub id that is in the cache. Turns are written by the model's own chat template, as in training. Messages from a pipe are read one a line.",
  arguments: [{
    name: "folder",
    description: "whom to talk to: a folder or a Hub id",
    required: true,
  }],
  options,
  help: (start) =>
    `Examples:
  ${start} chat outputs/quickstart
  ${start} chat outputs/capitals -t 0.7 --system 'Answer in one sentence.'
  ${start} chat models/base --compare base,outputs/run1,outputs/run2
  echo 'What is the capital of France?' | ${start} chat outputs/capitals

/help within a conversation lists its commands.`,
  permissions: async (flags, context) => [
    ...await modelNeeds(context, [
      context.arguments[0],
      ...Object.values(adaptersOf(flags).adapters),
    ]),
    ...reads(flags.tools),
    ...writes(flags.load),
  ],
  run: runChat,
});

async function runChat(flags: Flags, context: CommandContext): Promise<void> {
  const { err, program, arguments: [folder] } = context;
  const { adapters, compared } = adaptersOf(flags);
  const tools = flags.tools === undefined ? undefined : toolsIn(flags.tools);
  await using model = await library.loadModel(program.builtIn, folder, {
    ...storageOf(flags),
    adapters,
    contextLength: flags.context_length,
    ...askedPlugins(context),
    onNotice: (message) =>
      err.line(`${err.style("warning", "note")} ${message}`),
  });
  if (!model.hasChatTemplate) {
    err.line(
      `${
        err.style("warning", "note")
      } ${folder} has no chat template: each message is continued as a text, without those before it`,
    );
  }
  const isTyped = Deno.stdin.isTerminal();
  const session = new Session({
    model,
    context,
    voices: voicesOf(model, compared),
    system: flags.system ?? null,
    tools,
    sampling: samplingOf(flags),
    maxNewTokens: flags.max_new_tokens,
    isTerminal: Deno.stdout.isTerminal(),
    interrupt,
  });
  if (flags.load !== undefined) await session.take(`/load ${flags.load}`);
  if (isTyped) await talk(session, model, context);
  else {
    for await (const line of linesOf(Deno.stdin.readable, () => {})) {
      if (!await session.take(line)) return;
    }
  }
}

/** Reads messages from a person until they end it. */
async function talk(
  session: Session,
  model: LoadedModel,
  { err }: CommandContext,
): Promise<void> {
  err.line(
    err.style(
      "dim",
      `${model.modelType} on ${model.device}, ${model.contextLength} tokens of context. /help lists commands; Ctrl-C stops an answer, Ctrl-D ends.`,
    ),
  );
  const path = historyPath();
  const line = new PromptLine(readHistory(path), {
    prompts: { first: err.style("bold", "> "), next: err.style("dim", "… ") },
    onInterrupt: () =>
      err.line(err.style("dim", "Ctrl-C once more, or Ctrl-D, ends.")),
    onLine: (typed) => addToHistory(path, typed),
  });
  while (true) {
    const message = await line.message();
    if (message === null || !await session.take(message)) return;
  }
}

/** A signal that Ctrl-C aborts; the program goes on. What is typed meanwhile is not shown. */
function interrupt(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const isTyped = Deno.stdin.isTerminal() && Deno.build.os !== "windows";
  if (isTyped) Deno.stdin.setRaw(true, { cbreak: true });
  Deno.addSignalListener("SIGINT", stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      Deno.removeSignalListener("SIGINT", stop);
      if (isTyped) Deno.stdin.setRaw(false);
    },
  };
}

/** The adapters to load by their names, and the names of those that are compared. */
function adaptersOf(
  { adapter, compare }: Flags,
): { adapters: Record<string, string>; compared: readonly string[] } {
  const adapters: Record<string, string> = {};
  const nameOf = (folder: string): string => {
    const [known] = Object.entries(adapters).find(([, of]) => of === folder) ??
      [];
    if (known !== undefined) return known;
    const short = basename(folder.replace(/[\\/]+$/, ""));
    const isFree = short !== BASE && !(short in adapters);
    const name = isFree ? short : folder;
    adapters[name] = folder;
    return name;
  };
  for (const folder of adapter) nameOf(folder);
  const words = (compare ?? "").split(",").map((word) => word.trim())
    .filter((word) => word !== "");
  if (compare !== undefined && words.length < 2) {
    throw new ConfigError(
      `--compare needs at least two names, such as base,outputs/run1; found ${
        JSON.stringify(compare)
      }`,
    );
  }
  const compared = words.map((word) =>
    word === BASE || word === "default" || word in adapters
      ? word
      : nameOf(word)
  );
  return { adapters, compared };
}

/** Those who answer: the compared ones, else what the model has in use. */
function voicesOf(
  model: LoadedModel,
  compared: readonly string[],
): readonly Voice[] {
  if (compared.length === 0) {
    return [{ name: model.adapter ?? BASE, adapter: model.adapter }];
  }
  return compared.map((name) => {
    const adapter = name === BASE ? null : name;
    if (adapter !== null && !model.adapters.includes(adapter)) {
      throw new ConfigError(
        `--compare names ${name}, which is no adapter; known: ${
          [BASE, ...model.adapters].join(", ")
        }`,
      );
    }
    return { name, adapter };
  });
}

function toolsIn(path: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(readTextUpTo(path, MOST_BYTES));
    if (Array.isArray(value)) return value;
  } catch (cause) {
    throw new DataError(
      `Cannot read the tools in ${path}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
  throw new DataError(
    `Cannot use the tools in ${path}: expected a list, [{"type": "function", "function": {...}}]`,
  );
}
