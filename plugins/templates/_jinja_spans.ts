/**
 * Finds in a rendered conversation what each message wrote, and what of it the model writes itself at
 * inference: from where the generation prompt ends to the end marker of the turn.
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
import { isGeneration, messageOf, type Traced } from "./jinja/traced.ts";
import { messageLabels } from "./_render.ts";

/** What closes an assistant's turn; "" where the template writes nothing. */
export interface EndMarkers {
  /** At the end of the conversation. */
  readonly last: string;
  /** Where another turn follows. */
  readonly inner: string;
}

/** What must be known of a template beside the rendering. */
export interface SpanContext {
  readonly markers: EndMarkers;
  /**
   * How many characters of the template's own text before `start`, where message `index` begins, the
   * model writes itself. `literal` is that text, back to what another message wrote.
   */
  lead(index: number, start: number, literal: string): number;
}

/** A stretch that one message wrote. Empty where only its place is known. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly message: number;
}

/** The spans of a rendering. Throws `DataError` where `{% generation %}` covers other turns. */
export function findSpans(
  rendered: Traced,
  messages: readonly Message[],
  context: SpanContext,
): TextSpan[] {
  const pieces = piecesOf(rendered);
  const generation = generationRanges(rendered);
  const finder = new SpanFinder(rendered.text, messages, pieces, context);
  const spans = generation.length > 0
    ? finder.marked(generation)
    : messages.flatMap((_, i) => finder.traced(i));
  return spans.sort((a, b) => a.start - b.start || a.end - b.end);
}

function piecesOf(rendered: Traced): Piece[] {
  const written: Piece[] = [];
  const marks: Piece[] = [];
  let start = 0;
  for (const { end, tag } of rendered.runs) {
    const message = messageOf(tag);
    if (message !== null) {
      const last = written.at(-1);
      if (end === start) marks.push({ start, end, message });
      else if (last?.message === message && last.end === start) {
        written[written.length - 1] = { ...last, end };
      } else written.push({ start, end, message });
    }
    start = end;
  }
  // a mark counts only for a message that wrote nothing
  const wrote = new Set(written.map(({ message }) => message));
  return [...written, ...marks.filter(({ message }) => !wrote.has(message))]
    .sort((a, b) => a.start - b.start || a.end - b.end);
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
    text: string,
    messages: readonly Message[],
    pieces: readonly Piece[],
    context: SpanContext,
  ) {
    this.#text = text;
    this.#messages = messages;
    this.#pieces = pieces;
    this.#context = context;
  }

  /** Spans of a message, from where its characters are. */
  traced(index: number): TextSpan[] {
    const message = this.#messages[index];
    const labels = messageLabels(message, index);
    const own = this.#pieces.filter((piece) => piece.message === index);
    if (own.length === 0) return []; // the template does not write it
    const first = this.#pieces.indexOf(own[0]);
    const last = this.#pieces.indexOf(own[own.length - 1]);
    if (message.role !== "assistant" || last - first + 1 !== own.length) {
      const spans = own.map(({ start, end }) => ({
        start,
        end,
        ...labels.content,
      }));
      const { end } = own[own.length - 1];
      const marker = this.#context.markers.inner;
      const closed = marker !== "" && this.#text.startsWith(marker, end);
      const close = { start: end, end: end + marker.length, ...labels.end };
      return (closed ? [...spans, close] : spans).filter((span) =>
        span.end > span.start
      );
    }
    const before = first === 0 ? 0 : this.#pieces[first - 1].end;
    const literal = this.#text.slice(before, own[0].start);
    const start = own[0].start -
      Math.min(
        literal.length,
        this.#context.lead(index, own[0].start, literal),
      );
    const [contentEnd, end] = this.#closing(
      own[own.length - 1].end,
      last,
      index,
    );
    return [
      { start, end: contentEnd, ...labels.content },
      { start: contentEnd, end, ...labels.end },
    ].filter((span) => span.end > span.start);
  }

  /** Where the content of an assistant's turn ends, and its marker. */
  #closing(written: number, piece: number, index: number): [number, number] {
    const next = this.#pieces[piece + 1]?.start ?? this.#text.length;
    const { last, inner } = this.#context.markers;
    const marker = index === this.#messages.length - 1 ? last : inner;
    const at = marker === ""
      ? -1
      : this.#text.slice(written, next).indexOf(marker);
    if (at >= 0) return [written + at, written + at + marker.length];
    // content may bring the marker itself
    const brought = marker !== "" &&
      this.#text.slice(0, written).endsWith(marker);
    return [brought ? written - marker.length : written, written];
  }

  /** Spans where the template says itself what the model writes. */
  marked(ranges: readonly { start: number; end: number }[]): TextSpan[] {
    const spans: TextSpan[] = [];
    const covered = new Set<number>();
    for (const { start, end } of ranges) {
      const inside = this.#pieces.filter((piece) =>
        piece.start < end && piece.end > start ||
        (piece.start === piece.end && piece.start >= start && piece.end <= end)
      );
      const foreign = inside.find(({ message }) =>
        this.#messages[message].role !== "assistant"
      );
      if (foreign !== undefined && foreign.end > foreign.start) {
        throw new DataError(
          `The chat template's {% generation %} covers message ${foreign.message} ` +
            `(role ${
              this.#messages[foreign.message].role
            }), which the model does not write; put it around what the assistant says alone`,
        );
      }
      const own = inside.filter((piece) => piece !== foreign);
      const index = own[0]?.message ??
        this.#pieces.findLast((piece) => piece.end <= start)?.message ?? 0;
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

/** What looks like a special token that ends a turn. */
const SPECIAL =
  /<\|[^<>|\s]+\|>|<｜[^<>｜]+｜>|<end_of_turn>|<turn\|>|<\/s>|<eos>/;
/** What may be one, where nothing else does. */
const TAG = /<\/?[A-Za-z_][\w-]*>|\[\/?[A-Z_]+\]/;

/** The marker at the start of what follows an answer: up to and including its first special token. */
export function markerOf(following: string, eos: string | null): string {
  const ends: number[] = [];
  const special = SPECIAL.exec(following);
  if (special !== null) ends.push(special.index + special[0].length);
  if (eos !== null && eos !== "" && following.includes(eos)) {
    ends.push(following.indexOf(eos) + eos.length);
  }
  const tag = ends.length === 0 ? TAG.exec(following) : null;
  if (tag !== null) ends.push(tag.index + tag[0].length);
  return ends.length === 0 ? "" : following.slice(0, Math.min(...ends));
}
