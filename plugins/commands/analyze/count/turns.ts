/**
 * What an example asks and what it answers, whatever its shape: an instruction is what a user (or a
 * prompt) says, a response what the model is to write. A conversation has one of each a turn.
 * @module
 */
import type {
  Message,
  ParsedExample,
  TokenExample,
  Tokenizer,
  ToolCall,
  WeightedText,
} from "@denotune/denotune/core";

/** A response. */
export interface Response {
  readonly text: string;
  /** Index of the instruction that it answers; null: there is none before it. */
  readonly answers: number | null;
  /** Whether it calls a tool, and so may be empty. */
  readonly callsTool: boolean;
}

/** An example as questions and answers. */
export interface Turns {
  /** User turns without their `input`, or the prompt; none of plain text. */
  readonly instructions: readonly string[];
  /** Assistant turns, the completion, or the text. */
  readonly responses: readonly Response[];
  /** All text before the last response, without system turns; null of plain text. */
  readonly prompt: string | null;
  /** All that users, tools and the model say: what near duplicates are found by. System turns repeat. */
  readonly body: string;
}

/** The turns of an example; those of tokens are decoded. */
export function turnsOf(example: ParsedExample, tokenizer: Tokenizer): Turns {
  if ("sequences" in example) {
    const all = example.sequences.map((own) => turnsOf(own, tokenizer));
    return {
      instructions: all[0]?.instructions ?? [],
      responses: all.flatMap((own) => own.responses),
      prompt: all[0]?.prompt ?? null,
      body: all.map((own) => own.body).join("\n"),
    };
  }
  if ("ids" in example) return decodedTurns(example, tokenizer);
  if ("prompt" in example) {
    return {
      instructions: [example.prompt],
      responses: [{ text: example.completion, answers: 0, callsTool: false }],
      prompt: example.prompt,
      body: `${example.prompt}\n${example.completion}`,
    };
  }
  if (!("messages" in example)) {
    return {
      instructions: [],
      responses: [{ text: example.text, answers: null, callsTool: false }],
      prompt: null,
      body: example.text,
    };
  }
  const spoken = example.messages.filter((m) => m.role !== "system");
  const last = spoken.findLastIndex((m) => m.role === "assistant");
  const instructions: string[] = [];
  const responses: Response[] = [];
  for (const { role, content, tool_calls = [] } of spoken) {
    if (role === "user") instructions.push(content);
    if (role !== "assistant") continue;
    responses.push({
      text: content,
      answers: lastOf(instructions),
      callsTool: tool_calls.length > 0,
    });
  }
  return {
    instructions,
    responses,
    prompt: spoken.slice(0, Math.max(0, last)).map(said).join("\n"),
    body: spoken.map(said).join("\n"),
  };
}

/** What is trained is a response, what is only read an instruction; where all is trained, the row is a text. */
function decodedTurns(
  { ids, weights }: TokenExample,
  tokenizer: Tokenizer,
): Turns {
  const instructions: string[] = [];
  const responses: Response[] = [];
  const decode = (from: number, to: number) =>
    tokenizer.decode(ids.slice(from, to), { skipSpecialTokens: true });
  const isTrained = (t: number) => weights === undefined || weights[t] > 0;
  let last = 0;
  for (let from = 0, to = 0; from < ids.length; from = to) {
    const trained = isTrained(from);
    while (to < ids.length && isTrained(to) === trained) to++;
    const text = decode(from, to);
    if (!trained) instructions.push(text);
    else {
      responses.push({
        text,
        answers: lastOf(instructions),
        callsTool: false,
      });
      last = from;
    }
  }
  const isText = instructions.length === 0;
  return {
    instructions,
    responses,
    prompt: isText ? null : decode(0, last),
    body: decode(0, ids.length),
  };
}

/** The index of the last element; null where there is none. */
function lastOf(list: readonly unknown[]): number | null {
  return list.length === 0 ? null : list.length - 1;
}

function said(message: Message): string {
  const calls = message.tool_calls === undefined
    ? ""
    : `\n${JSON.stringify(message.tool_calls.map(asObjects))}`;
  const input = message.input === undefined ? "" : `\n${message.input}`;
  return `${message.content}${input}${calls}`;
}

/** A call, its arguments once. */
function asObjects(
  { function: { name, arguments: given }, ...call }: ToolCall,
): ToolCall {
  return { ...call, function: { name, arguments: given } };
}

/** Tokens of each turn's content: those of users (with their `input`) and those of the model. */
export function turnTokens(
  { spans, encoding }: WeightedText,
): { instructions: number[]; responses: number[] } {
  const instructions = new Map<number, number>();
  const responses = new Map<number, number>();
  for (const span of spans) {
    if (span.kind !== "content") continue;
    const into = span.role === "user" || span.role === "prompt"
      ? instructions
      : span.role === "assistant" || span.role === "completion" ||
          span.role === "text"
      ? responses
      : null;
    if (into === null) continue;
    const tokens = firstAt(encoding.starts, span.end) -
      firstAt(encoding.starts, span.start);
    into.set(span.message, (into.get(span.message) ?? 0) + tokens);
  }
  return {
    instructions: [...instructions.values()],
    responses: [...responses.values()],
  };
}

/** Index of the first token that starts at or after a character. */
function firstAt(starts: Int32Array, character: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle] < character) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The words of a text, split at white space. */
export function wordsOf(text: string): string[] {
  const words = text.split(/\s+/u);
  if (words[0] === "") words.shift();
  if (words[words.length - 1] === "") words.pop();
  return words;
}

/** The first `count` characters of a text: whole ones, not halves of a surrogate pair. */
export function openingOf(text: string, count: number): string {
  const head = text.slice(0, 2 * count);
  return /[\ud800-\udfff]/.test(head)
    ? [...head].slice(0, count).join("")
    : head.slice(0, count);
}
