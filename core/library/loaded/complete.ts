/**
 * One answer after the other or many at once: each joins the batch that runs, is drawn in its own way, and may be asked
 * of any adapter.
 * @module
 */
import type { Template } from "../../contracts/template.ts";
import type { TokenConstraint } from "../../contracts/token_constraint.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";
import type { Grammars } from "../../engine/constrain/grammars.ts";
import { specialIdsOf, stopIds } from "../../engine/generate/answer.ts";
import type { RowGenerator } from "../../engine/generate/generation_row.ts";
import type { RowSampling } from "../../engine/generate/sampling.ts";
import { StopWatch } from "../../engine/generate/stop_watch.ts";
import type { TokenScore } from "../../engine/generate/token_scores.ts";

/** What is asked for. */
export interface CompletionRequest {
  /** Tokens that the answer continues: see `writePrompt`. */
  readonly prompt: Int32Array; // (T)
  /** Tokens written at most; 0: none, to score the prompt. */
  readonly maxNewTokens: number;
  /** How tokens are chosen; greedy where absent. */
  readonly sampling?: Partial<RowSampling>;
  /** Which of several answers with one seed it is; default 0. */
  readonly answer?: number;
  /** Texts that end the answer, besides the model's own ends. */
  readonly stop?: readonly string[];
  /** Special tokens that stay in the text. */
  readonly keepSpecial?: readonly string[];
  /** Whether the answer ends as a text without turns does; default: as the chat template's turns do. */
  readonly raw?: boolean;
  /** Whether the model's own ends do not end the answer; default: false. */
  readonly ignoresEnds?: boolean;
  /** How many of the likeliest tokens are given with each; null or absent: no scores. Needs `logits`. */
  readonly top?: number | null;
  /** Whether the prompt's tokens are scored, all but the first; needs `logits`. */
  readonly scoresPrompt?: boolean;
  /** Says which tokens may come next; needs `logits`. */
  readonly constraint?: TokenConstraint;
  /**
   * A JSON schema that the answer follows, or `"json_object"`: any JSON object; needs `logits`. Null or absent: any
   * text. Throws `ConfigError` for a schema that answers cannot be held to: see `checkSchema`.
   */
  readonly schema?: unknown;
  /** The adapter that answers, null: the base alone; absent: the one in use. */
  readonly adapter?: string | null;
  /** Receives each token that belongs to the answer, before its text. */
  readonly onToken?: (id: number, score: TokenScore | undefined) => void;
  /** Receives each piece of text as it becomes certain. */
  readonly onText?: (text: string) => void;
  /** The answer ends and its place is free; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What was answered. */
export interface Completion {
  /** The text, without what ended it. */
  readonly text: string;
  /** `stop`: an end token, a stop text or the constraint; `length`: `maxNewTokens`, or the context is full. */
  readonly finish: "stop" | "length";
  /** The tokens written, the end included. */
  readonly ids: readonly number[];
  /** Scores of the prompt's tokens from the second on, where they were asked for. */
  readonly promptScores: readonly TokenScore[];
  /** Tokens of the prompt that were not read again, because an earlier prompt began alike. */
  readonly reusedTokens: number;
}

/** What completions are made with. */
export interface Completing {
  readonly generator: RowGenerator;
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  /** Of the tokenizer. */
  readonly grammars: Grammars;
}

/** Completes one prompt. Throws `DataError` for a prompt that does not fit. */
export async function complete(
  request: CompletionRequest,
  { generator, tokenizer, template, grammars }: Completing,
): Promise<Completion> {
  const { prompt, maxNewTokens, sampling = {}, schema = null } = request;
  const { capacity } = generator.limits;
  const least = maxNewTokens > 0 ? 1 : 0;
  if (prompt.length === 0) {
    throw new DataError("The prompt has no tokens: give at least one");
  }
  if (prompt.length + least > capacity) {
    throw new DataError(
      `The prompt has ${prompt.length} tokens; ${capacity} fit, the answer included`,
    );
  }
  const ends: ReadonlySet<number> = new Set(
    request.ignoresEnds === true ? [] : stopIds(tokenizer, template),
  );
  const stops = request.ignoresEnds === true ? [] : template.stops;
  const watch = new StopWatch(tokenizer, {
    ends,
    texts: [...stops, ...request.stop ?? []].filter((text) => text !== ""),
    kept: specialIdsOf(request.keepSpecial ?? [], tokenizer),
    onText: (text) => request.onText?.(text),
  });
  watch.follow(prompt);
  const grammar = schema === null ? null : grammars.of(schema).start(ends);
  const done = await generator.submit({
    prompt,
    maxNewTokens,
    key: request.answer ?? 0,
    ends,
    sampling: {
      temperature: 0,
      topK: null,
      topP: 1,
      repetitionPenalty: 1,
      seed: 0,
      ...sampling,
    },
    top: request.top ?? null,
    scoresPrompt: request.scoresPrompt ?? false,
    constraint: request.constraint ?? grammar ?? undefined,
    signal: request.signal,
    onToken(id, score) {
      if (!ends.has(id)) request.onToken?.(id, score);
      // what is whole needs no end token
      return watch.push(id) || grammar?.isComplete === true;
    },
  });
  return {
    text: watch.end(),
    finish: done.finish === "stop" ? "stop" : "length",
    ids: done.ids,
    promptScores: done.prompt ?? [],
    reusedTokens: done.reused ?? 0,
  };
}
