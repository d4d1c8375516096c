/**
 * A saved model that answers.
 * @module
 */
import type { LoadModelOptions } from "./load_options.ts";
import { resolve } from "node:path";
import type { Creating } from "../config/parts/create_part.ts";
import type { BuiltIn } from "../contracts/built_in.ts";
import type { Device } from "../contracts/backend.ts";
import type { Message } from "../contracts/format.ts";
import type { PromptRequest } from "../contracts/template.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { Answer } from "../contracts/evaluator.ts";
import { Grammars } from "../engine/constrain/grammars.ts";
import { answer } from "../engine/generate/answer.ts";
import type {} from "../config/types.ts";
import type {} from "../graph/dtype.ts";
import type {} from "../contracts/plugin.ts";
import { openChosen } from "../run/open/choose_backend.ts";
import type { OpenedModel } from "../run/open/opened_model.ts";
import {
  bindAdapter,
  type BoundAdapter,
  readAdapterConfig,
} from "./adapters.ts";
import { openSaved, storageOf } from "./open_saved.ts";
import { openRegistry } from "../config/parts/open_registry.ts";
import { findSaved, type SavedFolder } from "./saved_folder.ts";
import { conversationLimits, Switching } from "./switching.ts";
import { AdapterTurns } from "./loaded/adapter_turns.ts";
import {
  complete,
  type Completion,
  type CompletionRequest,
} from "./loaded/complete.ts";
import { answerBySchema } from "./loaded/answer_by_schema.ts";
import { type Score, scoreWith } from "./loaded/score_texts.ts";
import { templatesOf } from "./templates.ts";

/** How an answer is drawn. Greedy unless a temperature is given. */
export interface GenerateOptions {
  /** Tokens written at most (default 100). */
  readonly maxNewTokens?: number;
  /** 0 (the default): always the likeliest token. */
  readonly temperature?: number;
  /** Draw from the k likeliest; null (the default): from all. */
  readonly topK?: number | null;
  /** Draw from the likeliest that together have this probability (default 1: all). */
  readonly topP?: number;
  /** Above 1: tokens that were seen become less likely (default 1). */
  readonly repetitionPenalty?: number;
  /** Answers to each prompt (default 1); more need a temperature above 0. */
  readonly numReturnSequences?: number;
  /** Key of everything random (default 0): the same gives the same answer on the same backend. */
  readonly seed?: number;
  /** Texts that end an answer, besides the model's own ends. */
  readonly stop?: readonly string[];
  /**
   * A JSON schema that answers follow, or `"json_object"`: any JSON object. Null, the default: any text. Needs a model
   * that was loaded with `logits: true`.
   */
  readonly schema?: unknown;
  /** Give the prompt to the model as it is, without its chat template. */
  readonly raw?: boolean;
  /** Tools that the chat template describes to the model, in OpenAI's shape. */
  readonly tools?: readonly unknown[];
  /** Special tokens that stay in the text, where others are left out: the marks of tool calls (`replyMarks`). */
  readonly keepSpecial?: readonly string[];
  /** Receives each piece of text as it becomes certain, and the index of its answer. */
  readonly onText?: (text: string, answer: number) => void;
  /**
   * Of models that do not write token by token: receives each answer after every step of its decoding, up to its end
   * and with `░` for tokens that are not chosen yet, and the index of the answer.
   */
  readonly onDraft?: (text: string, answer: number) => void;
  /** Abort it: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is asked: a text, or the turns of a conversation. */
export type PromptInput = string | readonly Message[];

/** A prompt as the model reads it. */
export interface WrittenPrompt {
  /** As the chat template writes it, up to where the answer begins. */
  readonly text: string;
  /** Its tokens. */
  readonly ids: Int32Array;
}

/** A text to score, with what it follows: a prompt, which is read but not scored. */
export type ScoreInput = string | {
  readonly text: string;
  readonly after?: PromptInput;
};

/** A model on a device. Dispose of it (`await using`) to give memory and threads back. */
export interface LoadedModel extends AsyncDisposable {
  /** The folder that it was loaded from. */
  readonly path: string;
  /** `model_type` of its config.json. */
  readonly modelType: string;
  /** The hardware it runs on, as people know it. */
  readonly device: string;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  /** Whether a text prompt is written as a turn of the chat template that came with the tokenizer. */
  readonly hasChatTemplate: boolean;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Names of its adapters. */
  readonly adapters: readonly string[];
  /** The adapter that answers; null: the base alone. */
  readonly adapter: string | null;
  /**
   * Lets another adapter answer, or the base alone (null). Between adapters of one structure (the same ranks
   * on the same layers) only their numbers are written; else the programs are made anew, which takes as
   * long as loading. Not while an answer is being written. Throws `ConfigError` for a name that is not among
   * `adapters`.
   */
  use(adapter: string | null): Promise<void>;
  /** A prompt as the model would read it: what `generate` gives to the model for the same prompt and options. */
  writePrompt(
    prompt: PromptInput,
    options?: Pick<GenerateOptions, "raw" | "tools">,
  ): WrittenPrompt;
  /** Answers a prompt, once. Throws `DataError` for a prompt that leaves no room for an answer. */
  generate(prompt: PromptInput, options?: GenerateOptions): Promise<Answer>;
  /**
   * Answers many prompts, `rows` at a time; answers in the order of the prompts, those to one prompt
   * (`numReturnSequences`) next to each other.
   */
  generateAll(
    prompts: readonly PromptInput[],
    options?: GenerateOptions,
  ): Promise<Answer[]>;
  /**
   * Continues one prompt of tokens together with all others that are being continued, as many as `rows`: the rest wait.
   * Requests of several adapters take turns. Not while `use`, `generate` or `score` run. Throws `DataError` for a prompt
   * that does not fit, `ConfigError` for what the model was not loaded for (`logits`) and for an unknown adapter.
   */
  complete(request: CompletionRequest): Promise<Completion>;
  /**
   * Throws `ConfigError` for a JSON schema that answers cannot be held to, with the place in it, and for a tokenizer
   * that cannot say which bytes its tokens are.
   */
  checkSchema(schema: unknown): void;
  /**
   * The loss of texts, and for each of their tokens its log-probability after those before it and the entropy
   * of that choice. The first call, and one with much longer texts, makes programs, which takes as long as
   * loading. Not while an answer is being written. Throws `DataError` for a text that is longer than
   * `contextLength`, `ConfigError` for one without a token to score.
   */
  score(
    texts: readonly ScoreInput[],
    options?: Pick<GenerateOptions, "raw" | "signal">,
  ): Promise<Score[]>;
}

/** `loadModel` of the library. */
export async function loadModel(
  builtIn: BuiltIn,
  folder: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const saved = await findSaved(folder, options.cwd);
  if (saved.notice !== null) options.onNotice?.(saved.notice);
  const registry = await openRegistry(builtIn, options);
  await using held = new AsyncDisposableStack();
  const base = options.cwd ?? Deno.cwd();
  const { model, decoding, tokenizer, creating } = held.use(
    await openSaved(saved, {
      registry,
      base,
      adapters: Object.values(options.adapters ?? {}).map((written) =>
        resolve(base, written)
      ),
      decoding: options.decoding,
      notice: (message) => options.onNotice?.(message),
    }),
  );
  const adapters = await adaptersOf(saved, model, { creating, options });
  const chosen = await openChosen(options.backend ?? "auto", creating);
  const device: Device = held.use(chosen.device);
  const storage = await storageOf(saved, options);
  const switching = held.use(
    new Switching({
      model,
      device,
      storage,
      decoding,
      limits: (model) => conversationLimits(model, options),
    }),
  );
  const [first] = [...adapters.keys(), null];
  await switching.to(first === null ? null : adapters.get(first) ?? null);
  let inUse = first;
  const templates = await templatesOf(tokenizer, model, creating);
  const bound = (name: string | null): BoundAdapter | null => {
    const wanted = name === null ? null : adapters.get(name);
    if (wanted !== undefined) return wanted;
    throw new ConfigError(
      `There is no adapter called "${name}"; known: ${
        [...adapters.keys()].join(", ") || "none"
      }`,
    );
  };
  const use = async (name: string | null): Promise<void> => {
    await switching.to(bound(name));
    inUse = name;
  };
  const turns = new AdapterTurns({
    current: () => inUse,
    most: options.rows ?? 1,
    switchTo: use,
  });
  const grammars = new Grammars(tokenizer, model.spec.vocabSize);
  const writePrompt: LoadedModel["writePrompt"] = (
    prompt,
    { raw = false, tools } = {},
  ) => {
    const chat = raw ? null : templates.chat;
    const request = requestOf(prompt, { isChat: chat !== null, tools });
    const { text, addBos } = (chat ?? templates.raw).prompt(request);
    return { text, ids: tokenizer.encode(text, { addBos }).ids };
  };
  const completeOne: LoadedModel["complete"] = async (request) => {
    const { adapter = inUse, raw = false } = request;
    bound(adapter); // refused before it waits
    return await turns.run(adapter, async () => {
      const { generator } = switching.engine;
      if (generator === null) {
        throw new RangeError("Not planned for generation");
      }
      const template = (raw ? null : templates.chat) ?? templates.raw;
      return await complete(request, {
        generator,
        tokenizer,
        template,
        grammars,
      });
    });
  };
  const owned = held.move();
  const generateAll = async (
    prompts: readonly PromptInput[],
    given: GenerateOptions = {},
  ): Promise<Answer[]> => {
    const {
      raw = false,
      tools,
      maxNewTokens = 100,
      numReturnSequences,
      schema = null,
      ...rest
    } = given;
    const asked = repeated(prompts, numReturnSequences ?? 1, given);
    if (schema !== null) {
      return await answerBySchema(
        asked.map((prompt) => writePrompt(prompt, { raw, tools }).ids),
        { ...rest, raw, schema, maxNewTokens },
        completeOne,
      );
    }
    const { generator } = switching.engine;
    if (generator === null) throw new RangeError("Not planned for generation");
    const chat = raw ? null : templates.chat;
    const requests = asked.map((prompt) =>
      requestOf(prompt, { isChat: chat !== null, tools })
    );
    const template = chat ?? templates.raw;
    return await answer(requests, { ...rest, maxNewTokens }, {
      generator,
      tokenizer,
      template,
    });
  };
  return {
    path: saved.path,
    modelType: model.spec.modelType,
    device: device.info.description,
    contextLength: switching.engine.generator?.limits.capacity ?? 0,
    hasChatTemplate: templates.chat !== null,
    tokenizer,
    adapters: [...adapters.keys()],
    get adapter() {
      return inUse;
    },
    use,
    writePrompt,
    generateAll,
    complete: completeOne,
    checkSchema: (schema) => void grammars.of(schema),
    async score(texts, { raw = false, signal } = {}) {
      const chat = raw ? null : templates.chat;
      const asked = texts.map((given) => {
        const { text, after } = typeof given === "string"
          ? { text: given }
          : given;
        return {
          text,
          after: after === undefined
            ? undefined
            : requestOf(after, { isChat: chat !== null }),
        };
      });
      return await scoreWith(asked, {
        tokenizer,
        template: chat ?? templates.raw,
        capacity: switching.engine.generator?.limits.capacity ?? 0,
        causal: decoding.causal,
        async open(tokens) {
          await switching.toScore(tokens);
          return switching.engine.session;
        },
        signal,
      });
    },
    async generate(prompt, given = {}) {
      if ((given.numReturnSequences ?? 1) > 1) {
        throw new ConfigError(
          "`generate` gives one answer; for more (numReturnSequences) use `generateAll`",
        );
      }
      return (await generateAll([prompt], given))[0];
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** `generate` of the library. */
export async function generate(
  builtIn: BuiltIn,
  folder: string,
  prompt: PromptInput,
  options: GenerateOptions & LoadModelOptions = {},
): Promise<Answer> {
  await using model = await loadModel(builtIn, folder, options);
  return await model.generate(prompt, options);
}

/** The adapters of a folder and of the options, by name; all are checked before a device wakes. */
async function adaptersOf(
  saved: SavedFolder,
  model: OpenedModel,
  { creating, options }: { creating: Creating; options: LoadModelOptions },
): Promise<ReadonlyMap<string, BoundAdapter>> {
  const bound = new Map<string, BoundAdapter>();
  if (saved.adapter !== null) {
    const { config } = saved.adapter;
    const own = { path: saved.path, config };
    bound.set("default", await bindAdapter(own, model, creating));
  }
  for (const [name, written] of Object.entries(options.adapters ?? {})) {
    if (bound.has(name)) {
      throw new ConfigError(
        `${saved.path} is an adapter itself and is called "${name}": give the other one another name`,
      );
    }
    const path = resolve(options.cwd ?? Deno.cwd(), written);
    const config = readAdapterConfig(path);
    bound.set(name, await bindAdapter({ path, config }, model, creating));
  }
  return bound;
}

/** Each prompt as often as it is answered. Throws `ConfigError` where all answers would be the same. */
function repeated(
  prompts: readonly PromptInput[],
  times: number,
  { temperature = 0 }: GenerateOptions,
): readonly PromptInput[] {
  if (!Number.isInteger(times) || times < 1) {
    throw new ConfigError(
      `numReturnSequences is ${times}; expected a whole number of at least 1`,
    );
  }
  if (times > 1 && temperature === 0) {
    throw new ConfigError(
      `numReturnSequences is ${times}, but at temperature 0 all answers are the same; set a temperature above 0`,
    );
  }
  return prompts.flatMap((prompt) => new Array(times).fill(prompt));
}

function requestOf(
  prompt: PromptInput,
  { isChat, tools }: { isChat: boolean; tools?: readonly unknown[] },
): PromptRequest {
  if (typeof prompt === "string" && !isChat) return { prompt };
  const messages: readonly Message[] = typeof prompt === "string"
    ? [{ role: "user", content: prompt }]
    : prompt;
  return tools === undefined ? { messages } : { messages, tools };
}
