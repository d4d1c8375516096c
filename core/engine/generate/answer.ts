/**
 * From prompts as text to answers as text: template, tokenizer, stops.
 * @module
 */
import type { Answer, Prompt, TextPrompt } from "../../contracts/evaluator.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { DataError } from "../../contracts/errors.ts";
import type { RowGenerator } from "./generation_row.ts";
import type { SamplingOptions } from "./sampling.ts";
import { StopWatch } from "./stop_watch.ts";

/** How answers are made. */
export interface AnswerOptions extends Partial<SamplingOptions> {
  readonly maxNewTokens: number;
  /** Texts that end an answer, besides the template's. They are not part of it. */
  readonly stop?: readonly string[];
  /** Special tokens that stay in the text, where others are left out: the marks of tool calls. */
  readonly keepSpecial?: readonly string[];
  /** Key of each prompt's random numbers; its index by default. */
  readonly keys?: readonly number[];
  /** Most tokens of a prompt and its answer together, where it is less than what the generator was sized for. */
  readonly mostTokens?: number;
  /** Receives each piece of text as it becomes certain. */
  readonly onText?: (text: string, prompt: number) => void;
  /** Receives a whole answer while it is written by a model that does not write token by token; see `draftText`. */
  readonly onDraft?: (text: string, prompt: number) => void;
  readonly signal?: AbortSignal;
}

/** What answers are made with. */
export interface Answering {
  readonly generator: RowGenerator;
  readonly tokenizer: Tokenizer;
  readonly template: Template;
}

/** Ids at which an answer ends: the tokenizer's end token and the template's stops that are one token. */
export function stopIds(tokenizer: Tokenizer, template: Template): number[] {
  const ids = new Set<number>();
  if (tokenizer.specialIds.eos !== null) ids.add(tokenizer.specialIds.eos);
  for (const stop of template.stops) {
    const id = tokenizer.idOf(stop);
    if (id !== null) ids.add(id);
  }
  return [...ids];
}

/** Ids of a prompt: as the template writes it, or of a text as it is. */
export function promptIds(
  prompt: Prompt,
  { tokenizer, template }: Omit<Answering, "generator">,
): Int32Array {
  if ("ids" in prompt) return Int32Array.from(prompt.ids);
  const { text, addBos } = writtenPrompt(prompt, { template });
  return tokenizer.encode(text, { addBos }).ids;
}

/** A prompt as text: as the template writes it, or as it is. */
export function writtenPrompt(
  prompt: TextPrompt,
  { template }: Pick<Answering, "template">,
): { readonly text: string; readonly addBos: boolean } {
  return "text" in prompt
    ? { text: prompt.text, addBos: true }
    : template.prompt(prompt);
}

/** Characters of a prompt that are encoded whatever fits: counting tokens is quick there. */
const SHORT = 1e6;

/** Encoding takes some hundred bytes a character: what cannot fit, whatever its tokens are, is not encoded. */
function refuseLong(
  text: string,
  { tokenizer, prompt, capacity }: {
    tokenizer: Tokenizer;
    prompt: number;
    capacity: number;
  },
): void {
  if (text.length <= SHORT) return;
  let longest = 1;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    longest = Math.max(longest, tokenizer.tokenOf(id)?.length ?? 0);
  }
  if (text.length <= longest * capacity) return;
  throw new DataError(
    `Prompt ${prompt} has ${text.length} characters; ${capacity} tokens fit, the answer included, and a token has ${longest} characters at most`,
  );
}

/** The longest of the texts that a prompt consists of. */
function longestText(prompt: TextPrompt): string {
  if ("text" in prompt) return prompt.text;
  if ("prompt" in prompt) return prompt.prompt;
  return prompt.messages.reduce(
    (longest, { content }) =>
      content.length > longest.length ? content : longest,
    "",
  );
}

/** Answers to prompts, in order. Throws `DataError` for a prompt that leaves no room for an answer. */
export async function answer(
  prompts: readonly Prompt[],
  options: AnswerOptions,
  { generator, tokenizer, template }: Answering,
): Promise<Answer[]> {
  const capacity = Math.min(
    generator.limits.capacity,
    options.mostTokens ?? Infinity,
  );
  const { onDraft } = options;
  const ends = new Set(stopIds(tokenizer, template));
  const texts = [...template.stops, ...(options.stop ?? [])].filter((t) =>
    t !== ""
  );
  const kept = specialIdsOf(options.keepSpecial ?? [], tokenizer);
  const watches = prompts.map((_, i) =>
    new StopWatch(tokenizer, {
      ends,
      texts,
      kept,
      onText: (text) => options.onText?.(text, i),
    })
  );
  const rows = prompts.map((prompt, i) => {
    if (!("ids" in prompt)) {
      // before a template writes it: that too takes time and memory with the text
      refuseLong(longestText(prompt), { tokenizer, prompt: i + 1, capacity });
      const { text } = writtenPrompt(prompt, { template });
      refuseLong(text, { tokenizer, prompt: i + 1, capacity });
    }
    const ids = promptIds(prompt, { tokenizer, template });
    if (ids.length === 0) {
      throw new DataError(
        `Prompt ${i + 1} is empty: give at least one character`,
      );
    }
    if (ids.length >= capacity) {
      throw new DataError(
        `Prompt ${
          i + 1
        } has ${ids.length} tokens; ${capacity} fit, the answer included`,
      );
    }
    watches[i].follow(ids);
    return {
      prompt: ids,
      maxNewTokens: Math.min(
        options.maxNewTokens,
        (options.mostTokens ?? Infinity) - ids.length,
      ),
      key: options.keys?.[i] ?? i,
      onToken: (id: number) => watches[i].push(id),
      ends,
      ...(onDraft === undefined ? {} : {
        onDraft: (draft: readonly (number | null)[]) =>
          onDraft(draftText(draft, { tokenizer, ends }), i),
      }),
    };
  });
  const done = await generator.generate(rows, {
    temperature: options.temperature ?? 0,
    topK: options.topK ?? null,
    topP: options.topP ?? 1,
    repetitionPenalty: options.repetitionPenalty ?? 1,
    seed: options.seed ?? 0,
  }, options.signal);
  return done.map((row, i) => ({
    text: watches[i].end(),
    finish: row.finish === "stop" ? "stop" : "length",
    promptTokens: rows[i].prompt.length,
    ids: row.ids,
  }));
}

/** Ids of those of the texts that are special tokens. */
export function specialIdsOf(
  texts: readonly string[],
  tokenizer: Tokenizer,
): ReadonlySet<number> {
  return new Set(
    texts.map((text) => tokenizer.idOf(text)).filter((id) => id !== null)
      .filter((id) => tokenizer.isSpecial(id)),
  );
}

/** Stands for a token that is not chosen yet. */
export const HIDDEN_TOKEN = "░";

/** An answer that is being written, up to its first end: `Par░s░░`. */
export function draftText(
  draft: readonly (number | null)[],
  { tokenizer, ends }: {
    readonly tokenizer: Tokenizer;
    readonly ends: ReadonlySet<number>;
  },
): string {
  const end = draft.findIndex((id) => id !== null && ends.has(id));
  let text = "";
  let known: number[] = [];
  const flush = () => {
    text += tokenizer.decode(known, { skipSpecialTokens: true });
    known = [];
  };
  for (const id of end < 0 ? draft : draft.slice(0, end)) {
    if (id !== null) {
      known.push(id);
      continue;
    }
    flush();
    text += HIDDEN_TOKEN;
  }
  flush();
  return text;
}
