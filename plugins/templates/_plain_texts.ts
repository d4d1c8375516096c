/**
 * How the template `plain` writes a pair, and a conversation.
 * @module
 */
import {
  type Example,
  type Host,
  type PromptRequest,
  type Rendered,
  type Template,
  tokenizerOf,
} from "@denotune/denotune/core";
import { SpanWriter, splitEnd } from "./_render.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** Options of the template `plain`. */
export interface PlainOptions {
  /** Text between what the user says and the answer. */
  readonly separator: string;
  /** Text between a prompt and its completion, of rows that have these. */
  readonly completion_separator: string;
  /** Text between an answer and the next turn. */
  readonly turn_separator: string;
  /** Text behind a system prompt. */
  readonly system_separator: string;
  /** `separator` under the name that other tools have for it; null: `separator` says it. */
  readonly instruction_response_separator: string | null;
}

/** The template `plain`. */
export function plainTexts(options: PlainOptions, host: Host): Template {
  const { turn_separator, system_separator, completion_separator } = options;
  const separator = options.instruction_response_separator ??
    options.separator;
  const context = tokenizerOf(host);
  const eos = context.specialTokens.eos ?? "";
  const pair = { eos, system_separator, completion_separator };
  const none = { open: "", close: "", after: "" };
  const turns = turnsTemplate({
    ...USUAL_STYLE,
    name: "plain",
    turns: {
      system: none,
      user: none,
      assistant: { ...none, close: eos },
      tool: null,
    },
    tools: false,
    between: [
      { before: "user", after: "assistant", text: separator },
      { before: "system", after: null, text: system_separator },
      { before: null, after: null, text: turn_separator },
    ],
    stops: [eos],
  }, context);
  return {
    ...turns,
    render: (example: Example): Rendered =>
      "prompt" in example ? renderPair(example, pair) : turns.render(example),
    prompt: (request: PromptRequest): Rendered =>
      "prompt" in request
        ? renderPair({ ...request, completion: null }, pair)
        : turns.prompt(request),
  };
}

/** A prompt, behind its system prompt where it has one, the separator, and the completion. */
function renderPair(
  pair: { system?: string; prompt: string; completion: string | null },
  { eos, system_separator, completion_separator }: {
    readonly eos: string;
    readonly system_separator: string;
    readonly completion_separator: string;
  },
): Rendered {
  const writer = new SpanWriter();
  const label = { kind: "content", weight: 1 } as const;
  if (pair.system !== undefined) {
    writer.span(pair.system, {
      ...label,
      role: "system",
      message: 0,
      generated: false,
    });
    writer.write(system_separator);
  }
  writer.span(pair.prompt, {
    ...label,
    role: "prompt",
    message: 0,
    generated: false,
  });
  writer.write(completion_separator);
  if (pair.completion !== null) {
    const answer = {
      ...label,
      role: "completion",
      message: 1,
      generated: true,
    } as const;
    const [body, end] = splitEnd(pair.completion, eos);
    writer.span(body, answer);
    writer.span(end, { ...answer, kind: "end" });
  }
  return writer.finish();
}
