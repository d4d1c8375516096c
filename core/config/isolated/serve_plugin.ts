/**
 * Runs in the process of an isolated plugin: makes its parts and calls them, one request at a time. Reading blocks,
 * so that nothing of the plugin runs between requests.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type {
  AnyPart,
  Choice,
  Host,
  Kind,
  KindMap,
  Plugin,
} from "../../contracts/plugin.ts";
import { Registry } from "../../contracts/registry.ts";
import { manifestOf } from "./describe_plugin.ts";
import {
  asItIsNow,
  type ChainStep,
  type Described,
  errorOutcome,
  type HostData,
  type Outcome,
  ROW,
  TOKENS,
  type ToPlugin,
} from "./messages.ts";
import { describeMade, isIsolable, partOf } from "./part_members.ts";
import { ask, enter, expect, read, say } from "./plugin_pipes.ts";

// what a plugin prints must not come between the answers
for (const name of ["log", "info", "debug", "dir", "table"] as const) {
  console[name] = console.error;
}

/** Answers are sent after so much time, so that who waits knows that it is worked. */
const FLUSH_MS = 250;

/** Answers of one request, sent as they come. */
class Answers {
  #outcomes: Outcome[] = [];
  #since = performance.now();

  beforeCall(): void {
    if (performance.now() - this.#since <= FLUSH_MS) return;
    say(this.#outcomes, false);
    expect("more");
    this.#outcomes = [];
    this.#since = performance.now();
  }

  add(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  end(): void {
    say(this.#outcomes);
  }
}

/** Serves a plugin until nobody asks any more. */
export async function serve(plugin: unknown, module: string): Promise<void> {
  // Ctrl-C is sent to the whole group: the process that asks decides what becomes of it
  Deno.addSignalListener("SIGINT", () => {});
  const served = new ServedPlugin(plugin, module);
  for (let request = read(); request !== null; request = read()) {
    await served.answer(request);
  }
  Deno.exit(0);
}

class ServedPlugin {
  readonly #given: unknown;
  readonly #module: string;
  readonly #seats = new Map<number, object>();

  constructor(plugin: unknown, module: string) {
    this.#given = plugin;
    this.#module = module;
  }

  async answer(request: ToPlugin): Promise<void> {
    switch (request.type) {
      case "describe":
        return say([
          await outcomeOf(() => manifestOf(this.#given, this.#module)),
        ]);
      case "validate":
        return say([
          await outcomeOf(() =>
            this.#part(request).options["~standard"].validate(request.value)
          ),
        ]);
      case "create":
        return say([await outcomeOf(() => this.#create(request))]);
      case "call":
        return await this.#call(request);
      case "chain":
        return await this.#chain(request);
    }
  }

  #part({ kind, name }: Pick<AnyPart, "kind" | "name">): AnyPart {
    const { parts } = this.#plugin();
    const found = parts.find((p) => p.kind === kind && p.name === name);
    if (found !== undefined) return found;
    throw new PluginError(`it has no ${kind} "${name}"`);
  }

  #plugin(): Plugin {
    const registry = new Registry();
    registry.add(this.#given, this.#module);
    return registry.plugins()[0].plugin;
  }

  async #create(
    request: Extract<ToPlugin, { type: "create" }>,
  ): Promise<Described> {
    const { seat, kind, options } = request;
    const part = this.#part(request);
    if (!isIsolable(kind)) throw new PluginError(`a ${kind} is not isolated`);
    const made: unknown = await part.create(
      options,
      this.#host(request.host),
    );
    if (typeof made !== "object" || made === null) {
      throw new PluginError(
        `\`create\` gave ${
          made === null ? "null" : typeof made
        }, not an object`,
      );
    }
    return this.#seat(seat, kind, made);
  }

  /** A host that makes the plugin's own parts here, and the others over there. */
  #host(data: HostData): Host {
    const host: Host = {
      ...hostOf(data),
      create: async <K extends Kind>(
        kind: K,
        choice: Choice,
      ): Promise<KindMap[K]> => {
        const { use, ...options } = typeof choice === "string"
          ? { use: choice }
          : choice as { readonly use: string };
        const own = this.#plugin().parts.find((p) =>
          p.kind === kind && p.name === use
        );
        if (own === undefined) return await hostOf(data).create(kind, choice);
        const checked = await own.options["~standard"].validate(options);
        if (checked.issues !== undefined) {
          throw new PluginError(
            `the options of the ${kind} "${use}" are wrong: ${
              checked.issues.map(({ message }) => message).join("; ")
            }`,
          );
        }
        return await own.create(checked.value, host) as KindMap[K];
      },
    };
    return host;
  }

  #seat(seat: number, kind: Parameters<typeof describeMade>[0], made: object) {
    this.#seats.set(seat, made);
    return describeMade(kind, { seat, made });
  }

  async #call(
    { seat, method, calls }: Extract<ToPlugin, { type: "call" }>,
  ): Promise<void> {
    const answers = new Answers();
    const shown: Shown = new Map();
    for (const args of calls) {
      answers.beforeCall();
      answers.add(
        asItIsNow(await this.#outcome({ seat, method }, args, shown)),
      );
    }
    answers.end();
  }

  /** What the calls of each row gave, up to one that threw or gave what the next cannot take. */
  async #chain(
    { steps, calls }: Extract<ToPlugin, { type: "chain" }>,
  ): Promise<void> {
    const answers = new Answers();
    const nothing: Shown = new Map();
    for (const first of calls) {
      const value: Outcome[] = [];
      let args: readonly unknown[] | null = first;
      for (const step of steps) {
        if (args === null) break;
        answers.beforeCall();
        const outcome: Outcome = await this.#outcome(step, args, nothing);
        value.push(asItIsNow(outcome));
        args = "value" in outcome ? nextArgs(step, outcome.value) : null;
      }
      answers.add({ value });
    }
    answers.end();
  }

  /** Not a promise where the part gives none: rows are many. */
  #outcome(
    { seat, method }: ChainStep,
    args: readonly unknown[],
    shown: Shown,
  ): Outcome | Promise<Outcome> {
    try {
      enter(seat);
      const value = this.#one(seat, method, args, shown);
      return value instanceof Promise
        ? value.then((value) => ({ value }), errorOutcome)
        : { value };
    } catch (error) {
      return errorOutcome(error);
    }
  }

  #one(
    seat: number,
    method: string,
    args: readonly unknown[],
    shown: Shown,
  ): unknown {
    const made = this.#seats.get(seat);
    if (made === undefined) throw new PluginError("it holds no such part");
    // what a call gives that has methods of its own is held here, under the number that the caller chose
    if (method === "choose") {
      const [sample, inner] = args;
      const chosen = called(made, method, [sample]);
      if (!isObject(chosen) || !isObject(chosen.format)) {
        throw new PluginError("`choose` gave no format");
      }
      const { format, name, reason } = chosen;
      return {
        name,
        reason,
        format: this.#seat(Number(inner), "format", format),
      };
    }
    if (method === "open") {
      const [request, inner] = args;
      return Promise.resolve(called(made, method, [request])).then((store) => {
        if (!isObject(store)) throw new PluginError("`open` gave no store");
        return this.#seat(Number(inner), "store", store);
      });
    }
    if (method === "asks") {
      const [rows, stops] = args;
      return called(made, method, [rows, {
        stops,
        request: (prompt: string) => ask("request", [prompt]),
        written: (prompt: unknown) => ask("written", [prompt]),
      }]);
    }
    const [first] = args;
    if (isObject(first) && ROW in first) {
      const { [ROW]: row, ...tokenized } = first;
      for (const name of ["text", "encoding"]) {
        if (name in tokenized) continue;
        later(tokenized, name, () => {
          const all = shown.get(name) ?? ask(ROW, [name]) as unknown[];
          shown.set(name, all);
          return all[Number(row)];
        });
      }
      return called(made, method, [tokenized, ...args.slice(1)]);
    }
    return called(made, method, args);
  }
}

/** What the masker of a request has looked at, of all rows. */
type Shown = Map<string, readonly unknown[]>;

/** A member that is read when somebody looks at it. */
function later(object: object, name: string, read: () => unknown): void {
  const set = (value: unknown) =>
    void Object.defineProperty(object, name, {
      enumerable: true,
      configurable: true,
      writable: true,
      value,
    });
  Object.defineProperty(object, name, {
    enumerable: true,
    configurable: true,
    get: () => {
      const value = read();
      set(value);
      return value;
    },
    set,
  });
}

/** What the next call of a chain gets; null where what was given is not for it. */
function nextArgs(
  { method }: ChainStep,
  value: unknown,
): readonly unknown[] | null {
  if (!isObject(value)) return null;
  // several sequences, and tokens, are rendered by nobody or one by one
  if (method === "parse") {
    return "sequences" in value || "ids" in value ? null : [value];
  }
  const { text, spans, addBos } = value;
  if (typeof text !== "string" || !Array.isArray(spans)) return null;
  // a masker may write to what it is shown: it changes nothing
  const tokenized = { text, spans: spans.map((span) => ({ ...span })) };
  later(tokenized, "encoding", () => ask(TOKENS, [text, addBos]));
  return [tokenized];
}

function called(
  made: object,
  method: string,
  args: readonly unknown[],
): unknown {
  const found: unknown = Reflect.get(made, method);
  if (typeof found !== "function") {
    throw new PluginError(`\`${method}\` is no function`);
  }
  return found.apply(made, args);
}

/** A host whose facts are here, and whose functions are the other process's. */
function hostOf(data: HostData): Host {
  const { tokenizer, modelConfig, modelDir, seed } = data;
  return {
    modelDir,
    modelConfig,
    seed,
    tokenizer: tokenizer === null ? null : {
      ...tokenizer as Pick<
        NonNullable<Host["tokenizer"]>,
        | "vocabSize"
        | "specialTokens"
        | "specialIds"
        | "chatTemplate"
        | "addsBos"
      >,
      idOf: (token) => ask("idOf", [token]) as number | null,
      tokenOf: (id) => ask("tokenOf", [id]) as string | null,
      isSpecial: (id) => ask("isSpecial", [id]) as boolean,
    },
    resolvePath: (path) => String(ask("resolvePath", [path])),
    list: (kind) => ask("list", [kind]) as string[],
    notice: (message) => void ask("notice", [message]),
    create: (kind, choice) => {
      const { index, described } = ask("create", [kind, choice]) as {
        index: number;
        described: Described;
      };
      return Promise.resolve(
        partOf(kind, described, {
          call: (method, args) => ask("call", [index, method, ...args]),
        }),
      );
    },
  };
}

async function outcomeOf(body: () => unknown): Promise<Outcome> {
  try {
    return { value: await body() };
  } catch (error) {
    return errorOutcome(error);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
