/**
 * One line that says how far a long task is, on a terminal only.
 * @module
 */
import { showWhole } from "../show_numbers.ts";
import { cutColumns } from "./wrap_lines.ts";
import type { Output } from "../contracts/command.ts";

/** A line that is written over. */
export interface ProgressLine {
  /** Shows how far a task is, at most ten times a second. */
  show(task: string, done: number, of: number): void;
  /** Takes the line away. */
  clear(): void;
}

/** How often the line changes. */
const EVERY_MS = 100;

/** The line of an output; nothing where that is no terminal. */
export function progressLine(output: Output): ProgressLine {
  let shownAt = -Infinity;
  let isShown = false;
  return {
    show(task, done, of) {
      const now = performance.now();
      if (!output.color || now - shownAt < EVERY_MS) return;
      shownAt = now;
      isShown = true;
      const percent = of === 0 ? 0 : Math.floor(100 * done / of);
      output.write(
        `\r\x1b[K${
          output.style(
            "dim",
            cutColumns(
              `${task} ${showWhole(done)} of ${showWhole(of)} (${percent}%)`,
              output.width,
            ),
          )
        }`,
      );
    },
    clear() {
      if (isShown) output.write("\r\x1b[K");
      isShown = false;
    },
  };
}
