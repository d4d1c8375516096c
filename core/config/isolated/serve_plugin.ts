/**
 * Runs in the process of an isolated plugin: makes its parts and calls them, one request at a time. Reading blocks,
 * so that nothing of the plugin runs between requests.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import {
  type AnyPart,
  type Choice,
  type Host,
  type Kind,
  type KindMap,
  type Plugin,
  Registry,
} from "../../contracts/plugin.ts";
import { manifestOf } from "./describe_plugin.ts";
import {
  type Described,
  errorOutcome,
  FRAME_HEAD,
  fromFrame,
  type FromPlugin,
  type HostData,
  type Outcome,
  toFrame,
  TOKENS_OF,
  type ToPlugin,
  valueOf,
} from "./messages.ts";
import { describeMade, isIsolable, partOf } from "./part_members.ts";

// what a plugin prints must not come between the answers
for (const name of ["log", "info", "debug", "dir", "table"] as const) {
  console[name] = console.error;
}

/** Answers are sent after so much time, so that who waits knows that it is worked. */
const FLUSH_MS = 250;

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
    let outcomes: Outcome[] = [];
    let since = performance.now();
    for (const args of calls) {
      if (performance.now() - since > FLUSH_MS) {
        say(outcomes, false);
        expect("more");
        outcomes = [];
        since = performance.now();
      }
      let given: Outcome;
      try {
        const value = this.#one(seat, method, args);
        given = { value: value instanceof Promise ? await value : value };
      } catch (error) {
        given = errorOutcome(error);
      }
      outcomes.push(given);
    }
    say(outcomes);
  }

  #one(seat: number, method: string, args: readonly unknown[]): unknown {
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
    if (isObject(first) && TOKENS_OF in first) {
      const { [TOKENS_OF]: row, ...tokenized } = first;
      return called(made, method, [
        withTokens(tokenized, row),
        ...args.slice(1),
      ]);
    }
    return called(made, method, args);
  }
}

/** A row whose tokens are asked for when somebody looks at them. */
function withTokens(tokenized: object, row: unknown): object {
  let encoding: unknown;
  return Object.defineProperty(tokenized, "encoding", {
    enumerable: true,
    configurable: true,
    get: () => encoding ??= ask(TOKENS_OF, [row]),
  });
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

/** Asks the process that is waiting for an answer; blocks. */
function ask(method: string, args: readonly unknown[]): unknown {
  send({ type: "callback", method, args });
  return valueOf(expect("returned").outcome);
}

function expect<T extends ToPlugin["type"]>(
  type: T,
): Extract<ToPlugin, { type: T }> {
  const message = read();
  if (message === null) Deno.exit(0);
  if (message.type !== type) throw new TypeError(`Expected ${type}`);
  return message as Extract<ToPlugin, { type: T }>;
}

async function outcomeOf(body: () => unknown): Promise<Outcome> {
  try {
    return { value: await body() };
  } catch (error) {
    return errorOutcome(error);
  }
}

/** Sends answers; those that are no data become errors. */
function say(outcomes: readonly Outcome[], done = true): void {
  try {
    send({ type: "answers", outcomes, done });
  } catch {
    const checked = outcomes.map((outcome): Outcome => {
      try {
        toFrame({ type: "answers", outcomes: [outcome], done });
        return outcome;
      } catch (error) {
        return errorOutcome(
          new PluginError(
            `it gave what cannot be sent to another process: ${
              error instanceof Error ? error.message : String(error)
            }`,
          ),
        );
      }
    });
    send({ type: "answers", outcomes: checked, done });
  }
}

function send(message: FromPlugin): void {
  const frame = toFrame(message);
  for (let at = 0; at < frame.length;) {
    at += Deno.stdout.writeSync(frame.subarray(at));
  }
}

/** The next request; null where nobody asks any more. Blocks. */
function read(): ToPlugin | null {
  const head = readBytes(FRAME_HEAD);
  if (head === null) return null;
  const bytes = readBytes(new DataView(head.buffer).getUint32(0, true));
  return bytes === null ? null : fromFrame(bytes) as ToPlugin;
}

function readBytes(count: number): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = Deno.stdin.readSync(bytes.subarray(at));
    if (read === null) return null;
    at += read;
  }
  return bytes;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
