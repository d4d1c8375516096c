/**
 * Errors as people see them: one screen, what to do next, no stack trace unless it was asked for.
 * @module
 */
import { namingInput } from "../config/standard_input.ts";
import {
  exitCodeOf,
  isDenotuneError,
  messageOf,
  withCauses,
} from "../contracts/errors.ts";
import type { Output } from "../contracts/command.ts";
import { namingPermissions } from "../permission_words.ts";
import { missingPermission } from "../permissions.ts";
import { FAULT } from "./process.ts";
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
  const missing = missingPermission(error);
  const said = namingPermissions(namingInput(described(error)));
  const lines = (missing === null ? said : `${said}\n${ALL_FLAGS}`)
    .split("\n");
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
  return isDiskFull(error) || missing !== null ? 2 : exitCodeOf(error);
}

/** Whether a disk or a quota is full: that is for the user to mend, as any other wrong place to write to. */
function isDiskFull(error: unknown): boolean {
  return withCauses(error).some((at) =>
    "code" in at && (at.code === "ENOSPC" || at.code === "EDQUOT")
  );
}

/** {@linkcode describe} of what may throw when it is looked at. */
function described(error: unknown): string {
  try {
    return describe(error);
  } catch {
    return `${messageOf(error)}\n${FAULT}`;
  }
}

/** What to do where a permission is missing, besides adding the one that is named. */
const ALL_FLAGS =
  "The same command with --permissions prints every flag that it needs; -A allows everything";

function describe(error: unknown): string {
  if (isDenotuneError(error)) return error.message;
  // the flag to add is the whole of it
  if (missingPermission(error) !== null && error instanceof Error) {
    return error.message;
  }
  if (isDiskFull(error) && error instanceof Error) {
    return `${error.message}: what is written to is full; free space, or write elsewhere`;
  }
  if (isFromSystem(error)) return error.message;
  const what = error instanceof Error
    ? `${error.name}: ${messageOf(error)}`
    : messageOf(error);
  return `${what}\n${FAULT}`;
}

/** Errors of files and networks speak for themselves. */
export function isFromSystem(error: unknown): error is Error {
  return error instanceof Error &&
    (Object.values(Deno.errors).some((kind) => error instanceof kind) ||
      // those without a class, such as EIO of a broken disk
      ("code" in error && /^E[A-Z0-9]+$/.test(String(error.code)) &&
        error.message.includes("os error")));
}

function stackOf(error: unknown): string {
  return withCauses(error).map((at) => {
    try {
      return String(at.stack ?? at.message);
    } catch {
      return messageOf(at);
    }
  }).join("\ncaused by ");
}
