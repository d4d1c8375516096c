/**
 * What of a rendered conversation the model writes in one turn, where the template does not say so
 * itself with `{% generation %}`.
 *
 * ```text
 * ...<|im_start|>assistant\n<think>\nhm\n</think>\nHi<|im_end|>\n<|im_start|>user...
 *    ^ the turn begins                                          ^ another turn begins
 *                                   ^ the message's own text ^
 *    ^^^^^^^^^^^^^^^^^^^^^^^ the generation prompt
 *                           ^^^^^^^^^^^^^^^^^^^^^^^^^^ content
 *                                                     ^^^^^^^^^^ end: generation stops there
 * ```
 * @module
 */
import { endOfCommon, lastSpecial, lastTag, type Range } from "./lexemes.ts";
import type { Piece } from "./pieces.ts";
import { messageOf, NO_TURN, type Traced } from "../jinja/traced.ts";

/** What closes an assistant's turn; "" where the template writes no special token. */
export interface EndMarkers {
  /** At the end of the conversation. */
  readonly last: string;
  /** Where another turn follows. */
  readonly inner: string;
}

/** What must be known of a template to find where turns begin and end. */
export interface TurnContext {
  readonly markers: EndMarkers;
  /** Tokens at which generation stops: the tokenizer's end of sequence, and what the model's config lists. */
  readonly ends: readonly string[];
  /** Whether the markers are still being looked for: then any tag may be one. */
  readonly probing: boolean;
  /** What the template writes for `add_generation_prompt` after a question; null where it never does. */
  readonly opening: string | null;
  /** The prompt that the template writes before this turn; null where it refuses to. */
  prompt(): Traced | null;
  /** The same without `add_generation_prompt`. */
  history(): Traced | null;
}

/** A stretch of what the model writes. */
export interface Stretch extends Range {
  readonly kind: "content" | "end";
}

/** One turn of the assistant in a rendering. */
export class AssistantTurn {
  readonly #text: string;
  readonly #pieces: readonly Piece[];
  readonly #index: number;
  readonly #context: TurnContext;

  constructor(
    text: string,
    pieces: readonly Piece[],
    index: number,
    context: TurnContext,
  ) {
    this.#text = text;
    this.#pieces = pieces;
    this.#index = index;
    this.#context = context;
  }

  /** What the model writes, in order. Empty where the template leaves the message out. */
  stretches(): Stretch[] {
    const parts = this.#parts();
    return parts.flatMap((part, i) => {
      const own = part.pieces.filter(({ message }) => message === this.#index);
      // what it says again in another's turn (the number of a call, say) is a quotation
      if (i > 0 && own.length === 0) return [];
      const start = i === 0
        ? this.#start(part, own[0]?.start ?? part.end)
        : part.start;
      const written = Math.max(start, own.at(-1)?.end ?? start);
      const [content, end] = this.#close(part, written);
      const stretches: Stretch[] = [
        { start, end: content, kind: "content" },
        { start: content, end, kind: "end" },
      ];
      return stretches.filter((stretch) => stretch.end > stretch.start);
    });
  }

  /** The stretches of this turn that no other role interrupts. */
  #parts(): Part[] {
    const parts: Part[] = [];
    const inTurn = this.#pieces.some(({ turn }) => turn === this.#index);
    for (const piece of this.#pieces) {
      const own = piece.message === this.#index;
      const belongs = inTurn
        ? piece.turn === this.#index && (own || piece.message === null)
        : own && piece.turn === null;
      if (!belongs) continue;
      const last = parts.at(-1);
      if (last !== undefined && this.#together(last.end, piece.start)) {
        parts[parts.length - 1] = {
          ...last,
          end: Math.max(last.end, piece.end), // a mark is within other text
          pieces: [...last.pieces, piece],
        };
      } else parts.push({ ...piece, pieces: [piece], inTurn });
    }
    return inTurn ? parts : parts.map((part) => this.#widened(part));
  }

  /** Whether only the template's own text, of no other turn, is between two places. */
  #together(end: number, start: number): boolean {
    return this.#pieces.every((piece) =>
      piece.start < end || piece.end > start || piece.start === piece.end ||
      (piece.message === null && piece.turn === null)
    );
  }

  /** Where no loop shows whose turn it is: with the template's text up to what other messages wrote. */
  #widened(part: Part): Part {
    const isOther = ({ message, turn, start, end }: Piece): boolean =>
      end > start && (message ?? turn ?? this.#index) !== this.#index;
    const before = this.#pieces.findLast((piece) =>
      isOther(piece) && piece.end <= part.start
    );
    const after = this.#pieces.find((piece) =>
      isOther(piece) && piece.start >= part.end
    );
    return {
      ...part,
      start: before?.end ?? 0,
      end: after?.start ?? this.#text.length,
    };
  }

  /** Where the generation prompt ends. `written`: where the message's own text begins. */
  #start(part: Part, written: number): number {
    const prompt = this.#context.prompt();
    if (
      prompt !== null && this.#text.startsWith(prompt.text) &&
      prompt.text.length <= part.end
    ) return Math.max(prompt.text.length, this.#otherTurnsEnd(part.start));
    // the prompt is not what is there (thoughts were left out, say): find its last part in the turn
    const opening = prompt === null
      ? this.#context.opening
      : openingOf(prompt, this.#context.history());
    if (opening === null) return written;
    const header = this.#text.slice(part.start, written);
    const end = endOfCommon(opening, header);
    if (end !== null) return part.start + end;
    // nothing of it is there: the model writes the turn from its first character
    return part.inTurn ? part.start : written;
  }

  /** Where what other turns wrote before `start` ends. */
  #otherTurnsEnd(start: number): number {
    return this.#pieces.findLast((piece) =>
      piece.end <= start && piece.end > piece.start &&
      (piece.turn ?? piece.message ?? this.#index) !== this.#index
    )?.end ?? 0;
  }

  /** Where the content ends, and where what closes it does. */
  #close(part: Part, written: number): [number, number] {
    const rest = this.#text.slice(written, part.end);
    const stop = this.#stopIn(rest, part.inTurn);
    if (stop !== null) {
      const start = rest.slice(0, stop.start).trim() === "" ? 0 : stop.start;
      return [written + start, written + stop.end];
    }
    // it may be written by what comes next
    const outside = this.#text.slice(part.end);
    for (const marker of this.#known()) {
      const at = outside.indexOf(marker);
      if (at >= 0 && outside.slice(0, at).trim() === "") {
        // what closes a call, say, is the turn's own
        const start = rest.trim() === "" ? written : part.end;
        return [start, part.end + at + marker.length];
      }
    }
    const last = this.#text.slice(part.start, written);
    // content may bring it itself
    const brought = this.#known().find((marker) => last.endsWith(marker));
    if (brought !== undefined) return [written - brought.length, written];
    if (!part.inTurn) return [written, written];
    return rest.trim() === "" ? [written, part.end] : [part.end, part.end];
  }

  #known(): string[] {
    const { markers: { last, inner }, ends } = this.#context;
    return [last, inner, ...ends].filter((marker) => marker !== "");
  }

  /** What generation stops at, in the template's text behind what the message wrote. */
  #stopIn(rest: string, inTurn: boolean): Range | null {
    const known = this.#known().map((marker) => ({
      start: rest.indexOf(marker),
      length: marker.length,
    })).filter(({ start }) => start >= 0);
    if (known.length > 0) {
      const first = known.reduce((a, b) => b.start < a.start ? b : a);
      return { start: first.start, end: first.start + first.length };
    }
    if (!inTurn && !this.#context.probing) return null;
    const special = lastSpecial(rest);
    return special ?? (this.#context.probing ? lastTag(rest) : null);
  }
}

interface Part extends Range {
  readonly pieces: readonly Piece[];
  /** Whether a loop of the template shows where the turn begins and ends. */
  readonly inTurn: boolean;
}

/**
 * What a template writes for `add_generation_prompt`: what a prompt has more than the same conversation
 * without, or all that it writes outside of turns (it may close the turn before there).
 */
export function openingOf(prompt: Traced, history: Traced | null): string {
  const last = prompt.runs.findLast((run) =>
    run.turn !== NO_TURN || messageOf(run.tag) !== null
  );
  const outside = prompt.text.slice(last?.end ?? 0);
  if (history === null || !prompt.text.startsWith(history.text)) return outside;
  const more = prompt.text.slice(history.text.length);
  return more.length > outside.length ? more : outside;
}
