/**
 * What a plugin says of itself, read without running any of its code in this process: a Deno process without
 * permissions imports it, and sends its manifest as JSON.
 * @module
 */
import { z } from "zod";
import { PluginError } from "../../contracts/errors.ts";
import { KINDS } from "../../contracts/plugin.ts";
import { ownModule } from "../../own_module.ts";
import { denoChild } from "./deno_child.ts";

/** A part as its plugin describes it. */
export interface ManifestPart {
  /** What it is one of. */
  readonly kind: (typeof KINDS)[number];
  /** Its name within the kind. */
  readonly name: string;
  /** Its one sentence. */
  readonly description: string;
  /** JSON Schema (draft 2020-12) of its options. */
  readonly optionsSchema: { readonly [key: string]: unknown };
}

/** What a plugin says of itself. */
export interface PluginManifest {
  /** Its name. */
  readonly name: string;
  /** The plugin contract it was written for. */
  readonly api: number;
  /** Its own version; null where it has none. */
  readonly version: string | null;
  /** Deno permissions that it asks for, as it writes them: `net`, `read:/data`. */
  readonly permissions: readonly string[];
  /** What it brings, in its order. */
  readonly parts: readonly ManifestPart[];
}

const MANIFEST: z.ZodType<PluginManifest> = z.strictObject({
  name: z.string().min(1),
  api: z.number(),
  version: z.string().nullable(),
  permissions: z.array(z.string()),
  parts: z.array(z.strictObject({
    kind: z.enum(KINDS as [(typeof KINDS)[number]]),
    name: z.string(),
    description: z.string(),
    optionsSchema: z.record(z.string(), z.unknown()),
  })),
});

/** How a manifest is read. */
export interface ManifestOptions {
  /** Ends the reading; absent: nothing does. */
  readonly signal?: AbortSignal;
  /** How long loading may take, ms. Default: 30 seconds. */
  readonly timeoutMs?: number;
}

/** Marks the line of the answer: a plugin may print what it likes while it is loaded. */
const MARK = "denotune manifest ";
const HEAP_MB = 256;
/** Longest answer that is read, in bytes. */
const MOST_BYTES = 2 ** 24;

/**
 * The manifest of the plugin at `url` (`file:`, `npm:`, `jsr:`, `https:`), which is imported in a process without
 * permissions: no file but its own modules, no network (what is not in Deno's cache is not found), no environment.
 * `module` names it in errors. Throws `PluginError` where it cannot be loaded, takes too long or is no plugin.
 */
export async function readManifest(
  url: string,
  module: string,
  { signal, timeoutMs = 30_000 }: ManifestOptions = {},
): Promise<PluginManifest> {
  signal?.throwIfAborted();
  const mark = `${MARK}${crypto.randomUUID()} `;
  const child = denoChild({
    url,
    served: ownModule(new URL("./describe_plugin.ts", import.meta.url)).href,
    args: [module, mark],
    heapMB: HEAP_MB,
  }).spawn();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // it has ended
    }
  };
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs);
  signal?.addEventListener("abort", kill);
  try {
    const [, out, err] = await Promise.all([
      child.stdin.close().catch(() => {}),
      readUpTo(child.stdout, kill),
      readUpTo(child.stderr, kill),
      child.status,
    ]);
    signal?.throwIfAborted();
    const line = out.split("\n").find((one) => one.includes(mark));
    if (line !== undefined) {
      return parsed(line.slice(line.indexOf(mark) + mark.length), module);
    }
    const why = isLate
      ? `it did not load within ${timeoutMs / 1000} s`
      : err.includes("out of memory")
      ? `it needs more than ${HEAP_MB} MB of memory`
      : reasonIn(err) ?? "its process ended without a word";
    throw new PluginError(`Cannot read the plugin ${module}: ${why}`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  }
}

function parsed(text: string, module: string): PluginManifest {
  const given: unknown = JSON.parse(text);
  if (typeof given === "object" && given !== null && "fault" in given) {
    throw new PluginError(String(given.fault));
  }
  return checkedManifest(given, module);
}

/** A manifest that came from another process. Throws `PluginError` where it is none. */
export function checkedManifest(
  given: unknown,
  module: string,
): PluginManifest {
  const result = MANIFEST.safeParse(given);
  if (result.success) return result.data;
  throw new PluginError(
    `${module}: its manifest is not one: ${
      result.error.issues.map(({ path, message }) =>
        `${path.join(".")}: ${message}`
      ).join("; ")
    }`,
  );
}

/** The first error that a process wrote, without colours; null where there is none. */
export function reasonIn(stderr: string): string | null {
  // deno-lint-ignore no-control-regex -- colours of a terminal
  const plain = stderr.replace(/\x1b\[[0-9;]*m/g, "");
  const error = plain.split("\n").find((line) => /^error: /.test(line));
  return error?.replace(/^error: (Uncaught )?(\(in promise\) )?/, "") ?? null;
}

/** The text of a stream; one that is longer than any manifest ends the process. */
async function readUpTo(
  stream: ReadableStream<Uint8Array>,
  kill: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    if (text.length < MOST_BYTES) {
      text += decoder.decode(bytes, { stream: true });
    } else kill();
  }
  return text;
}
