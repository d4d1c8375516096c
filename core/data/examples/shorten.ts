/**
 * Shorter versions of an example: fewer turns, or less of a prompt. They are examples of their own,
 * rendered and encoded as inference would; nothing is cut out of the middle of tokens.
 * @module
 */
import type {
  ChatExample,
  Message,
  ParsedExample,
} from "../../contracts/format.ts";
import type { TextSpan } from "../../contracts/template.ts";
import type { WeightedText } from "./weighted_text.ts";

/** The example without its `count` oldest exchanges (a user turn and what answers it); null if none would be left. */
export function dropOldestExchanges(
  example: ChatExample,
  count: number,
): ChatExample | null {
  const starts = exchangeStarts(example.messages);
  if (count >= starts.length) return null;
  const head = example.messages.slice(0, starts[0]);
  return {
    ...example,
    messages: [...head, ...example.messages.slice(starts[count])],
  };
}

/** How many exchanges must go so that about `excess` tokens go, at least `atLeast`; at most all but the last. */
export function exchangesToDrop(
  text: WeightedText,
  excess: number,
  atLeast: number,
): number {
  if (!("messages" in text.example)) return 0;
  const starts = exchangeStarts(text.example.messages);
  const first = tokenOfMessage(text, starts[0]);
  let count = atLeast;
  while (
    count < starts.length - 1 &&
    tokenOfMessage(text, starts[count]) - first < excess
  ) count++;
  return Math.min(count, starts.length - 1);
}

/** Index of the first message of each exchange; system messages at the front belong to none. */
function exchangeStarts(messages: readonly Message[]): number[] {
  const head = messages.findIndex((message) => message.role !== "system");
  if (head === -1) return [messages.length];
  const starts = [head];
  for (let m = head + 1; m < messages.length; m++) {
    if (messages[m].role === "user") starts.push(m);
  }
  return starts;
}

function tokenOfMessage(
  { spans, encoding }: WeightedText,
  message: number,
): number {
  const span = spans.find((s) => s.message >= message);
  return span === undefined
    ? encoding.ids.length
    : tokenAt(encoding.starts, span.start);
}

/** Index of the first token that starts at or after a character. */
function tokenAt(starts: Int32Array, character: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle] < character) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The example with about `excess` tokens less of what the model does not write: tool and user turns
 * from the oldest on, then the system's, each from its start. Null if nothing can be taken.
 */
export function trimPrompt(
  text: WeightedText,
  excess: number,
): ParsedExample | null {
  let example = text.example;
  let left = excess;
  const isCandidate = (span: TextSpan) =>
    span.kind === "content" && !span.generated && span.end > span.start;
  const spans = [
    ...text.spans.filter((span) =>
      isCandidate(span) && span.role !== "system" && span.role !== "assistant"
    ),
    ...text.spans.filter((span) => isCandidate(span) && span.role === "system"),
  ];
  for (const span of spans) {
    if (left <= 0) break;
    const { starts } = text.encoding;
    const from = tokenAt(starts, span.start);
    const to = tokenAt(starts, span.end);
    const keepFrom = from + left >= to ? span.end : starts[from + left];
    const shorter = replaceContent(example, span, {
      old: text.text.slice(span.start, span.end),
      new: text.text.slice(keepFrom, span.end),
    });
    if (shorter === null) continue;
    example = shorter;
    left -= Math.min(left, to - from);
  }
  return example === text.example ? null : example;
}

/** Writes new text in place of a span's; null if the span's text is not exactly a field of the example. */
function replaceContent(
  example: ParsedExample,
  span: TextSpan,
  change: { old: string; new: string },
): ParsedExample | null {
  if ("prompt" in example) {
    return span.role === "prompt"
      ? { ...example, prompt: replace(example.prompt, change) }
      : null;
  }
  if (!("messages" in example)) return null;
  const message = example.messages[span.message];
  if (message === undefined || message.role === "assistant") return null;
  let changed: Message;
  if (message.content.includes(change.old)) {
    changed = { ...message, content: replace(message.content, change) };
  } else if (message.input?.includes(change.old)) {
    changed = { ...message, input: replace(message.input, change) };
  } else return null;
  return { ...example, messages: example.messages.with(span.message, changed) };
}

function replace(text: string, change: { old: string; new: string }): string {
  const at = text.indexOf(change.old);
  return at === -1
    ? text
    : text.slice(0, at) + change.new + text.slice(at + change.old.length);
}
