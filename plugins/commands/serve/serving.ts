/**
 * What the routes share: the model and its names, limits, and the life of a request.
 * @module
 */
import {
  type Completion,
  type CompletionRequest,
  isDenotuneError,
  type LoadedModel,
  type RowSampling,
} from "@denotune/denotune/core";
import type { Admission } from "./admission.ts";
import { ApiError } from "./api_error.ts";
import type { Metrics } from "./metrics.ts";
import type { ChatBody, CompletionBody } from "./request_schema.ts";
import type { TokenTexts } from "./token_texts.ts";

/** What a server answers with. */
export interface Serving {
  readonly model: LoadedModel;
  /** Names that clients may ask for, and the adapter of each; the first is used where none is named. */
  readonly models: ReadonlyMap<string, string | null>;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly texts: TokenTexts;
  /** Tokens of one answer at most; null: what the context holds. */
  readonly maxTokens: number | null;
  /** Seconds that a request may take. */
  readonly timeout: number;
  /** When the server began, in seconds since 1970. */
  readonly created: number;
}

/** One request on its way: what the log and the metrics say of it. */
export interface Exchange {
  /** Aborted when the client hangs up. */
  readonly client: AbortSignal;
  /** The first token was written. */
  begin(): void;
  /** An answer is whole. */
  count(tokens: { prompt: number; reused: number; written: number }): void;
  /** The answer is a stream, which ends later by `finish`. */
  streams(): void;
  finish(status: number): void;
}

/** Answers of one request: aborted together. */
export interface Job extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: ApiError): void;
  /** The client is gone. */
  hangUp(): void;
}

/** Takes a request in, or refuses it by `ApiError`. */
export function openJob(
  { admission, timeout, metrics }: Serving,
  exchange: Exchange,
  { answers, isStream }: {
    readonly answers: number;
    readonly isStream: boolean;
  },
): Job {
  const place = admission.enter(answers);
  // of a stream the stream itself hears it: Deno warns of the signal of a request that is answered well
  const client = isStream ? null : exchange.client;
  const controller = new AbortController();
  const hangUp = () => {
    metrics.hangUp();
    controller.abort(new ApiError(499, "The client hung up"));
  };
  if (client?.aborted === true) hangUp();
  client?.addEventListener("abort", hangUp);
  const timer = setTimeout(
    () =>
      controller.abort(
        new ApiError(504, `The answer took longer than ${timeout} s`, {
          code: "timeout",
        }),
      ),
    timeout * 1000,
  );
  return {
    signal: controller.signal,
    hangUp,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      client?.removeEventListener("abort", hangUp);
      clearTimeout(timer);
      place[Symbol.dispose]();
    },
  };
}

/** Completes all requests of a job; where one fails, the others end too. */
export async function completeAll(
  requests: readonly CompletionRequest[],
  { model }: Serving,
  job: Job,
): Promise<Completion[]> {
  const found = requests.map((request) =>
    model.complete({ ...request, signal: job.signal })
  );
  try {
    return await Promise.all(found);
  } catch (reason) {
    job.abort(apiError(reason));
    await Promise.allSettled(found); // their places are free before the job's is
    throw reason;
  }
}

/** What a client is told of an error. */
export function apiError(reason: unknown): ApiError {
  if (reason instanceof ApiError) return reason;
  if (isDenotuneError(reason) && reason.name !== "DeviceError") {
    return new ApiError(400, reason.message);
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return new ApiError(500, `The server could not answer: ${message}`);
}

/** The adapter of a model's name. Throws `ApiError`. */
export function adapterOf(
  { models }: Serving,
  name: string | undefined,
): string | null {
  const [first] = models.keys();
  const adapter = models.get(name ?? first);
  if (adapter !== undefined) return adapter;
  throw new ApiError(
    404,
    `There is no model ${JSON.stringify(name)}; this server has ${
      [...models.keys()].map((one) => JSON.stringify(one)).join(", ")
    }`,
    { param: "model", code: "model_not_found" },
  );
}

/** How tokens are chosen, as the body says; without a seed each request draws anew. */
export function samplingOf(
  body: ChatBody | CompletionBody,
  { model }: Serving,
): RowSampling {
  const bias = Object.entries(body.logit_bias ?? {}).map(([id, value]) => {
    if (Number(id) < model.tokenizer.vocabSize) {
      return [Number(id), value] as const;
    }
    throw new ApiError(
      400,
      `logit_bias: there is no token ${id}; the vocabulary has ${model.tokenizer.vocabSize}`,
      { param: "logit_bias" },
    );
  });
  const topK = body.top_k ?? 0;
  return {
    temperature: body.temperature ?? 1,
    topP: body.top_p ?? 1,
    topK: topK > 0 ? topK : null,
    repetitionPenalty: body.repetition_penalty ?? 1,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    ...(bias.length === 0 ? {} : { logitBias: new Map(bias) }),
    seed: body.seed == null
      ? crypto.getRandomValues(new Int32Array(1))[0]
      : Number(BigInt.asIntN(32, BigInt(body.seed))),
  };
}

/** Texts that end an answer. */
export function stopsOf({ stop }: ChatBody | CompletionBody): string[] {
  return typeof stop === "string" ? [stop] : stop ?? [];
}

/** Tokens that an answer may have. Throws `ApiError` for more than the server allows, and for a prompt that does not fit. */
export function roomFor(
  { prompt, wanted, fallback, param }: {
    readonly prompt: Int32Array;
    readonly wanted: number | null | undefined;
    readonly fallback: number;
    readonly param: string;
  },
  { model, maxTokens }: Serving,
): number {
  const { contextLength } = model;
  if (prompt.length + (wanted === 0 ? 0 : 1) > contextLength) {
    throw new ApiError(
      400,
      `The prompt has ${prompt.length} tokens; the context holds ${contextLength}, the answer included`,
      { param, code: "context_length_exceeded" },
    );
  }
  if (wanted != null && maxTokens !== null && wanted > maxTokens) {
    throw new ApiError(
      400,
      `max_tokens is ${wanted}; this server writes at most ${maxTokens} tokens an answer (--max-tokens)`,
      { param: "max_tokens" },
    );
  }
  return wanted ?? Math.min(fallback, maxTokens ?? Infinity);
}

/** A name of an answer that nobody guesses. */
export function newId(prefix: string): string {
  return `${prefix}-${crypto.randomUUID().replaceAll("-", "")}`;
}

/** Token counts as clients get them. */
export function usageOf(
  { prompts, answers }: {
    readonly prompts: readonly Int32Array[];
    readonly answers: readonly Completion[];
  },
) {
  const prompt_tokens = prompts.reduce((sum, p) => sum + p.length, 0);
  const completion_tokens = answers.reduce((sum, a) => sum + a.ids.length, 0);
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: {
      cached_tokens: answers.reduce((sum, a) => sum + a.reusedTokens, 0),
    },
  };
}
