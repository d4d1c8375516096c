/**
 * The four classes of errors that callers catch. Nothing across the plugin seam is recognised by
 * `instanceof` (a plugin may carry another copy of core): use {@linkcode isDenotuneError}.
 * @module
 */

import { namingPermissions } from "../permission_words.ts";

/** What an error is about; `name` carries it across realms and copies of this module. */
export type DenotuneErrorName =
  | "ConfigError"
  | "PluginError"
  | "DataError"
  | "DeviceError";

/** What the four classes share: a name that survives copies of this module. */
export abstract class DenotuneError extends Error {
  /** Which of the four it is. */
  abstract override readonly name: DenotuneErrorName;
}

/** The run file, an option or a command-line argument is wrong. Exit code 2. */
export class ConfigError extends DenotuneError {
  /** The class, as a string. */
  override readonly name = "ConfigError";
}

/** A plugin cannot be loaded or does not keep its contract. Exit code 2. */
export class PluginError extends DenotuneError {
  /** The class, as a string. */
  override readonly name = "PluginError";
}

/** Data, a tokenizer or a model file is missing, broken or does not fit. Exit code 2. */
export class DataError extends DenotuneError {
  /** The class, as a string. */
  override readonly name = "DataError";
}

/** A backend or a disk cannot do what the run needs. Exit code 1. */
export class DeviceError extends DenotuneError {
  /** The class, as a string. */
  override readonly name = "DeviceError";
}

const NAMES: readonly string[] = [
  "ConfigError",
  "PluginError",
  "DataError",
  "DeviceError",
];

/** Whether `error` is one of ours, from whichever copy of this module. */
export function isDenotuneError(
  error: unknown,
): error is Error & { name: DenotuneErrorName } {
  try {
    return error instanceof Error && NAMES.includes(error.name) &&
      typeof error.message === "string";
  } catch {
    return false; // what a plugin throws may throw when it is looked at
  }
}

/** What a thrown value says, however odd it is; of a missing permission, which flag to add. */
export function messageOf(error: unknown): string {
  try {
    const said: unknown = typeof error === "object" && error !== null
      ? Reflect.get(error, "message")
      : undefined;
    return namingPermissions(typeof said === "string" ? said : String(error));
  } catch {
    return "a value that cannot be shown was thrown";
  }
}

/** Causes that are followed: they may go in a circle. */
const MOST_CAUSES = 8;

/** An error and what caused it, outermost first: as far as they are errors, at most 8. */
export function withCauses(error: unknown): Error[] {
  const found: Error[] = [];
  try {
    for (
      let at: unknown = error;
      at instanceof Error && found.length < MOST_CAUSES && !found.includes(at);
      at = at.cause
    ) found.push(at);
  } catch {
    // what a plugin throws may throw when it is looked at
  }
  return found;
}

/** The exit code for an error: 2 for the user's input, 1 for everything else. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return isDenotuneError(error) && error.name !== "DeviceError" ? 2 : 1;
}
