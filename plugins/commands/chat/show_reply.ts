/**
 * An answer on a terminal, or in a pipe, while it is written: thoughts and tool calls apart from the rest.
 * @module
 */
import {
  harmless,
  type Outputs,
  type ReplyPiece,
  type ToolCall,
  wrapText,
} from "@denotune/denotune/core";
import { MarkdownWriter, type Screen } from "./markdown.ts";

/** Shows one answer. */
export interface ReplyView {
  show(pieces: readonly ReplyPiece[]): void;
  /** Ends the answer with a newline. */
  end(): void;
}

/** Shows an answer to a person. */
export class TerminalReply implements ReplyView {
  readonly #screen: Screen;
  #writer: MarkdownWriter | null = null;
  #kind: ReplyPiece["kind"] | null = null;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  show(pieces: readonly ReplyPiece[]): void {
    for (const piece of pieces) {
      if (piece.kind !== this.#kind) this.#begin(piece.kind);
      if (piece.kind === "tool-call") {
        this.#screen.write(
          `${
            wrapText(
              `${this.#screen.style("warning", "tool call")}  ${
                harmless(callText(piece.call))
              }`,
              this.#screen.width,
            )
          }\n`,
        );
      } else this.#writer?.push(harmless(piece.text));
    }
  }

  end(): void {
    this.#close();
    this.#kind = null;
  }

  #begin(kind: ReplyPiece["kind"]): void {
    const before = this.#kind;
    this.#close();
    this.#kind = kind;
    if (before !== null && (before !== "content" || kind === "tool-call")) {
      this.#screen.write("\n");
    }
    if (kind === "tool-call") return;
    const { write, style } = this.#screen;
    const screen = this.#screen;
    this.#writer = new MarkdownWriter(
      kind === "content" ? screen : {
        get width() {
          return screen.width;
        },
        color: false, // one style for all of it
        style: (_, text) => text,
        write: (text) => write(/^\n *$/.test(text) ? text : style("dim", text)),
      },
    );
    if (kind === "thinking") write(`${style("dim", "thinking")}\n`);
  }

  #close(): void {
    if (this.#writer === null) return;
    this.#writer.end();
    if (this.#writer.isWithinLine) this.#screen.write("\n");
    this.#writer = null;
  }
}

/** Shows an answer to a program: the text as it is; thoughts go to the other output. */
export class PlainReply implements ReplyView {
  readonly #outputs: Outputs;
  #thought = false;

  constructor(outputs: Outputs) {
    this.#outputs = outputs;
  }

  show(pieces: readonly ReplyPiece[]): void {
    const { out, err } = this.#outputs;
    for (const piece of pieces) {
      if (piece.kind === "thinking") {
        err.write(harmless(piece.text));
        this.#thought = true;
        continue;
      }
      if (this.#thought) err.line();
      this.#thought = false;
      if (piece.kind === "tool-call") {
        out.line(`tool call  ${harmless(callText(piece.call))}`);
      } else out.write(harmless(piece.text));
    }
  }

  end(): void {
    if (this.#thought) this.#outputs.err.line();
    this.#outputs.out.line();
  }
}

/** A call as a line: `weather({"city":"Paris"})`. */
function callText(
  { function: { name, arguments: values } }: ToolCall,
): string {
  return `${name}(${
    typeof values === "string" ? values : JSON.stringify(values)
  })`;
}
