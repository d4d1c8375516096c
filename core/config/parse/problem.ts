/**
 * Problems of a run are collected, and reported all at once in one screen.
 * @module
 */
import { ConfigError, messageOf } from "../../contracts/errors.ts";
import type { Origin } from "./tree.ts";

/** One thing that is wrong with a run. */
export interface Problem {
  readonly origin: Origin;
  /** What was found, what is expected, what would fix it. */
  readonly message: string;
}

/** Problems shown; more are counted. */
const SHOWN = 12;

/** The error that reports all problems, in the order of the files. */
export function configError(problems: readonly Problem[]): ConfigError {
  const ordered = problems
    .map((problem, index) => ({ problem, index }))
    .sort((a, b) =>
      order(a.problem.origin, b.problem.origin) || a.index - b.index
    )
    .map(({ problem }) => `${problem.origin.place}: ${problem.message}`);
  const lines = [...new Set(ordered)];
  if (lines.length === 1) return new ConfigError(lines[0]);
  const rest = lines.length - SHOWN;
  return new ConfigError([
    `The run has ${lines.length} problems:`,
    ...lines.slice(0, SHOWN).map((line) => `  ${line}`),
    ...(rest > 0 ? [`  ... and ${rest} more`] : []),
  ].join("\n"));
}

/** By file (places without lines last), line and column. */
function order(a: Origin, b: Origin): number {
  const file = (origin: Origin) =>
    origin.line === undefined
      ? "\uffff"
      : origin.place.replace(/:\d+:\d+$/, "");
  if (file(a) !== file(b)) return file(a) < file(b) ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** A value as it is shown in a message: JSON, at most 60 characters. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number" || typeof value === "bigint") {
    return String(value);
  }
  if (typeof value === "function") {
    return `a function${value.name ? ` (${value.name})` : ""}`;
  }
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    text = Array.isArray(value) ? "a list" : "an object";
  }
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `` `a`, `b` or `c` `` with the names as given. */
export function either(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/** "; did you mean `x`?", or nothing. */
export function didYouMean(name: string | null): string {
  return name === null ? "" : `; did you mean \`${name}\`?`;
}

/** The first `count` names, and how many more there are. */
export function listed(names: readonly string[], count = 12): string {
  if (names.length === 0) return "none";
  const rest = names.length - count;
  return names.slice(0, count).join(", ") +
    (rest > 0 ? `, and ${rest} more` : "");
}

/** A sentence as written after a colon; words in capitals stay. */
export function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text)
    ? text[0].toLowerCase() + text.slice(1)
    : text;
}

export { messageOf };
