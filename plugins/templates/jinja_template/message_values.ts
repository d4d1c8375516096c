/**
 * Messages as a chat template sees them: as transformers would hand them over, without what is only ours.
 * @module
 */
import type { Message } from "@denotune/denotune/core";
import { toValue } from "../jinja/to_value.ts";
import { type Field, FIELDS, tagOf } from "../jinja/traced.ts";
import { Dict, type Key, type Value } from "../jinja/values.ts";

/**
 * Makes the values of messages, each once: the prompts before every answer of a conversation are rendered
 * from the same ones.
 */
export class MessageValues {
  readonly #known = new WeakMap<
    Message,
    { readonly inputApart: boolean; readonly value: Dict }
  >();

  /**
   * The value of message `index`, which templates cannot change. `inputApart`: `input` is a field of its own,
   * not joined to the content.
   */
  of(message: Message, index: number, inputApart: boolean): Dict {
    const known = this.#known.get(message);
    if (
      known !== undefined && known.value.message === index &&
      known.inputApart === inputApart
    ) return known.value;
    const value = messageValue(message, index, inputApart);
    this.#known.set(message, { inputApart, value });
    return value;
  }
}

function messageValue(
  message: Message,
  index: number,
  inputApart: boolean,
): Dict {
  const { weight: _, input, content, ...rest } = message;
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
  entries.set("content", toValue(joined, tagFor("content")));
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
