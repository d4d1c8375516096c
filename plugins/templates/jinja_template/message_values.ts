/**
 * Messages as a chat template sees them: as transformers would hand them over, without what is only ours.
 * @module
 */
import type { Message, ToolCall } from "@denotune/denotune/core";
import { toValue } from "../jinja/to_value.ts";
import { type Field, FIELDS, tagOf } from "../jinja/traced.ts";
import { Dict, type Key, type Value } from "../jinja/values.ts";

/** How messages are handed over where templates differ. */
export interface MessageShape {
  /** `input` is a field of its own, not joined to the content. */
  readonly inputApart: boolean;
  /** The arguments of calls are JSON where the row has them as JSON, not objects. */
  readonly argumentsAsText: boolean;
}

/**
 * Makes the values of messages, each once: the prompts before every answer of a conversation are rendered
 * from the same ones.
 */
export class MessageValues {
  readonly #known = new WeakMap<
    Message,
    { readonly shape: MessageShape; readonly value: Dict }
  >();

  /** The value of message `index`, which templates cannot change. */
  of(message: Message, index: number, shape: MessageShape): Dict {
    const known = this.#known.get(message);
    if (
      known !== undefined && known.value.message === index &&
      known.shape.inputApart === shape.inputApart &&
      known.shape.argumentsAsText === shape.argumentsAsText
    ) return known.value;
    const value = messageValue(message, index, shape);
    this.#known.set(message, { shape, value });
    return value;
  }
}

/** Whether a call has its arguments as text as well. */
export function hasTextArguments(messages: readonly Message[]): boolean {
  return messages.some(({ tool_calls = [] }) =>
    tool_calls.some((call) => call.function.arguments_text !== undefined)
  );
}

/** A call as the template gets it. */
function shownCall(call: ToolCall, asText: boolean): ToolCall {
  const { arguments_text, ...called } = call.function;
  if (arguments_text === undefined) return call;
  return {
    ...call,
    function: asText ? { ...called, arguments: arguments_text } : called,
  };
}

function messageValue(
  message: Message,
  index: number,
  { inputApart, argumentsAsText }: MessageShape,
): Dict {
  const { weight: _, input, content, content_is, tool_calls, ...others } =
    message;
  const rest = {
    ...others,
    tool_calls: tool_calls?.map((call) => shownCall(call, argumentsAsText)),
  };
  const joined = input === undefined || input === "" || inputApart
    ? content
    : `${content}\n\n${input}`;
  const entries = new Map<Key, Value>();
  const tagFor = (name: string): number => {
    const field = FIELDS.find((known) => known === name) ??
      "other" satisfies Field;
    return tagOf(index, field);
  };
  entries.set("role", toValue(message.role));
  if (content_is !== "missing") {
    const said = content_is === "null" ? null : joined;
    entries.set("content", toValue(said, tagFor("content")));
  }
  if (inputApart && input !== undefined) {
    entries.set("input", toValue(input, tagFor("content")));
  }
  for (const [name, value] of Object.entries(rest)) {
    if (name !== "role" && value !== undefined) {
      entries.set(name, toValue(value, tagFor(name)));
    }
  }
  if (rest.reasoning_content !== undefined) { // some templates call it so
    entries.set(
      "thinking",
      toValue(rest.reasoning_content, tagFor("reasoning_content")),
    );
  }
  return new Dict(entries, index);
}
