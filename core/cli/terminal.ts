/**
 * What commands write with: results to stdout, everything else to stderr; colours where a person looks.
 * @module
 */

import type { Output, Outputs, TextStyle } from "../contracts/command.ts";
import { wrapText } from "./wrap_lines.ts";

/** Colours by meaning. */
const STYLES: Readonly<Record<TextStyle, string>> = {
  bold: "1",
  dim: "2",
  good: "32",
  warning: "33",
  bad: "31",
};

/** Stdout and stderr of this process. */
export function processOutputs(): Outputs {
  return { out: outputTo(Deno.stdout), err: outputTo(Deno.stderr) };
}

/** The output to a stream. On a terminal, lines are broken between words. */
export function outputTo(
  stream: { writeSync(bytes: Uint8Array): number; isTerminal(): boolean },
): Output {
  const isTerminal = stream.isTerminal();
  const color = isTerminal && !Deno.noColor;
  const output: Output = {
    color,
    get width() {
      try {
        return isTerminal ? Deno.consoleSize().columns : 100;
      } catch {
        return 80; // a terminal that does not know its size
      }
    },
    write: (text) => writeText(stream, text),
    line: (text = "") =>
      output.write(`${isTerminal ? wrapText(text, output.width) : text}\n`),
    style: (style, text) =>
      color ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text,
  };
  return output;
}

/** Writes a text to an output of the process. Where nobody reads any more, throws what {@linkcode isOutputGone} knows. */
export function writeText(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) {
      at += stream.writeSync(bytes.subarray(at));
    }
  } catch (error) {
    // a closed terminal; of anything else than an output the same code means a broken disk
    if (error instanceof Error && "code" in error && error.code === "EIO") {
      throw new Deno.errors.BrokenPipe(error.message, { cause: error });
    }
    throw error;
  }
}

/** Whether writing failed because nobody reads any more: a closed pipe, a closed terminal. */
export function isOutputGone(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}

/** Text without what could steer a terminal: control characters but newline and tab. */
export function harmless(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex -- taking control characters out is the point
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) => c === "\r" ? "" : "\ufffd",
  );
}
