/**
 * Deno's sentence about a permission that is missing, in words, with the flag to add.
 * @module
 */

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

/** The permission that a text is about; null: it is about something else. */
export function permissionIn(text: string): MissingPermission | null {
  const found = SENTENCE.exec(text);
  return found === null ? null : read(found);
}

/** A text with Deno's sentences replaced by what they mean. */
export function namingPermissions(text: string): string {
  return text.replaceAll(
    new RegExp(SENTENCE, "g"),
    (...found) => sentenceOf(read(found)),
  );
}

/** What is missing, and what to do. */
export function sentenceOf({ what, flag, denied }: MissingPermission): string {
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

/** The kinds of permissions, by Deno's names. */
export const KINDS: Readonly<Record<string, PermissionKind>> = {
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
    of: (kind) => isSysKind(kind) ? { name: "sys", kind } : { name: "sys" },
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

/** What of the system is asked for here. */
const SYS_KINDS = ["hostname", "systemMemoryInfo", "osRelease"] as const;

function isSysKind(
  kind: string | undefined,
): kind is typeof SYS_KINDS[number] {
  return SYS_KINDS.some((known) => known === kind);
}

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
