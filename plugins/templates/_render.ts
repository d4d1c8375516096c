/**
 * What templates have in common: collecting text with its spans, and examples that are no conversation.
 * @module
 */
import type {
  Example,
  Message,
  PromptRequest,
  Rendered,
  TextSpan,
} from "@denotune/denotune/core";

/** What a span says beside its place. */
export type SpanLabel = Omit<TextSpan, "start" | "end">;

/** Writes text and remembers spans. Empty spans are left out. */
export class SpanWriter {
  readonly #parts: string[] = [];
  readonly #spans: TextSpan[] = [];
  #length = 0;

  /** Writes scaffolding: tags and separators. */
  write(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  /** Writes text of a span. */
  span(text: string, label: SpanLabel): void {
    const start = this.#length;
    this.write(text);
    if (text !== "") this.#spans.push({ start, end: this.#length, ...label });
  }

  /** What was written; the tokenizer adds its own BOS. */
  finish(): Rendered {
    return { text: this.#parts.join(""), spans: this.#spans, addBos: true };
  }
}

/** Labels of what is said in a message, and of the marker that closes it. */
export function messageLabels(
  message: Message,
  index: number,
): { content: SpanLabel; end: SpanLabel } {
  const label = {
    role: message.role,
    message: index,
    generated: message.role === "assistant",
    weight: message.weight ?? 1,
  };
  return {
    content: { ...label, kind: "content" },
    end: { ...label, kind: "end" },
  };
}

/** Plain text, with the end marker unless it is there already. */
export function renderText(text: string, end: string): Rendered {
  const label = {
    role: "text",
    message: 0,
    generated: true,
    weight: 1,
  } as const;
  const writer = new SpanWriter();
  const [body, marker] = splitEnd(text, end);
  writer.span(body, { ...label, kind: "content" });
  writer.span(marker, { ...label, kind: "end" });
  return writer.finish();
}

/** A text and its end marker: one that the text already has is not written twice. */
export function splitEnd(text: string, end: string): [string, string] {
  return end !== "" && text.endsWith(end)
    ? [text.slice(0, -end.length), end]
    : [text, end];
}

/** An example as turns: a prompt is what the user says, a completion the answer. */
export function asMessages(
  example: Exclude<Example, { text: string }>,
): readonly Message[] {
  return "messages" in example
    ? example.messages
    : [...promptMessages(example), {
      role: "assistant",
      content: example.completion,
    }];
}

/** The prompt of an answer, as turns. */
export function promptMessages(request: PromptRequest): readonly Message[] {
  if ("messages" in request) return request.messages;
  const { prompt, system } = request;
  return [
    ...(system === undefined
      ? []
      : [{ role: "system", content: system } as const]),
    { role: "user", content: prompt },
  ];
}

/** Renames the roles of an example that was written as turns; a system prompt stays one. */
export function asPrompt(rendered: Rendered): Rendered {
  return {
    ...rendered,
    spans: rendered.spans.map((span) =>
      span.role === "assistant"
        ? { ...span, role: "completion", message: 1 }
        : {
          ...span,
          role: span.role === "user" ? "prompt" : span.role,
          message: 0,
        }
    ),
  };
}
