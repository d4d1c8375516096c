/**
 * A saved model that answers.
 * @module
 */
import { join } from "node:path";
import {
  createHost,
  createPart,
  type Creating,
} from "../config/create_part.ts";
import { kindAt } from "../config/paths.ts";
import type { AttachedAdapter } from "../contracts/adapter.ts";
import type { Device } from "../contracts/backend.ts";
import type { Message } from "../contracts/format.ts";
import type { PromptRequest, Template } from "../contracts/template.ts";
import type { Tokenizer } from "../contracts/tokenizer.ts";
import { ConfigError, DataError } from "../errors.ts";
import { type Answer, answer } from "../generate/answer.ts";
import { inventoryOf } from "../graph/build_model.ts";
import { isObject } from "../io/json_file.ts";
import { openModelFolder } from "../io/model_folder.ts";
import { SafetensorsFile } from "../io/read_safetensors.ts";
import type { Choice } from "../plugin.ts";
import { openChosen } from "../train/choose_backend.ts";
import { Engine, planEngine } from "../train/engine.ts";
import {
  checkWeights,
  findArchitecture,
  type OpenedModel,
  writeAdapterStart,
  writeBaseWeights,
} from "../train/open_model.ts";
import { ADAPTER_FILE, readInto } from "../train/saved_model.ts";
import { openRegistry, type RegistryOptions } from "./registry.ts";
import { findSaved, type SavedFolder } from "./saved_folder.ts";

/** How a model is loaded. */
export interface LoadModelOptions extends RegistryOptions {
  /** A backend by name, or with options; `auto` (the default): a GPU, else the processor. */
  readonly backend?: Choice;
  /** Tokens that prompt and answer may have together; default 2048, or what the model was made for if less. */
  readonly contextLength?: number;
  /** Prompts answered at the same time (default 1). */
  readonly rows?: number;
  /** Storage of the weights (default float32). */
  readonly dtype?: "float32" | "bfloat16" | "float16";
  /** Told what should be said to people: which checkpoint was taken, a fallback. */
  readonly onNotice?: (message: string) => void;
}

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
  /** Key of everything random (default 0). */
  readonly seed?: number;
  /** Texts that end an answer, besides the model's own ends. */
  readonly stop?: readonly string[];
  /** Give the prompt to the model as it is, without its chat template. */
  readonly raw?: boolean;
  /** Told each piece of text as it becomes certain, and which prompt it belongs to. */
  readonly onText?: (text: string, prompt: number) => void;
  /** Abort it: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What is asked: a text, or the turns of a conversation. */
export type Prompt = string | readonly Message[];

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
  /** Answers a prompt. Throws `DataError` for a prompt that leaves no room for an answer. */
  generate(prompt: Prompt, options?: GenerateOptions): Promise<Answer>;
  /** Answers many prompts, `rows` at a time; answers in the order of the prompts. */
  generateAll(
    prompts: readonly Prompt[],
    options?: GenerateOptions,
  ): Promise<Answer[]>;
}

/** `loadModel` of the library. */
export async function loadModel(
  folder: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const saved = await findSaved(folder, options.cwd);
  if (saved.notice !== null) options.onNotice?.(saved.notice);
  const registry = await openRegistry(options);
  const hasTokenizer = await kindAt(join(saved.path, "tokenizer.json"));
  const host = createHost({
    registry,
    modelDir: hasTokenizer === null ? saved.base : saved.path,
    seed: 0,
    base: options.cwd ?? Deno.cwd(),
    notice: (message) => options.onNotice?.(message),
  });
  const creating: Creating = { registry, host };
  using model = await openBase(saved, creating);
  const tokenizer = await createPart("tokenizer", "huggingface", creating);
  if (tokenizer.vocabSize > model.spec.vocabSize) {
    throw new DataError(
      `The tokenizer in ${saved.path} has ${tokenizer.vocabSize} tokens, but the model has rows for ${model.spec.vocabSize}`,
    );
  }
  await using held = new AsyncDisposableStack();
  const chosen = await openChosen(options.backend ?? "auto", creating);
  const device: Device = held.use(chosen.device);
  const engine = held.use(
    await openEngine({ saved, model, device, creating }, options),
  );
  const templates = await templatesOf(tokenizer, model, creating);
  const owned = held.move();
  const generateAll = (
    prompts: readonly Prompt[],
    given: GenerateOptions = {},
  ): Promise<Answer[]> => {
    const { raw = false, maxNewTokens = 100, ...rest } = given;
    const { generator } = engine;
    if (generator === null) throw new RangeError("Not planned for generation");
    const chat = raw ? null : templates.chat;
    const requests = prompts.map((prompt) => requestOf(prompt, chat !== null));
    const template = chat ?? templates.raw;
    return answer(requests, { ...rest, maxNewTokens }, {
      generator,
      tokenizer,
      template,
    });
  };
  return {
    path: saved.path,
    modelType: model.spec.modelType,
    device: device.info.description,
    contextLength: engine.generator?.limits.capacity ?? 0,
    hasChatTemplate: templates.chat !== null,
    tokenizer,
    generateAll,
    generate: async (prompt, given) => (await generateAll([prompt], given))[0],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** `generate` of the library. */
export async function generate(
  folder: string,
  prompt: Prompt,
  options: GenerateOptions & LoadModelOptions = {},
): Promise<Answer> {
  await using model = await loadModel(folder, options);
  return await model.generate(prompt, options);
}

async function openBase(
  saved: SavedFolder,
  creating: Creating,
): Promise<OpenedModel> {
  const folder = openModelFolder(saved.base);
  try {
    const architecture = await findArchitecture(
      folder.config.model_type,
      creating,
      join(saved.base, "config.json"),
    );
    return {
      spec: architecture.describe(folder.config),
      folder,
      name: saved.base,
      hub: null,
      [Symbol.dispose]: () => folder[Symbol.dispose](),
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

async function openEngine(
  { saved, model, device, creating }: {
    saved: SavedFolder;
    model: OpenedModel;
    device: Device;
    creating: Creating;
  },
  options: LoadModelOptions,
): Promise<Engine> {
  const { spec } = model;
  const capacity = contextLength(model, options.contextLength);
  const adapter = await adapterOf(saved, model, creating);
  const planned = planEngine({
    spec,
    adapter,
    frozenDtype:
      ({ float32: "f32", bfloat16: "bf16", float16: "f16" } as const)[
        options.dtype ?? "float32"
      ],
    causal: true,
    train: null,
    evaluate: null,
    generate: {
      rows: options.rows ?? 1,
      capacity,
      prefill: Math.min(256, capacity),
    },
    sources: 1,
  }, device.info);
  checkWeights(model, planned.inventory.weights);
  const engine = await Engine.open(planned, device);
  try {
    await writeBaseWeights(model, planned.inventory.weights, {
      session: engine.session,
      seed: 0,
    });
    if (adapter !== null) {
      writeAdapterStart(model, { engine, seed: 0 });
      readAdapter(saved, adapter, engine);
    }
    await engine.session.idle();
    return engine;
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

function contextLength(model: OpenedModel, wanted: number | undefined): number {
  const { maxPositions, positionsAreBounded } = model.spec;
  const most = maxPositions ?? Infinity;
  if (wanted === undefined) return Math.min(2048, most);
  if (!Number.isInteger(wanted) || wanted < 2) {
    throw new ConfigError(
      `A context of ${wanted} tokens has no room for a prompt and an answer`,
    );
  }
  if (wanted > most && positionsAreBounded) {
    throw new ConfigError(
      `The context cannot have ${wanted} tokens: ${model.name} has ${most} positions`,
    );
  }
  return wanted;
}

/** The adapter that `adapter_config.json` describes, or null. */
async function adapterOf(
  saved: SavedFolder,
  model: OpenedModel,
  creating: Creating,
): Promise<AttachedAdapter | null> {
  if (saved.adapter === null) return null;
  const names = creating.registry.names("adapter");
  for (const name of names) {
    const made = await createPart("adapter", name, creating);
    const found = made.configured?.(saved.adapter.config) ?? null;
    if (found === null) continue;
    const { sites, weights } = inventoryOf(model.spec, 2);
    return found.attach({ spec: model.spec, sites, weights });
  }
  throw new DataError(
    `${saved.path}/adapter_config.json describes an adapter of kind ${
      JSON.stringify(saved.adapter.config.peft_type) ?? "(none)"
    }, which no plugin reads; known: ${names.join(", ")}`,
  );
}

/** Writes the saved adapter over its start. */
function readAdapter(
  saved: SavedFolder,
  adapter: AttachedAdapter,
  engine: Engine,
): void {
  using file = new SafetensorsFile(join(saved.path, ADAPTER_FILE));
  const used = new Set<string>();
  const read = (name: string, variable: string) => {
    used.add(name);
    readInto(engine, { file, name, variable });
  };
  for (const { name } of adapter.parameters) read(name, name);
  for (const { name } of engine.planned.inventory.weights) {
    if (adapter.trainsBase(name)) read(adapter.savedName(name), name);
  }
  const surplus = [...file.tensors.keys()].filter((name) => !used.has(name));
  if (surplus.length > 0) {
    throw new DataError(
      `${file.path} has ${surplus.length} tensors that its adapter_config.json does not account for: ${
        surplus.slice(0, 5).join(", ")
      }`,
    );
  }
}

/** The chat template that came with the tokenizer, and the prompt as it is. Both end where the model was told to. */
async function templatesOf(
  tokenizer: Tokenizer,
  model: OpenedModel,
  creating: Creating,
): Promise<{ chat: Template | null; raw: Template }> {
  const stops = savedStops(model, tokenizer);
  const raw: Template = {
    render: () => {
      throw new RangeError("A raw prompt has no turns to write");
    },
    prompt: (request) => {
      if (!("prompt" in request)) {
        throw new DataError(
          "The model came without a chat template: give the prompt as one text",
        );
      }
      return { text: request.prompt, spans: [], addBos: true };
    },
    stops,
    jinja: null,
  };
  if (tokenizer.chatTemplate === null) return { chat: null, raw };
  const bind = await createPart("template", "tokenizer", creating);
  const chat = bind({
    specialTokens: tokenizer.specialTokens,
    chatTemplate: tokenizer.chatTemplate,
    addsBos: tokenizer.addsBos,
  });
  return {
    chat: {
      render: (example) => chat.render(example),
      prompt: (request) => chat.prompt(request),
      stops: [...new Set([...chat.stops, ...stops])],
      jinja: chat.jinja,
    },
    raw,
  };
}

/** Tokens at which an answer ends, as `generation_config.json` or `config.json` lists them. */
function savedStops(model: OpenedModel, tokenizer: Tokenizer): string[] {
  const configs = [model.folder?.generationConfig, model.folder?.config];
  const ids = configs.filter(isObject).map((config) => config.eos_token_id)
    .find((id) => id !== undefined && id !== null);
  return [ids].flat().flatMap((id) => {
    const token = typeof id === "number" ? tokenizer.tokenOf(id) : null;
    return token === null ? [] : [token];
  });
}

function requestOf(prompt: Prompt, isChat: boolean): PromptRequest {
  if (typeof prompt !== "string") return { messages: prompt };
  return isChat
    ? { messages: [{ role: "user", content: prompt }] }
    : { prompt };
}
