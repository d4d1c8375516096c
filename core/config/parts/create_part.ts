/**
 * Creates parts: finds them, checks their options, calls `create` and looks at what it gave.
 * @module
 */
import { resolve } from "node:path";
import {
  ConfigError,
  isDenotuneError,
  PluginError,
} from "../../contracts/errors.ts";
import type {
  AnyPart,
  Choice,
  Host,
  Kind,
  KindMap,
  Registry,
} from "../../contracts/plugin.ts";
import { CHECKED_PARTS } from "./checked_parts.ts";
import { resolveChoice, type ResolvedChoice } from "./choices.ts";
import { describePart } from "../schema/options_schema.ts";
import { messageOf } from "../parse/problem.ts";
import { type Origin, type Tree, treeOf } from "../parse/tree.ts";

/** What is known where parts are created; by default as for work outside of a run. */
export interface CreatingOptions {
  /** Absolute folder of the run's model; absent or null: there is none. */
  readonly modelDir?: string | null;
  /** The model's config; absent: none. */
  readonly modelConfig?: Host["modelConfig"];
  /** What the tokenizer knows; absent: there is none. */
  readonly tokenizer?: Host["tokenizer"];
  /** The run's seed; absent: 0. */
  readonly seed?: number;
  /** Absolute folder that relative paths start from where a part's choice says nothing else; absent: the current one. */
  readonly base?: string;
  /** Says something to the user, once; absent: nobody listens. */
  notice?(message: string): void;
  /** As in {@linkcode Creating}. */
  readonly waiting?: Creating["waiting"];
}

/** What parts are created with. */
export interface Creating {
  /** Where parts are found. */
  readonly registry: Registry;
  /** What parts are created with. */
  readonly host: Host;
  /** Called with the name of a part that is still awaited, where its `create` takes long. */
  readonly waiting?: (what: string) => void;
}

/** What parts of a registry are created with: the registry, and a host that knows `options`. */
export function creatingWith(
  registry: Registry,
  options: CreatingOptions = {},
): Creating {
  const { base = Deno.cwd(), modelDir, modelConfig, tokenizer, seed } = options;
  const host: Host = {
    resolvePath: (path) => resolve(base, path),
    modelDir: modelDir ?? null,
    modelConfig: modelConfig ?? null,
    tokenizer: tokenizer ?? null,
    seed: seed ?? 0,
    notice: (message) => options.notice?.(message),
    create: (kind, choice) => createPart(kind, choice, { registry, host }),
    list: (kind) => registry.list(kind).map(({ part }) => part.name),
  };
  return { registry, host, waiting: options.waiting };
}

/** The same, with what has become known since: later parts are made beside it. */
export function beside(
  { registry, host: before, waiting }: Creating,
  known: Partial<Pick<Host, "modelConfig" | "tokenizer" | "notice">>,
): Creating {
  const host: Host = {
    ...before,
    ...known,
    create: (kind, choice) => createPart(kind, choice, { registry, host }),
  };
  return { registry, host, waiting };
}

/**
 * The part of that kind and choice. Throws `ConfigError` with every problem of the choice (an
 * unknown name, wrong options), `PluginError` where the part throws or gives something else.
 */
export async function createPart<K extends Kind>(
  kind: K,
  choice: Choice,
  creating: Creating,
): Promise<KindMap[K]> {
  const origin: Origin = {
    place: kind,
    base: creating.host.resolvePath("."),
    code: true,
  };
  const written = treeOf(
    choice,
    origin,
    (path, value) => path.at(-1) === "use" && typeof value === "object",
  );
  const run: Tree = {
    type: "map",
    entries: new Map([[kind, { key: origin, tree: written }]]),
    origin,
  };
  const resolved = await resolveChoice(run, [kind], kind, {
    registry: creating.registry,
  });
  if (Array.isArray(resolved)) {
    throw new ConfigError(
      `Cannot create the ${kind}: ${
        resolved.map((problem) => problem.message).join("; ")
      }`,
    );
  }
  return await callCreate(resolved, creating.host, creating.waiting);
}

/** The part that a run chose, already checked; paths in its options start from where they were written. */
export async function createResolved<K extends Kind>(
  choice: ResolvedChoice<K>,
  { registry, host, waiting }: Creating,
): Promise<KindMap[K]> {
  const bound: Host = {
    ...host,
    resolvePath: (path) => choice.resolvePath(path),
    create: (kind, inner) => createPart(kind, inner, { registry, host: bound }),
    list: (kind) => host.list(kind),
  };
  return await callCreate(choice, bound, waiting);
}

/** How long a part may take before it is said that it is waited for. */
const LONG_MS = 3000;

async function callCreate<K extends Kind>(
  choice: ResolvedChoice<K>,
  host: Host,
  waiting: Creating["waiting"],
): Promise<KindMap[K]> {
  const part: AnyPart = choice.part;
  let made: unknown;
  // the timer keeps the process alive until it has said what is waited for
  const timer = setTimeout(
    () => waiting?.(`waiting for the ${describePart(choice)} to be made`),
    LONG_MS,
  );
  try {
    made = await part.create(choice.options, host);
  } catch (error) {
    if (isDenotuneError(error)) throw error;
    throw new PluginError(
      `Cannot create the ${describePart(choice)}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
  if (typeof made !== "object" || made === null) {
    throw new PluginError(
      `\`create\` of the ${describePart(choice)} gave ${
        made === null ? "null" : typeof made
      }, not an object`,
    );
  }
  const check: (made: KindMap[K], described: string) => KindMap[K] =
    CHECKED_PARTS[choice.kind];
  return check(made as KindMap[K], describePart(choice));
}
