/**
 * Finds in a rendered conversation what each message wrote, and what of it the model writes itself at
 * inference: from where the generation prompt ends to the first token that another role writes or that
 * generation stops at.
 *
 * ```text
 * <|im_start|>assistant\n<tool_call>\n{"name": "now"}\n</tool_call><|im_end|>\n
 *                                              ^^^                              written by the message
 *                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^              content
 *                                                                 ^^^^^^^^^^    end
 * ```
 * @module
 */
import {
  DataError,
  type Message,
  type TextSpan,
} from "@denotune/denotune/core";
import { AssistantTurn, type TurnContext } from "./assistant_turn.ts";
import { isGeneration, type Traced } from "../jinja/traced.ts";
import { messageLabels } from "../_render.ts";
import { type Piece, piecesOf } from "./pieces.ts";

/** What must be known of a template beside the rendering. */
export interface SpanContext extends Omit<TurnContext, "prompt" | "history"> {
  /** What the template writes before message `index`, with or without generation prompt; null where it refuses to. */
  before(index: number, prompt: boolean): Traced | null;
}

/** The spans of a rendering. Throws `DataError` where `{% generation %}` covers other turns. */
export function findSpans(
  rendered: Traced,
  messages: readonly Message[],
  context: SpanContext,
): TextSpan[] {
  const finder = new SpanFinder(rendered, messages, context);
  const generation = generationRanges(rendered);
  const spans = generation.length > 0
    ? finder.marked(generation)
    : messages.flatMap((_, i) => finder.traced(i));
  return apart(spans.sort((a, b) => a.start - b.start || a.end - b.end));
}

/** The spans without what another one covers already. */
function apart(spans: readonly TextSpan[]): TextSpan[] {
  let done = 0;
  return spans.flatMap((span) => {
    const start = Math.max(span.start, done);
    if (start >= span.end) return [];
    done = span.end;
    return [{ ...span, start }];
  });
}

function generationRanges(rendered: Traced): { start: number; end: number }[] {
  const ranges: { start: number; end: number }[] = [];
  let start = 0;
  for (const { end, tag } of rendered.runs) {
    const last = ranges.at(-1);
    if (isGeneration(tag) && end > start) {
      if (last?.end === start) {
        ranges[ranges.length - 1] = { start: last.start, end };
      } else ranges.push({ start, end });
    }
    start = end;
  }
  return ranges;
}

class SpanFinder {
  readonly #text: string;
  readonly #messages: readonly Message[];
  readonly #pieces: readonly Piece[];
  readonly #context: SpanContext;

  constructor(
    rendered: Traced,
    messages: readonly Message[],
    context: SpanContext,
  ) {
    this.#text = rendered.text;
    this.#messages = messages;
    this.#pieces = piecesOf(rendered);
    this.#context = context;
  }

  /** Spans of a message, from where its characters are. */
  traced(index: number): TextSpan[] {
    const message = this.#messages[index];
    const labels = messageLabels(message, index);
    if (message.role === "assistant") {
      const turn = new AssistantTurn(this.#text, this.#pieces, index, {
        ...this.#context,
        prompt: () => this.#context.before(index, true),
        history: () => this.#context.before(index, false),
      });
      return turn.stretches().map(({ start, end, kind }) => ({
        start,
        end,
        ...labels[kind],
      }));
    }
    const own = this.#pieces.filter((piece) =>
      piece.message === index && piece.end > piece.start
    );
    const spans = own.map(({ start, end }) => ({
      start,
      end,
      ...labels.content,
    }));
    const last = own.at(-1);
    const marker = this.#context.markers.inner;
    if (
      last === undefined || marker === "" ||
      !this.#text.startsWith(marker, last.end)
    ) return spans;
    const close = { start: last.end, end: last.end + marker.length };
    return [...spans, { ...close, ...labels.end }];
  }

  /** The message in whose turn a range was written; undefined where no loop shows it. */
  #turnIn(start: number, end: number): number | undefined {
    return this.#pieces.find((piece) =>
      piece.turn !== null && piece.start < end && piece.end > start
    )?.turn ?? undefined;
  }

  /** Spans where the template says itself what the model writes. */
  marked(ranges: readonly { start: number; end: number }[]): TextSpan[] {
    const spans: TextSpan[] = [];
    const covered = new Set<number>();
    for (const { start, end } of ranges) {
      const inside = this.#pieces.filter((piece) =>
        piece.message !== null &&
        (piece.start < end && piece.end > start ||
          (piece.start === piece.end && piece.start >= start &&
            piece.end <= end))
      );
      const foreign = inside.find(({ message }) =>
        message !== null && this.#messages[message].role !== "assistant"
      );
      if (foreign !== undefined && foreign.end > foreign.start) {
        throw new DataError(
          `The chat template's {% generation %} covers message ${foreign.message} ` +
            `(role ${
              this.#messages[foreign.message ?? 0].role
            }), which the model does not write; put it around what the assistant says alone`,
        );
      }
      const own = inside.filter((piece) => piece !== foreign);
      const index = own[0]?.message ?? this.#turnIn(start, end) ??
        this.#pieces.findLast((piece) =>
          piece.message !== null && piece.end <= start
        )?.message ?? 0;
      const labels = messageLabels(this.#messages[index], index);
      covered.add(index);
      const written = own.at(-1)?.end ?? start;
      const isLast = index === this.#messages.length - 1;
      const marker = isLast
        ? this.#context.markers.last
        : this.#context.markers.inner;
      const at = marker === ""
        ? -1
        : this.#text.slice(written, end).indexOf(marker);
      const contentEnd = at < 0 ? end : written + at;
      spans.push(
        { start, end: contentEnd, ...labels.content, generated: true },
        { start: contentEnd, end, ...labels.end, generated: true },
      );
    }
    for (let i = 0; i < this.#messages.length; i++) {
      if (covered.has(i)) continue;
      spans.push(
        ...this.traced(i).map((span) => ({ ...span, generated: false })),
      );
    }
    return spans.filter((span) => span.end > span.start);
  }
}
