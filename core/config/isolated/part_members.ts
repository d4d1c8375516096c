/**
 * What parts that may be isolated are made of: methods, which become calls of another process, and data, which is
 * sent once. The same in both directions: an isolated part here, and a part of this process in the plugin's.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Kind, KindMap } from "../../contracts/plugin.ts";
import type { Rendered } from "../../contracts/template.ts";
import type { Encoding } from "../../contracts/tokenizer.ts";
import type { ChainStep, Described, Outcome } from "./messages.ts";

/** Kinds whose parts may run in a process of their own. */
export const ISOLABLE_KINDS = [
  "source",
  "format",
  "template",
  "masker",
  "evaluator",
] as const satisfies readonly Kind[];

/** One of them. */
export type IsolableKind = (typeof ISOLABLE_KINDS)[number];

/** What a process may hold: parts, and what they open. */
export type Held = IsolableKind | "store";

/** Whether parts of a kind may run in a process of their own. */
export function isIsolable(kind: string): kind is IsolableKind {
  return (ISOLABLE_KINDS as readonly string[]).includes(kind);
}

interface Members {
  readonly methods: readonly string[];
  readonly optional?: readonly string[];
  readonly data?: readonly string[];
}

const MEMBERS: { readonly [K in Held]: Members } = {
  // rows of `stream` would cross one by one: an isolated source is opened by index
  source: { methods: ["accepts", "open"] },
  store: { methods: ["at"], data: ["length", "fingerprint"] },
  format: {
    methods: ["recognises", "parse"],
    optional: ["choose"],
    data: ["sources", "template"],
  },
  template: {
    methods: ["render", "prompt"],
    data: ["stops", "jinja", "markers", "addMissing"],
  },
  masker: { methods: ["weights"], optional: ["tokenWeights"] },
  evaluator: { methods: ["asks", "score"], optional: ["rewards"] },
};

/** A part as data: which of its methods there are, and its other members. Throws `PluginError` where one is missing. */
export function describeMade(
  kind: Held,
  { seat, made }: { readonly seat: number; readonly made: object },
): Described {
  const { methods, optional = [], data = [] } = MEMBERS[kind];
  const isMethod = (name: string) =>
    typeof Reflect.get(made, name) === "function";
  const missing = methods.find((name) => !isMethod(name));
  if (missing !== undefined) {
    throw new PluginError(`the ${kind} has no method \`${missing}\``);
  }
  return {
    seat,
    methods: [...methods, ...optional.filter(isMethod)],
    data: Object.fromEntries(
      data.filter((name) => Reflect.get(made, name) !== undefined).map((
        name,
      ) => [name, Reflect.get(made, name)]),
    ),
  };
}

/** Whether a value that came from another process describes a part of that kind. */
export function isDescribed(kind: Held, value: unknown): value is Described {
  if (typeof value !== "object" || value === null) return false;
  const { seat, methods, data } = value as Record<string, unknown>;
  return Number.isInteger(seat) && Array.isArray(methods) &&
    MEMBERS[kind].methods.every((name) => methods.includes(name)) &&
    typeof data === "object" && data !== null;
}

/** How methods of a part that is elsewhere are called. */
export interface RemoteCalls {
  /** Calls a method and waits, blocked. */
  call(method: string, args: readonly unknown[]): unknown;
}

/** By this key an isolated part says how it is called many times at once. */
export const BATCHED: unique symbol = Symbol("calls in batches");

/** A part whose calls may be made many at once. */
export interface Batched {
  readonly [BATCHED]?: BatchedCalls;
}

/** Calls of one part. What sends them gives what waits for them: other work is done meanwhile. */
export interface BatchedCalls {
  /** Calls a method many times, up to a call that ends the process. `isAlone`: each in a message of its own. */
  send(
    method: string,
    calls: readonly (readonly unknown[])[],
    isAlone?: boolean,
  ): () => readonly Outcome[];
  /** The part as messages name it. */
  readonly described: string;
  /** What it runs in: the same for parts of the same process. */
  readonly process: object;
  /** Its number there. */
  readonly seat: number;
  /**
   * Calls parts of the process one after the other, each with what the one before gave: what the calls of each row
   * gave, as far as they were made, up to a row that ends the process. `tokens` gives those of a text.
   */
  sendChain(
    steps: readonly ChainStep[],
    calls: readonly (readonly unknown[])[],
    tokens: (rendered: Pick<Rendered, "text" | "addBos">) => Encoding,
  ): () => readonly (readonly Outcome[])[];
  /** Whether a call needs nothing that the part before it in a chain does not give. */
  mayFollow(method: string): boolean;
  /** A call in a chain has asked for tokens. */
  looked?(method: string): void;
}

/** How a part is called many times at once; null where it is one of this thread. */
export function batchedCalls(part: object): BatchedCalls | null {
  return (part as Batched)[BATCHED] ?? null;
}

/** A part that is elsewhere: its data, and its methods as calls. */
export function partOf<K extends Kind>(
  kind: K,
  { methods, data }: Described,
  calls: RemoteCalls,
): KindMap[K] {
  if (!isIsolable(kind)) {
    throw new PluginError(`a ${kind} cannot be in another process`);
  }
  const { methods: required, optional = [], data: known = [] } = MEMBERS[kind];
  const made: Record<string, unknown> = {};
  for (const name of known) {
    if (Object.hasOwn(data, name)) made[name] = data[name];
  }
  for (const name of [...required, ...optional]) {
    if (methods.includes(name)) {
      made[name] = (...args: readonly unknown[]) => calls.call(name, args);
    }
  }
  return made as unknown as KindMap[K];
}
