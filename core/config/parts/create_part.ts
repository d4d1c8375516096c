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
} from "../../contracts/plugin.ts";
import { BUILT_IN, type Registry } from "../../contracts/registry.ts";
import { BATCHED, batchedCalls } from "../isolated/part_members.ts";
import { partError } from "./call_part.ts";
import { type Check, CHECKED_PARTS } from "./checked_parts.ts";
import { type Guard, guardPart } from "./guard_part.ts";
import { PART_SHAPES } from "./part_shapes.ts";
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
  readonly watch?: Creating["watch"];
}

/** What parts are created with. */
export interface Creating {
  /** Where parts are found. */
  readonly registry: Registry;
  /** What parts are created with. */
  readonly host: Host;
  /** How calls of parts are watched; absent: nobody does. */
  readonly watch?: Omit<Guard, "described">;
  /** Parts that are being made, each by the one before; absent: none. */
  readonly depth?: number;
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
    create: (kind, choice) => createPart(kind, choice, creating),
    list: (kind) => registry.list(kind).map(({ part }) => part.name),
  };
  const creating = { registry, host, watch: options.watch };
  return creating;
}

/** The same, with what has become known since: later parts are made beside it. */
export function beside(
  { registry, host: before, watch }: Creating,
  known: Partial<Pick<Host, "modelConfig" | "tokenizer" | "notice">>,
): Creating {
  const host: Host = {
    ...before,
    ...known,
    create: (kind, choice) => createPart(kind, choice, creating),
  };
  const creating = { registry, host, watch };
  return creating;
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
  return await callCreate(resolved, creating);
}

/** The part that a run chose, already checked; paths in its options start from where they were written. */
export async function createResolved<K extends Kind>(
  choice: ResolvedChoice<K>,
  creating: Creating,
): Promise<KindMap[K]> {
  const host: Host = {
    ...creating.host,
    resolvePath: (path) => choice.resolvePath(path),
  };
  return await callCreate(choice, { ...creating, host });
}

/** How long a part may take before it is said that it is waited for. */
const LONG_MS = 3000;
/** Parts that may be made one by the other. */
const MOST_DEPTH = 32;

async function callCreate<K extends Kind>(
  choice: ResolvedChoice<K>,
  creating: Creating,
): Promise<KindMap[K]> {
  const { watch = {}, depth = 0 } = creating;
  const part: AnyPart = choice.part;
  const described = describePart(choice);
  if (depth === MOST_DEPTH) {
    throw new PluginError(
      `Cannot create the ${described}: ${MOST_DEPTH} parts are being made, each by the one before; \`create\` makes its own part, or two parts make each other`,
    );
  }
  const host: Host = {
    ...creating.host,
    create: (kind, inner) =>
      createPart(kind, inner, { ...creating, host, depth: depth + 1 }),
  };
  let made: unknown;
  // the timer keeps the process alive until it has said what is waited for
  const timer = setTimeout(
    () => watch.waiting?.(`waiting for the ${described} to be made`),
    LONG_MS,
  );
  const { calls } = watch;
  const before = calls?.enter(calls.number(`\`create\` of the ${described}`));
  try {
    const making: unknown = part.create(choice.options, host);
    if (before !== undefined) calls?.leave(before);
    made = await making;
  } catch (error) {
    if (before !== undefined) calls?.leave(before);
    if (isDenotuneError(error)) {
      throw partError({ part: described, method: "create" }, error);
    }
    throw new PluginError(
      `Cannot create the ${described}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
  if (typeof made !== "object" || made === null) {
    throw new PluginError(
      `\`create\` of the ${described} gave ${
        made === null ? "null" : typeof made
      }, not an object`,
    );
  }
  const isBuiltIn = choice.module === BUILT_IN;
  const guarded = isBuiltIn
    ? made
    : guardPart(made, PART_SHAPES[choice.kind], { ...watch, described });
  const check: Check<K> = CHECKED_PARTS[choice.kind];
  const batched = batchedCalls(made);
  const checked = check(guarded as KindMap[K], {
    described,
    isBuiltIn,
    isElsewhere: batched !== null,
  });
  if (batched !== null) {
    Object.defineProperty(checked, BATCHED, { value: batched });
  }
  return checked;
}
