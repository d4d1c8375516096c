/**
 * Markdown made readable on a terminal while it is written: words are given as soon as they are whole, lines are broken
 * between words and continue under their text.
 *
 * ```text
 * - **Paris** is the capital of        `- ` stays, bold is shown as bold,
 *   France                             and the line continues under "Paris"
 * ```
 * @module
 */
import { columnsOf, type Output } from "@denotune/denotune/core";

/** What a terminal offers to a writer of markdown. */
export type Screen = Pick<Output, "write" | "style" | "color" | "width">;

/** Columns that a text needs, so that lines are not broken into single words. */
const LEAST_COLUMNS = 20;

/** Writes one answer. */
export class MarkdownWriter {
  readonly #screen: Screen;
  /** Text of which more may come: a word, or the beginning of a line. */
  #held = "";
  #column = 0;
  /** Where the lines that continue this one begin. */
  #indent = 0;
  #atLineStart = true;
  #inFence = false;
  #isHeading = false;
  #isBold = false;
  #isCode = false;
  /** Spaces that come before the next word, unless the line is broken there. */
  #gap = "";

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Adds text of the answer, without control characters. */
  push(text: string): void {
    this.#held += text.replaceAll("\t", "    ");
    this.#write(false);
  }

  /** Writes what was held back. */
  end(): void {
    this.#write(true);
  }

  /** Whether the last line has no end yet. */
  get isWithinLine(): boolean {
    return this.#column > 0;
  }

  #write(isEnd: boolean): void {
    while (this.#held !== "") {
      const newline = this.#held.indexOf("\n");
      if (this.#inFence || (this.#atLineStart && this.#held.startsWith("`"))) {
        // lines of code are given whole: their end says whether they are a fence
        if (newline < 0 && !isEnd) return;
        const line = newline < 0 ? this.#held : this.#held.slice(0, newline);
        if (this.#inFence || /^ {0,3}```/.test(line)) {
          this.#codeLine(line, newline >= 0);
          this.#held = newline < 0 ? "" : this.#held.slice(newline + 1);
          continue;
        }
      }
      if (newline === 0) {
        this.#newline();
        this.#held = this.#held.slice(1);
        continue;
      }
      const rest = newline < 0 ? this.#held : this.#held.slice(0, newline);
      if (this.#atLineStart) {
        // long enough to hold any beginning: `   10. `, `### `
        if (newline < 0 && !isEnd && !/^ *\S+ +\S/.test(rest)) return;
        this.#held = this.#held.slice(this.#startLine(rest));
        continue;
      }
      const word = /^( *)(\S+)(?=\s)/.exec(this.#held) ??
        (isEnd || newline >= 0 ? /^( *)(\S*)/.exec(rest) : null);
      if (word === null) return;
      const [all, gap, text] = word;
      if (text === "" && newline < 0 && !isEnd) return;
      this.#gap += gap;
      if (text !== "") this.#word(text);
      this.#held = this.#held.slice(all.length);
      if (all === "") return;
    }
  }

  /** Begins a line; gives how many characters of it were its mark. */
  #startLine(line: string): number {
    this.#atLineStart = false;
    const [mark] = /^ *(?:(?:[-*+]|\d{1,3}[.)]) +|(?:> ?)+)?/.exec(line) ??
      [""];
    this.#indent = Math.min(columnsOf(mark), this.#widest() - LEAST_COLUMNS);
    if (mark !== "") {
      this.#screen.write(mark);
      this.#column = columnsOf(mark);
    }
    this.#isHeading = /^#{1,6} /.test(line);
    return mark.length;
  }

  #widest(): number {
    return Math.max(LEAST_COLUMNS, this.#screen.width - 1);
  }

  #word(text: string): void {
    const styled = this.#styled(text);
    const width = columnsOf(styled);
    const isFirst = this.#column <= this.#indent;
    if (
      !isFirst && this.#column + this.#gap.length + width > this.#widest()
    ) {
      this.#screen.write(`\n${" ".repeat(Math.max(0, this.#indent))}`);
      this.#column = Math.max(0, this.#indent);
      this.#gap = "";
    }
    this.#screen.write(this.#gap + styled);
    this.#column += this.#gap.length + width;
    this.#gap = "";
  }

  /** A word in its styles. Where there are no colours, the marks stay. */
  #styled(text: string): string {
    if (!this.#screen.color) return text;
    let out = "";
    for (const piece of text.split(/(\*\*|`+)/)) {
      if (piece === "**" && !this.#isCode) {
        this.#isBold = !this.#isBold;
      } else if (/^`+$/.test(piece)) {
        if (piece.length === 1) this.#isCode = !this.#isCode;
        else out += piece;
      } else if (piece !== "") {
        out += this.#isCode
          ? this.#screen.style("good", piece)
          : this.#isBold || this.#isHeading
          ? this.#screen.style("bold", piece)
          : piece;
      }
    }
    return out;
  }

  /** Lines of code are not broken: they are there to be copied. */
  #codeLine(line: string, isWhole: boolean): void {
    const isFence = /^ {0,3}```/.test(line);
    this.#screen.write(
      this.#screen.style(isFence ? "dim" : "good", line),
    );
    if (isFence) this.#inFence = !this.#inFence;
    this.#column = columnsOf(line);
    if (isWhole) this.#newline();
  }

  #newline(): void {
    this.#screen.write("\n");
    this.#column = 0;
    this.#indent = 0;
    this.#gap = "";
    this.#atLineStart = true;
    this.#isHeading = false;
    // marks that a line leaves open were no marks
    this.#isBold = false;
    this.#isCode = false;
  }
}
