/**
 * What keeps a value from being an example.
 * @module
 */
import { isObject } from "../../../io/json_file.ts";
import { show } from "../../parse/problem.ts";

const ROLES: readonly unknown[] = ["system", "user", "assistant", "tool"];

/** What keeps a value from being an example, as the end of a sentence; null where it is one. */
export function exampleFault(given: unknown): string | null {
  if (!isObject(given)) {
    return `${
      show(given)
    }; expected {messages}, {prompt, completion}, {text}, {ids} or {sequences}`;
  }
  if ("sequences" in given) {
    if (!Array.isArray(given.sequences) || given.sequences.length === 0) {
      return `sequences ${
        show(given.sequences)
      }; expected a list of at least one`;
    }
    for (const [i, sequence] of given.sequences.entries()) {
      const fault = exampleFault(sequence);
      if (fault !== null) return `sequence ${i} as ${fault}`;
    }
    return null;
  }
  if ("ids" in given) {
    return idsFault(given);
  }
  if ("messages" in given) {
    if (!Array.isArray(given.messages) || given.messages.length === 0) {
      return `messages ${
        show(given.messages)
      }; expected a list of at least one`;
    }
    for (const [i, message] of given.messages.entries()) {
      const fault = messageFault(message);
      if (fault !== null) return `message ${i} ${fault}`;
    }
    return null;
  }
  const names = "prompt" in given ? ["prompt", "completion"] : ["text"];
  for (const name of names) {
    if (typeof given[name] !== "string") {
      return `\`${name}\` ${show(given[name])}; expected a text`;
    }
  }
  return null;
}

/** Ids beyond the vocabulary are the row's fault: it was made with another tokenizer. */
function idsFault(
  { ids, weights, lengths }: Record<string, unknown>,
): string | null {
  if (!Array.isArray(ids)) return `ids ${show(ids)}, no list`;
  for (
    const [name, numbers] of [["weights", weights], [
      "lengths",
      lengths,
    ]] as const
  ) {
    if (numbers === undefined) continue;
    if (!Array.isArray(numbers)) return `${name} ${show(numbers)}, no list`;
    const bad = numbers.findIndex((n) =>
      typeof n !== "number" || !(n >= 0 && n < Infinity)
    );
    if (bad !== -1) {
      return `${
        show(numbers[bad])
      } as number ${bad} of \`${name}\`; expected a number of at least 0`;
    }
  }
  if (
    weights !== undefined && Array.isArray(weights) &&
    weights.length !== ids.length
  ) {
    return `${weights.length} weights for ${ids.length} ids`;
  }
  return null;
}

function messageFault(message: unknown): string | null {
  if (!isObject(message)) return `${show(message)}; expected an object`;
  const { role, content, content_is, weight } = message;
  if (!ROLES.includes(role)) {
    return `with role ${show(role)}; expected ${ROLES.join(", ")}`;
  }
  if (typeof content !== "string") {
    return `with content ${show(content)}; expected a text`;
  }
  if (content_is !== undefined && !isEmptyAs(content_is, content)) {
    return `with content_is ${
      show(content_is)
    }; expected "null" or "missing", and an empty content`;
  }
  const isWeight = weight === undefined ||
    (typeof weight === "number" && Number.isFinite(weight) && weight >= 0);
  return isWeight
    ? null
    : `with weight ${show(weight)}; expected a number of at least 0`;
}

function isEmptyAs(written: unknown, content: string): boolean {
  return content === "" && (written === "null" || written === "missing");
}
