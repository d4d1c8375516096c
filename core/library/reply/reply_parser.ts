/**
 * Takes an answer apart while it is written: thoughts, tool calls, and the rest.
 * @module
 */
import type { Message, ToolCall } from "../../contracts/format.ts";
import type { CallMarks, ReplyMarks } from "./marks.ts";
import { jsonCalls } from "./read_calls.ts";

/** A piece of an answer. */
export type ReplyPiece =
  | { readonly kind: "content" | "thinking"; readonly text: string }
  | { readonly kind: "tool-call"; readonly call: ToolCall };

/** Where in an answer the parser is. */
type Place =
  | { readonly in: "content" }
  | { readonly in: "thinking"; readonly open: string; readonly close: string }
  | { readonly in: "call"; readonly marks: CallMarks };

const CONTENT: Place = { in: "content" };

/**
 * Takes one answer apart. What may be the beginning of a mark is held back; a call that cannot be read is content, its
 * marks included, so that nothing is lost.
 */
export class ReplyParser {
  readonly #marks: ReplyMarks;
  readonly #bare: boolean;
  #place: Place = CONTENT;
  #held = "";
  /** Whether newlines that come next separate the content from thoughts or a call before it. */
  #dropsNewlines = false;
  /** Whether nothing but spaces has come so far. */
  #isStart = true;
  #content = "";
  #thinking = "";
  readonly #calls: ToolCall[] = [];

  /** `prompt`: the text that the answer continues; it may end within thoughts. `tools`: whether the model has any. */
  constructor(
    marks: ReplyMarks,
    { prompt = "", tools = false }: { prompt?: string; tools?: boolean } = {},
  ) {
    this.#marks = marks;
    this.#bare = marks.bareCalls && tools;
    const end = prompt.trimEnd();
    const thoughts = marks.thoughts.find(({ open }) => end.endsWith(open));
    if (thoughts !== undefined) this.#enter({ in: "thinking", ...thoughts });
  }

  /** Adds text; gives what is certain. */
  push(text: string): ReplyPiece[] {
    this.#held += text;
    return this.#read(false);
  }

  /** The end of the answer: gives what was held back. */
  end(): ReplyPiece[] {
    return this.#read(true);
  }

  /** The turn that was read so far. */
  get message(): Message {
    return {
      role: "assistant",
      content: this.#content,
      ...(this.#thinking === ""
        ? {}
        : { reasoning_content: this.#thinking.trimEnd() }),
      ...(this.#calls.length === 0 ? {} : { tool_calls: [...this.#calls] }),
    };
  }

  #read(isEnd: boolean): ReplyPiece[] {
    const pieces: ReplyPiece[] = [];
    while (this.#step(pieces, isEnd));
    return pieces;
  }

  /** Reads up to the next mark; false where there is none yet. */
  #step(pieces: ReplyPiece[], isEnd: boolean): boolean {
    const place = this.#place;
    if (place.in === "call") return this.#readCall(place.marks, pieces, isEnd);
    if (place.in === "thinking") {
      return this.#readThinking(place.close, pieces, isEnd);
    }
    return this.#readContent(pieces, isEnd);
  }

  #readThinking(close: string, pieces: ReplyPiece[], isEnd: boolean): boolean {
    const at = this.#held.indexOf(close);
    if (at >= 0) {
      this.#think(this.#held.slice(0, at).trimEnd(), pieces);
      this.#held = this.#held.slice(at + close.length);
      this.#enter(CONTENT);
      return true;
    }
    const kept = isEnd ? 0 : heldBack(this.#held, [close]);
    const certain = this.#held.slice(0, this.#held.length - kept);
    // newlines before the mark are no thought; until it comes, or more text, they wait
    const sure = isEnd ? certain : certain.trimEnd();
    this.#think(sure, pieces);
    this.#held = this.#held.slice(sure.length);
    return false;
  }

  #readContent(pieces: ReplyPiece[], isEnd: boolean): boolean {
    if (this.#isStart && this.#bare && /^\s*\{/.test(this.#held)) {
      return this.#readBare(pieces, isEnd);
    }
    const { thoughts, calls } = this.#marks;
    const next = [...thoughts, ...calls]
      .map((marks) => ({ marks, at: this.#held.indexOf(marks.open) }))
      .filter(({ at }) => at >= 0)
      .reduce<{ marks: Opening; at: number } | null>(
        (first, one) => first === null || one.at < first.at ? one : first,
        null,
      );
    if (next !== null) {
      const { marks, at } = next;
      const before = this.#held.slice(0, at);
      this.#say(/^\s*$/.test(before) ? "" : before.trimEnd(), pieces);
      this.#held = this.#held.slice(at + marks.open.length);
      this.#enter(
        "read" in marks ? { in: "call", marks } : { in: "thinking", ...marks },
      );
      return true;
    }
    const opens = [...thoughts, ...calls].map(({ open }) => open);
    const kept = isEnd ? 0 : heldBack(this.#held, opens);
    const certain = this.#held.slice(0, this.#held.length - kept);
    const isSpace = /^\s*$/.test(certain);
    // spaces at the start, and at the end so far, are none where a mark follows
    const sure = isEnd || opens.length === 0
      ? certain
      : this.#isStart && isSpace && !this.#dropsNewlines
      ? ""
      : certain.trimEnd();
    this.#say(sure, pieces);
    this.#held = this.#held.slice(sure.length);
    return false;
  }

  /** An answer that begins as JSON does may be a call without marks: its end tells. */
  #readBare(pieces: ReplyPiece[], isEnd: boolean): boolean {
    if (!isEnd) return false;
    // several calls are written one behind the other, with ; between them
    const calls = jsonCalls(this.#held) ??
      jsonCalls(`[${this.#held.replace(/\}\s*;\s*\{/g, "},{")}]`);
    if (calls === null) this.#say(this.#held, pieces);
    else this.#take(calls, pieces);
    this.#held = "";
    return false;
  }

  #readCall(marks: CallMarks, pieces: ReplyPiece[], isEnd: boolean): boolean {
    const end = marks.close ?? marks.open;
    const at = this.#held.indexOf(end);
    if (at < 0 && !isEnd) return false;
    const inside = at < 0 ? this.#held : this.#held.slice(0, at);
    const calls = marks.read(inside);
    if (calls !== null) this.#take(calls, pieces);
    const closing = at < 0 ? "" : end;
    this.#held = at < 0 ? "" : this.#held.slice(at + end.length);
    this.#enter(CONTENT);
    if (calls === null) {
      this.#dropsNewlines = false;
      this.#say(
        `${marks.open}${inside}${marks.close === null ? "" : closing}`,
        pieces,
      );
    }
    // without a closing mark the next call's opening one was the end
    if (at >= 0 && marks.close === null) this.#enter({ in: "call", marks });
    return at >= 0;
  }

  #enter(place: Place): void {
    this.#place = place;
    this.#dropsNewlines = true;
    this.#isStart = false;
  }

  #think(text: string, pieces: ReplyPiece[]): void {
    const said = this.#withoutNewlines(text);
    if (said === "") return;
    this.#thinking += said;
    pieces.push({ kind: "thinking", text: said });
  }

  #say(text: string, pieces: ReplyPiece[]): void {
    const said = this.#withoutNewlines(text);
    if (said === "") return;
    this.#isStart = false;
    this.#content += said;
    pieces.push({ kind: "content", text: said });
  }

  #take(calls: readonly ToolCall[], pieces: ReplyPiece[]): void {
    this.#calls.push(...calls);
    for (const call of calls) pieces.push({ kind: "tool-call", call });
  }

  #withoutNewlines(text: string): string {
    if (!this.#dropsNewlines) return text;
    const rest = text.trimStart();
    if (rest !== "") this.#dropsNewlines = false;
    return rest;
  }
}

type Opening = ReplyMarks["thoughts"][number] | CallMarks;

/** Length of the longest end of a text that begins one of the marks. */
function heldBack(text: string, marks: readonly string[]): number {
  let held = 0;
  for (const mark of marks) {
    for (let n = Math.min(mark.length - 1, text.length); n > held; n--) {
      if (text.endsWith(mark.slice(0, n))) held = n;
    }
  }
  return held;
}
