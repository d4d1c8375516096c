/**
 * What evaluators get of an example: its prompt and the expected answer.
 * @module
 */
import type { EvaluationRow } from "../../contracts/evaluator.ts";
import type { Message, ParsedExample } from "../../contracts/format.ts";
import type { PromptRequest } from "../../contracts/template.ts";

/** A prompt that is one text, in the shape of an example. */
export function requestLike(
  shape: ParsedExample,
  prompt: string,
): PromptRequest {
  return "messages" in shape
    ? { messages: [{ role: "user", content: prompt }] }
    : { prompt };
}

/** The row of an example; null where it has no answer to compare with. */
export function evaluationRow(example: ParsedExample): EvaluationRow | null {
  if ("prompt" in example) {
    const { prompt, completion: expected, system } = example;
    const request = system === undefined ? { prompt } : { prompt, system };
    return { example, prompt, request, expected };
  }
  if (!("messages" in example)) return null;
  const at = example.messages.findLastIndex((m) => m.role === "assistant");
  if (at <= 0) return null;
  return {
    example,
    prompt: showPrompt(example.messages[at - 1]),
    request: {
      messages: example.messages.slice(0, at),
      ...(example.tools === undefined ? {} : { tools: example.tools }),
    },
    expected: example.messages[at].content,
  };
}

function showPrompt(message: Message): string {
  return message.input === undefined || message.input === ""
    ? message.content
    : `${message.content}\n\n${message.input}`;
}
