/**
 * Lines that stay, and one line at the bottom that moves. Lines go to stdout, the moving line to stderr, so
 * that a redirected stdout holds only what is worth keeping; on one terminal the two do not collide.
 * @module
 */
import { isOutputGone, wrapText, writeText } from "@denotune/denotune/core";

/** Where text goes. */
export interface Sink {
  write(text: string): void;
  /** Width in places, or null: not a terminal. */
  columns(): number | null;
}

/** Two sinks and what is known of them. */
export interface Streams {
  readonly out: Sink;
  readonly err: Sink;
  /** Whether colours were refused (`NO_COLOR`). */
  readonly plain: boolean;
}

/** The streams of this process. */
export function processStreams(): Streams {
  return {
    out: sinkOf(Deno.stdout),
    err: sinkOf(Deno.stderr),
    plain: Deno.noColor,
  };
}

function sinkOf(
  stream: { writeSync(bytes: Uint8Array): number; isTerminal(): boolean },
): Sink {
  return {
    write(text) {
      try {
        writeText(stream, text);
      } catch (error) {
        // nobody reads any more (a closed pipe or terminal): the run itself continues
        if (!isOutputGone(error)) throw error;
      }
    },
    columns() {
      if (!stream.isTerminal()) return null;
      try {
        return Deno.consoleSize().columns;
      } catch {
        return 80; // a terminal that does not know its size
      }
    },
  };
}

const ERASE = "\r\u001b[K";

/** Colours by meaning. */
const STYLES = {
  bold: "1",
  dim: "2",
  good: "32",
  warning: "33",
  bad: "31",
  accent: "36",
} as const;

/** A style. */
export type Style = keyof typeof STYLES;

/** Writes lines and the moving line. */
export class Terminal {
  readonly #streams: Streams;
  #moving = false;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** Whether there is a terminal for the moving line. */
  get movable(): boolean {
    return this.#streams.err.columns() !== null;
  }

  /** Width for the moving line, in places. */
  get width(): number {
    return this.#streams.err.columns() ?? 80;
  }

  /** Width for lines that stay. */
  get lineWidth(): number {
    return this.#streams.out.columns() ?? 100;
  }

  /** A styled text for lines that stay; plain where colours are off or stdout is no terminal. */
  style(style: Style, text: string): string {
    return this.#streams.plain || this.#streams.out.columns() === null
      ? text
      : `\u001b[${STYLES[style]}m${text}\u001b[0m`;
  }

  /** Writes a line that stays, broken between words where the terminal is narrower. */
  line(text: string): void {
    this.clear();
    const columns = this.#streams.out.columns();
    this.#streams.out.write(
      `${columns === null ? text : wrapText(text, columns)}\n`,
    );
  }

  /** Shows the moving line in place of the last one. */
  move(text: string): void {
    if (!this.movable) return;
    this.#streams.err.write(ERASE + text);
    this.#moving = true;
  }

  /** Takes the moving line away. */
  clear(): void {
    if (!this.#moving) return;
    this.#streams.err.write(ERASE);
    this.#moving = false;
  }
}
