/**
 * What this process may do, as Deno was started. What is optional is asked for first ({@linkcode isGranted}), so that
 * Deno neither prompts nor throws; what is needed and missing is said in words, with the flag to add.
 * @module
 */
import process from "node:process";
import { ConfigError, messageOf, withCauses } from "./contracts/errors.ts";

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

/** A permission that was missing. */
export interface MissingPermission {
  /** What the process may not do: `read /data/rows.jsonl`. */
  readonly what: string;
  /** The flag that allows it: `--allow-read=/data/rows.jsonl`. */
  readonly flag: string;
  /** The flag that forbids it: `--deny-read`; null: it was only not allowed. */
  readonly denied: string | null;
}

/** Deno's sentence: `Requires read access to "/data", run again with the --allow-read flag`. */
const SENTENCE =
  /Requires (\w+) access(?: to (?:"(.*?)"|<(\w+)>))?, run again with the --allow-\w+ flag/;

/** The permission that an error, or one of its causes, is about; null: it is about something else. */
export function missingPermission(error: unknown): MissingPermission | null {
  for (const at of withCauses(error)) {
    const found = SENTENCE.exec(messageOf(at)); // what a plugin throws may be odd
    if (found !== null) return read(found);
  }
  return null;
}

/** A text with Deno's sentences replaced by what they mean. */
export function namingPermissions(text: string): string {
  return text.replaceAll(
    new RegExp(SENTENCE, "g"),
    (...found) => sentenceOf(read(found)),
  );
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

function sentenceOf({ what, flag, denied }: MissingPermission): string {
  return `this process may not ${what}; ${
    denied === null
      ? `start it with ${flag}`
      : `start it without ${denied}, and with ${flag}`
  }`;
}

/** A kind of permission: what it lets a process do, as a whole and to one thing, and how Deno is asked about it. */
interface PermissionKind {
  readonly all: string;
  does(thing: string): string;
  of(thing: string | undefined): Deno.PermissionDescriptor | null;
}

const KINDS: Readonly<Record<string, PermissionKind>> = {
  read: {
    all: "read files",
    does: (path) => `read ${path}`,
    of: (path) => ({ name: "read", path }),
  },
  write: {
    all: "write files",
    does: (path) => `write ${path}`,
    of: (path) => ({ name: "write", path }),
  },
  env: {
    all: "read the environment",
    does: (name) => `read the environment variable ${name}`,
    of: (variable) => ({ name: "env", variable }),
  },
  net: {
    all: "use the network",
    does: (host) => `use the network at ${host}`,
    of: (host) => ({ name: "net", host }),
  },
  sys: {
    all: "ask the system about itself",
    does: (kind) => `ask the system for ${kind}`,
    of: () => ({ name: "sys" }),
  },
  ffi: {
    all: "call libraries of the system",
    does: (path) => `open the library ${path}`,
    of: (path) => ({ name: "ffi", path }),
  },
  run: {
    all: "start other programs",
    does: (command) => `start ${command}`,
    of: (command) => ({ name: "run", command }),
  },
  import: {
    all: "load code from the network",
    does: (host) => `load code from ${host}`,
    of: () => null, // nothing to ask
  },
};

/** Things for which Deno has a sign instead of a name. */
const SIGNS: Readonly<Record<string, string>> = {
  TMP: "the folder for temporary files",
  CWD: "the working directory",
  exec_path: "the path of Deno",
};

function read(
  [, name = "", thing, sign = ""]: readonly (string | undefined)[],
): MissingPermission {
  const kind = KINDS[name];
  const shown = thing ?? SIGNS[sign];
  return {
    what: kind === undefined
      ? `use ${name}`
      : shown === undefined
      ? kind.all
      : kind.does(shown),
    flag: `--allow-${name}${thing === undefined ? "" : `=${thing}`}`,
    denied: isDenied(kind?.of(thing)) ? `--deny-${name}` : null,
  };
}

/** Whether a flag forbids it: Deno could still be asked for what was only not allowed. */
function isDenied(
  descriptor: Deno.PermissionDescriptor | null = null,
): boolean {
  return descriptor !== null &&
    Deno.permissions.querySync(descriptor).state === "denied";
}
