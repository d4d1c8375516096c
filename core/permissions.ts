/**
 * What this process may do, as Deno was started. What is optional is asked for first ({@linkcode isGranted}), so that
 * Deno neither prompts nor throws; what is needed and missing is said in words, with the flag to add.
 * @module
 */
import process from "node:process";
import { ConfigError, withCauses } from "./contracts/errors.ts";
import {
  KINDS,
  type MissingPermission,
  permissionIn,
  sentenceOf,
} from "./permission_words.ts";

/** Whether the process may do something, without asking the user for it. */
export function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** A variable of the environment; undefined where it is not set, and where it may not be read. */
export function environmentVariable(name: string): string | undefined {
  return isGranted({ name: "env", variable: name })
    ? Deno.env.get(name)
    : undefined;
}

/** `env:` and the name of each variable that is set: what is not set, or empty, needs no permission to be missed. */
export function variables(...names: readonly string[]): string[] {
  return names.filter((name) => Boolean(environmentVariable(name)))
    .map((name) => `env:${name}`);
}

/** Why {@linkcode environmentVariable} gives nothing: `is not set`, or that it may not be read, and what to add. */
export function whyUnset(name: string): string {
  return isGranted({ name: "env", variable: name })
    ? "is not set"
    : `may not be read by this process (add --allow-env=${name})`;
}

/**
 * Runs code of a library that looks for environment variables of its own: where this process may not read them it
 * finds none, instead of Deno's prompt or error.
 */
export function withoutEnvironment<T>(body: () => T): T {
  if (isGranted({ name: "env" })) return body();
  const { env } = process;
  process.env = {};
  try {
    return body();
  } finally {
    process.env = env;
  }
}

/** The name of this machine; null where it may not be known. */
export function hostName(): string | null {
  return isGranted({ name: "sys", kind: "hostname" }) ? Deno.hostname() : null;
}

/** The permission that an error, or one of its causes, is about; null: it is about something else. */
export function missingPermission(error: unknown): MissingPermission | null {
  for (const at of withCauses(error)) {
    const found = permissionIn(textOf(at));
    if (found !== null) return found;
  }
  return null;
}

function textOf(error: Error): string {
  try {
    return String(error.message);
  } catch {
    return ""; // what a plugin throws may throw when it is looked at
  }
}

/**
 * A `ConfigError` that says what cannot be done (`write outputs/model`) for want of which permission; null where the
 * error is about something else.
 */
export function permissionError(
  what: string,
  error: unknown,
): ConfigError | null {
  const missing = missingPermission(error);
  return missing === null
    ? null
    : new ConfigError(`Cannot ${what}: ${sentenceOf(missing)}`, {
      cause: error,
    });
}

/** The `ConfigError` of {@linkcode permissionError}, where nothing was tried. */
export function needs(
  what: string,
  { name, path }: { readonly name: "read"; readonly path: string },
): ConfigError {
  const error = new Deno.errors.NotCapable(
    `Requires ${name} access to "${path}", run again with the --allow-${name} flag`,
  );
  return permissionError(what, error) ?? new ConfigError(error.message);
}

/**
 * What of `wanted` (`read:/data`, `net:a.example:443`) the process was granted, sorted; the name of a permission alone
 * where all of its kind was. Deno lists no grants: only what is asked for can be found.
 */
export function grantedOf(wanted: readonly string[]): string[] {
  const whole = Object.keys(KINDS).filter((name) => mayAll(name));
  const things = wanted.filter((need) => {
    const [name, ...rest] = need.split(":");
    if (whole.includes(name) || rest.length === 0) return false;
    const descriptor = KINDS[name]?.of(rest.join(":")) ?? null;
    return descriptor !== null && isGranted(descriptor);
  });
  return [...new Set([...whole, ...things])].sort();
}

/** Whether the process was started with `--allow-all`: what `/proc` tells of it needs no less. */
export function mayDoEverything(): boolean {
  return Object.values(KINDS).every(({ of }) => {
    const descriptor = of(undefined);
    return descriptor === null || isGranted(descriptor); // null: a kind for which Deno cannot be asked
  });
}

function mayAll(name: string): boolean {
  const descriptor = KINDS[name]?.of(undefined) ?? null;
  return descriptor !== null && isGranted(descriptor);
}
