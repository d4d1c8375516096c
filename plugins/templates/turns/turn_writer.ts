/**
 * Writes the turns of a conversation in a style, with spans.
 * @module
 */
import { DataError, type Message, type Role } from "@denotune/denotune/core";
import { messageLabels, type SpanWriter, splitEnd } from "../_render.ts";
import { assistantText, toolsText, trimmed } from "../_said.ts";
import type { TurnStyle, TurnTags } from "./turn_style.ts";

/** What is written. */
export interface Conversation {
  readonly messages: readonly Message[];
  readonly tools: readonly unknown[];
  /** Whether this is all of it: then what ends a conversation is written, too. */
  readonly whole: boolean;
}

/** Writes a conversation. Throws `DataError` with the message's index for what the style cannot write. */
export function writeTurns(
  style: TurnStyle,
  conversation: Conversation,
  writer: SpanWriter,
): void {
  const { messages, tools, whole } = conversation;
  if (tools.length > 0 && !style.tools) {
    throw cannotWrite(style, 0, "the conversation has tools");
  }
  if (messages[0]?.role !== "system") writeFront(style, tools, writer);
  messages.forEach((message, i) => {
    const before = messages[i - 1];
    if (before !== undefined) {
      writer.write(breakBetween(style, before.role, message.role));
    }
    writeTurn(style, conversation, i, writer);
  });
  if (whole && messages.at(-1)?.role !== "assistant") writer.write(style.final);
}

/** The text between the turns of two roles. */
export function breakBetween(
  style: TurnStyle,
  before: Role,
  after: Role,
): string {
  const fits = (wanted: Role | null, role: Role): boolean =>
    wanted === null || wanted === role;
  return style.between.find((one) =>
    fits(one.before, before) && fits(one.after, after)
  )?.text ?? "";
}

function cannotWrite(style: TurnStyle, index: number, what: string): DataError {
  return new DataError(
    `The template \`${style.name}\` cannot write message ${index} (${what}); ` +
      "use `template: chatml` or the tokenizer's own, or leave such rows out",
  );
}

/** Writes the text in front of a conversation without a system message. */
function writeFront(
  { preamble, turns }: TurnStyle,
  tools: readonly unknown[],
  writer: SpanWriter,
): void {
  if (preamble !== null) writer.write(`${preamble}\n\n`);
  if (tools.length > 0 && turns.system !== null) {
    const { open, close, after } = turns.system;
    writer.write(open + toolsText(tools) + close + after);
  }
}

function writeTurn(
  style: TurnStyle,
  conversation: Conversation,
  i: number,
  writer: SpanWriter,
): void {
  const { messages, tools } = conversation;
  const message = messages[i];
  const before = messages[i - 1];
  const { content } = messageLabels(message, i);
  const tags = style.turns[message.role];
  if (tags === null) {
    // a system text in front of a user's is written in that turn
    if (message.role === "system" && i === 0 && messages[1]?.role === "user") {
      return;
    }
    throw cannotWrite(style, i, `role ${message.role}`);
  }
  if ((message.tool_calls ?? []).length > 0 && !style.tools) {
    throw cannotWrite(style, i, "it calls tools");
  }
  writer.write(tags.open);
  if (before?.role === "system" && style.turns.system === null) {
    const text = style.trim ? trimmed(before.content) : before.content;
    writer.span(text, messageLabels(before, i - 1).content);
    writer.write("\n\n");
  }
  const [first, second] = partsOf(message, style.trim);
  if (i === 0 && message.role === "system" && tools.length > 0) {
    writer.span(first, content);
    writer.write(`\n\n${toolsText(tools)}`);
    return closeTurn(style, tags, tags.close, conversation, i, writer);
  }
  if (second !== "") {
    writer.span(first, content);
    writer.write(style.inputLead);
  }
  const [body, close] = splitEnd(second === "" ? first : second, tags.close);
  writer.span(body, content);
  closeTurn(style, tags, close, conversation, i, writer);
}

function closeTurn(
  style: TurnStyle,
  tags: TurnTags,
  close: string,
  { messages, whole }: Conversation,
  i: number,
  writer: SpanWriter,
): void {
  const { end } = messageLabels(messages[i], i);
  if (
    whole && style.final !== "" && i === messages.length - 1 &&
    messages[i].role === "assistant"
  ) {
    // one marker ends the conversation: the model writes the text before it, too
    writer.span(close + tags.after + style.final, end);
    return;
  }
  writer.span(close, end);
  writer.write(tags.after);
}

/** What a message says, and its input ("" for none). */
function partsOf(message: Message, trim: boolean): [string, string] {
  const said = message.role === "assistant"
    ? assistantText(message)
    : message.content;
  const input = message.role === "user" ? message.input ?? "" : "";
  if (!trim) return [said, input];
  // the two are trimmed as one text: only where it begins and where it ends
  if (trimmed(input) === "") return [trimmed(said), ""];
  if (trimmed(said) === "") return [trimmed(input), ""];
  return [trimmed(said, "left"), trimmed(input, "right")];
}
