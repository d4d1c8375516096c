/**
 * The command line with which Deno grants what a command needs, and nothing else.
 * @module
 */
import { isAbsolute, relative, sep } from "node:path";
import { quoted } from "./invocation.ts";

/** Permissions whose things are paths. */
const OF_PATHS = ["read", "write"];
/** Permissions in the order of the flags. */
const ORDER = [...OF_PATHS, "net", "env", "sys", "ffi", "run", "import"];

/** The flags for what is needed (`read:/data`, `ffi`); paths inside `cwd` are written from there. */
export function permissionFlags(
  needs: readonly string[],
  cwd: string,
): string[] {
  const things = new Map<string, Set<string>>();
  const whole = new Set<string>();
  for (const need of needs) {
    const [name] = need.split(":", 1);
    const thing = need.slice(name.length + 1);
    if (thing === "") whole.add(name);
    else things.set(name, (things.get(name) ?? new Set()).add(thing));
  }
  const flags = ORDER.flatMap((name) => {
    if (whole.has(name)) return [`--allow-${name}`];
    const found = [...things.get(name) ?? []];
    if (found.length === 0) return [];
    const shown = OF_PATHS.includes(name)
      ? outermost(found).map((path) => shortened(path, cwd))
      : found.sort();
    // a comma in a name is doubled, as Deno reads it
    return [
      `--allow-${name}=${
        shown.map((thing) => thing.replaceAll(",", ",,")).join(",")
      }`,
    ];
  });
  const isOffline = !whole.has("net") && !things.has("net");
  return ["--no-prompt", ...isOffline ? ["--deny-net"] : [], ...flags];
}

/** The whole command, a flag a line. `invocation`: how denotune is started (`deno run -A mod.ts`). */
export function permissionLine(
  { invocation, words, flags }: {
    readonly invocation: string;
    readonly words: readonly string[];
    readonly flags: readonly string[];
  },
): string {
  const [start, program] = invocation.split(" -A ");
  return [
    start,
    ...flags.map((flag) => `  ${quoted(flag)}`),
    `  ${[program, ...words.map(quoted)].join(" ")}`,
  ].join(" \\\n");
}

/** The paths that are inside no other one, sorted. */
function outermost(paths: readonly string[]): string[] {
  return paths.filter((path) =>
    !paths.some((other) => other !== path && isInside(path, other))
  ).sort();
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function shortened(path: string, cwd: string): string {
  const inner = relative(cwd, path);
  return inner.startsWith("..") || isAbsolute(inner) ? path : inner || ".";
}
