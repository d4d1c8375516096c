/**
 * Errors as people see them: one screen, what to do next, no stack trace unless it was asked for.
 * @module
 */
import { namingInput } from "../config/standard_input.ts";
import { exitCodeOf, isDenotuneError } from "../contracts/errors.ts";
import type { Output } from "../contracts/command.ts";
import { harmless, isOutputGone } from "./terminal.ts";

/** Lines of a message that are shown; a terminal has some 24. */
const LINES = 20;
/** Characters of a message that are shown, where a file has put a long text into it. */
const CHARACTERS = 4000;

/** Says what went wrong. Returns the exit code. */
export function showError(
  error: unknown,
  output: Output,
  options: { readonly verbose: boolean },
): number {
  if (isOutputGone(error)) return 1; // nobody reads any more: nothing to say, nobody to hear
  const label = output.style("bad", "error");
  const lines = named(describe(error)).split("\n");
  const shown = options.verbose ? lines : lines.slice(0, LINES);
  if (shown.length < lines.length) {
    shown.push(`... ${lines.length - shown.length} more lines with --verbose`);
  }
  const text = harmless(shown.join("\n"));
  const rest = text.length - CHARACTERS;
  output.line(
    options.verbose || rest <= 0
      ? `${label}: ${text}`
      : `${label}: ${
        text.slice(0, CHARACTERS)
      }... ${rest} more characters with --verbose`,
  );
  if (options.verbose) output.line(stackOf(error));
  return isDiskFull(error) ? 2 : exitCodeOf(error);
}

/** Standard input by its name; without the permission to read the environment, the message as it is. */
function named(message: string): string {
  try {
    return namingInput(message);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return message;
    throw error;
  }
}

/** Whether a disk or a quota is full: that is for the user to mend, as any other wrong place to write to. */
function isDiskFull(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ("code" in at && (at.code === "ENOSPC" || at.code === "EDQUOT")) {
      return true;
    }
  }
  return false;
}

function describe(error: unknown): string {
  if (isDenotuneError(error)) return error.message;
  if (error instanceof Deno.errors.NotCapable) {
    return `${error.message}\ndenotune needs its permissions: run it with: deno run -A`;
  }
  if (isDiskFull(error) && error instanceof Error) {
    return `${error.message}: what is written to is full; free space, or write elsewhere`;
  }
  if (isDiskFull(error) && error instanceof Error) {
    return `${error.message}: what is written to is full; free space, or write elsewhere`;
  }
  if (isFromSystem(error)) return error.message;
  const what = error instanceof Error
    ? `${error.name}: ${error.message}`
    : String(error);
  return `${what}\nThis is a fault in denotune or in a plugin; --verbose shows where`;
}

/** Errors of files and networks speak for themselves. */
export function isFromSystem(error: unknown): error is Error {
  return error instanceof Error &&
    Object.values(Deno.errors).some((kind) => error instanceof kind);
}

function stackOf(error: unknown): string {
  const stacks: string[] = [];
  for (
    let at: unknown = error;
    at instanceof Error && stacks.length < 8;
    at = at.cause
  ) {
    stacks.push(at.stack ?? at.message);
  }
  return stacks.join("\ncaused by ");
}
