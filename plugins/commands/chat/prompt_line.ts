/**
 * Messages from a person at a terminal: a line editor with a history, and messages of several lines.
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";

/** Lines that are remembered. */
export const MOST_LINES = 1000;

/** Lines that come within so many milliseconds were pasted: nobody types as fast. */
const PASTE_MS = 15;

/** What a person did at the prompt. */
type Entered =
  /** Several lines, or a rest behind the last one, where text was pasted. */
  | {
    readonly kind: "lines";
    readonly lines: readonly string[];
    readonly rest: string;
  }
  | { readonly kind: "interrupt"; readonly wasEmpty: boolean }
  | { readonly kind: "end" };

/** How a message is asked for. */
export interface PromptOptions {
  /** What is written before the first line, and before the others. */
  readonly prompts: { readonly first: string; readonly next: string };
  /** Hears that one more Ctrl-C ends the program. */
  onInterrupt(): void;
  /** Receives each line, to be remembered. */
  onLine(line: string): void;
}

/** Asks for messages, until the person ends it. */
export class PromptLine {
  /** The newest first, as the line editor takes them. */
  readonly #history: string[];
  readonly #options: PromptOptions;

  /** `history`: lines of earlier sessions, the oldest first. */
  constructor(history: readonly string[], options: PromptOptions) {
    this.#history = history.slice(-MOST_LINES).reverse();
    this.#options = options;
  }

  /** The next message; null: the person ends the conversation (Ctrl-D, or Ctrl-C twice). */
  async message(): Promise<string | null> {
    const message = new MessageLines();
    const { prompts, onInterrupt } = this.#options;
    let rest = "";
    for (let interrupts = 0; interrupts < 2;) {
      const prompt = message.isEmpty ? prompts.first : prompts.next;
      const entered = await this.#enter(prompt, rest);
      rest = "";
      if (entered.kind === "end") return null;
      if (entered.kind === "interrupt") {
        // with something on the line it takes that away, as in a shell
        interrupts = entered.wasEmpty && message.isEmpty ? interrupts + 1 : 0;
        message.clear();
        if (interrupts === 1) onInterrupt();
        continue;
      }
      interrupts = 0;
      rest = entered.rest;
      const isPasted = entered.lines.length > 1 || rest !== "";
      for (const line of entered.lines) this.#remember(line);
      const whole = entered.lines.map((line) => message.add(line, { isPasted }))
        .at(-1);
      if (whole === true) return message.take();
    }
    return null;
  }

  #remember(line: string): void {
    if (line.trim() === "" || this.#history[0] === line) return;
    this.#history.unshift(line);
    this.#history.length = Math.min(this.#history.length, MOST_LINES);
    this.#options.onLine(line);
  }

  /** One line. The editor exists only meanwhile, so that during an answer Ctrl-C is the signal that it always is. */
  #enter(prompt: string, begun: string): Promise<Entered> {
    return new Promise((resolve) => {
      const output = process.stdout.isTTY ? process.stdout : process.stderr;
      const editor = createInterface({
        input: process.stdin,
        output,
        prompt,
        terminal: true,
        history: [...this.#history],
        historySize: MOST_LINES,
      });
      const lines: string[] = [];
      let done = false;
      const finish = (entered: Entered) => {
        if (done) return;
        done = true;
        editor.close();
        resolve(entered);
      };
      editor.on("line", (line) => {
        lines.push(line);
        if (lines.length > 1) return;
        setTimeout(
          () => finish({ kind: "lines", lines, rest: editor.line }),
          PASTE_MS,
        );
      });
      editor.on("SIGINT", () => {
        const wasEmpty = editor.line === "";
        output.write("\n");
        finish({ kind: "interrupt", wasEmpty });
      });
      editor.on("close", () => {
        if (!done) output.write("\n");
        finish({ kind: "end" });
      });
      editor.prompt();
      if (begun !== "") editor.write(begun);
    });
  }
}

/** The lines of one message. */
export class MessageLines {
  #lines: string[] = [];
  #isQuoted = false;

  /** Whether there is no line yet. */
  get isEmpty(): boolean {
    return this.#lines.length === 0 && !this.#isQuoted;
  }

  /** Adds a line; true where the message is whole. */
  add(line: string, { isPasted = false } = {}): boolean {
    if (line.trim() === '"""') {
      this.#isQuoted = !this.#isQuoted;
      return !this.#isQuoted;
    }
    if (this.#isQuoted || isPasted) {
      this.#lines.push(line);
      return false;
    }
    const continues = line.endsWith("\\");
    this.#lines.push(continues ? line.slice(0, -1) : line);
    return !continues;
  }

  /** The message; the next one begins. */
  take(): string {
    const text = this.#lines.join("\n").replace(/\n+$/, "");
    this.clear();
    return text;
  }

  /** Forgets the lines. */
  clear(): void {
    this.#lines = [];
    this.#isQuoted = false;
  }
}
