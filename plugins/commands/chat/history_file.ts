/**
 * The lines that were typed in earlier conversations, kept in a file of the user's own.
 * @module
 */
import { cacheFolder, readTextUpTo } from "@denotune/denotune/core";
import { dirname, join } from "node:path";
import { MOST_LINES } from "./prompt_line.ts";

/** Bytes of the file from which on it is shortened. */
const MOST_BYTES = 1e6;

/** Where the lines are. */
export function historyPath(): string {
  return join(cacheFolder(), "chat_history");
}

/** The lines, the oldest first; none where there is no file, or one that cannot be read. */
export function readHistory(path: string): readonly string[] {
  try {
    const lines = readTextUpTo(path, 2 * MOST_BYTES).split("\n")
      .filter((line) => line !== "");
    if (Deno.statSync(path).size > MOST_BYTES) {
      const kept = lines.slice(-MOST_LINES);
      Deno.writeTextFileSync(path, kept.map((line) => `${line}\n`).join(""));
      return kept;
    }
    return lines;
  } catch {
    return []; // a history is no reason not to talk
  }
}

/** Adds a line. */
export function addToHistory(path: string, line: string): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, `${line}\n`, { append: true, mode: 0o600 });
  } catch {
    // a folder that cannot be written: the line is remembered until the end of this conversation
  }
}
