/**
 * The process of one isolated plugin, as the thread that uses it sees it: calls that block, calls that are awaited,
 * many calls at once. A process that ends (it crashed, or passed a limit) is started again, a few times, with the
 * parts that it had; the call that ends it twice is refused.
 * @module
 */
import { Worker as NodeWorker } from "node:worker_threads";
import { PluginError } from "../../contracts/errors.ts";
import { ownModule } from "../../io/start_worker.ts";
import {
  type BridgeCommand,
  type Ended,
  type Limits,
  LOAD_MS,
} from "./bridge.ts";
import { childArgs } from "./deno_child.ts";
import { reasonIn } from "./manifest.ts";
import { Mailbox } from "./mailbox.ts";
import {
  type ChainStep,
  errorOutcome,
  fromFrame,
  isFromPlugin,
  isOutcome,
  type Outcome,
  toFrame,
  TOKENS,
  type ToPlugin,
  valueOf,
} from "./messages.ts";
import type { BatchedCalls } from "./part_members.ts";

/** What a carrier is made for. */
export interface CarrierOptions {
  /** URL of the plugin's module. */
  readonly url: string;
  /** The module, as people are shown it. */
  readonly module: string;
  /** What its process may take. */
  readonly limits: Limits;
  /** Granted permissions, as flags of Deno. */
  readonly flags: readonly string[];
}

/** Answers what the plugin's process asks while it works. May be a promise where the call is awaited. */
export type Callback = (
  method: string,
  args: readonly unknown[],
  /** The part that asks. */
  seat: number,
) => unknown;

/** How many calls are made. */
export interface ManyOptions {
  /** Whether each is sent in a message of its own. */
  readonly isAlone?: boolean;
  /** Answers what is asked meanwhile; where it gives nothing, who answered when the part was made. */
  readonly answer?: Callback;
}

/** Something that a process holds, and how it is made again in a new one. */
interface Seat {
  readonly request: Extract<ToPlugin, { type: "create" | "call" }>;
  readonly callback: Callback;
}

/** Times that a process is started again. */
const MOST_RESTARTS = 5;
/** How much longer than its limit a silent process is waited for: whoever ends it needs a moment. */
const SPARE_MS = LOAD_MS + 10_000;

const noCallback: Callback = (method) => {
  throw new PluginError(`there is nothing that answers \`${method}\` here`);
};

/** Ends the processes of carriers that nobody has any more: a program may load many runs. */
const FORGOTTEN: FinalizationRegistry<NodeWorker> = new FinalizationRegistry(
  (worker) => void worker.terminate(),
);

class ProcessEnded extends Error {
  constructor(readonly ended: Ended) {
    super("The process of a plugin has ended");
  }
}

/** Holds one process. Dispose of it to end the process, whatever it does. */
export class Carrier implements Disposable {
  readonly #options: CarrierOptions;
  readonly #seats = new Map<number, Seat>();
  #worker: NodeWorker | null = null;
  #mailbox = new Mailbox();
  #restarts = 0;
  #nextSeat = 1;
  /** Awaited calls, one behind the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #isBusy = false;

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  /** The module, as people are shown it. */
  get module(): string {
    return this.#options.module;
  }

  /** A number for something new that the process is to hold. */
  newSeat(): number {
    return this.#nextSeat++;
  }

  /** What holds a number, once its call has been answered: it is made again where the process is. */
  keep(seat: number, request: Seat["request"]): void {
    const callback = this.#callbackOf(request.seat);
    this.#seats.set(seat, { request, callback });
  }

  /** One call that is awaited. Throws what it throws, and `PluginError` where the process ends twice. */
  ask(request: ToPlugin, callback: Callback = noCallback): Promise<unknown> {
    const asked = this.#queue.then(() => this.#ask(request, callback));
    this.#queue = asked.catch(() => {});
    return asked;
  }

  /** One call that blocks. */
  call(seat: number, method: string, args: readonly unknown[]): unknown {
    const [outcome] = this.many(seat, method, [args]);
    return valueOf(outcome);
  }

  /** Many calls that block: what each gave or threw, in order, up to one that ends the process. */
  many(
    seat: number,
    method: string,
    calls: readonly (readonly unknown[])[],
    { isAlone = false, answer }: ManyOptions = {},
  ): Outcome[] {
    const outcomes: Outcome[] = [];
    const callback = this.#callbackOf(seat, answer);
    let oneByOne = isAlone;
    while (outcomes.length < calls.length) {
      const rest = calls.slice(
        outcomes.length,
        oneByOne ? outcomes.length + 1 : undefined,
      );
      const request = { type: "call", seat, method, calls: rest } as const;
      const ended = this.#attempt(request, { callback, outcomes });
      if (ended === null) continue;
      // which of them it was is known when it is called alone
      if (oneByOne) {
        outcomes.push(errorOutcome(this.#errorOf(ended, method)));
        return outcomes;
      }
      oneByOne = true;
      this.#mayRestart(ended, method);
    }
    return outcomes;
  }

  /** See `BatchedCalls.chain`. Blocks. */
  chain(
    steps: readonly ChainStep[],
    calls: readonly (readonly unknown[])[],
    tokens: Parameters<BatchedCalls["chain"]>[2],
  ): readonly Outcome[][] {
    const outcomes: Outcome[] = [];
    const callback: Callback = (method, args, seat) =>
      method === TOKENS
        ? tokens({ text: String(args[0]), addBos: args[1] === true })
        : this.#callbackOf(seat)(method, args, seat);
    const request = { type: "chain", steps, calls } as const;
    const ended = this.#attempt(request, { callback, outcomes });
    if (ended !== null) this.#mayRestart(ended, steps[0].method);
    return outcomes.map((outcome) => {
      const gave = valueOf(outcome);
      if (
        Array.isArray(gave) && gave.length > 0 &&
        gave.length <= steps.length && gave.every(isOutcome)
      ) return gave;
      throw this.#noAnswer();
    });
  }

  /** Who answers what a part asks. */
  #callbackOf(seat: number, first?: Callback): Callback {
    const known = this.#seats.get(seat)?.callback ?? noCallback;
    if (first === undefined) return known;
    return (...asked) => first(...asked) ?? known(...asked);
  }

  /** Sends calls; gives why the process has ended, null where it has not. */
  #attempt(request: ToPlugin, into: Receiving): Ended | null {
    if (this.#isBusy) {
      throw new PluginError(
        `The plugin ${this.module} cannot be called while it is waited for`,
      );
    }
    try {
      this.#start();
      this.#block(request, into);
      return null;
    } catch (error) {
      if (!(error instanceof ProcessEnded)) throw error;
      this.#hasEnded();
      return error.ended;
    }
  }

  /** Ends the process. */
  [Symbol.dispose](): void {
    this.#seats.clear();
    this.#hasEnded();
  }

  async #ask(request: ToPlugin, callback: Callback): Promise<unknown> {
    for (let isAgain = false;; isAgain = true) {
      try {
        this.#start();
        const outcomes: Outcome[] = [];
        await this.#wait(request, { callback, outcomes });
        const value = valueOf(
          outcomes[0] ?? { error: { name: "Error", message: "no answer" } },
        );
        if (request.type === "create") {
          this.#seats.set(request.seat, { request, callback });
        }
        return value;
      } catch (error) {
        if (!(error instanceof ProcessEnded)) throw error;
        this.#hasEnded();
        const method = request.type === "call" ? request.method : request.type;
        if (isAgain || request.type === "describe") {
          throw this.#errorOf(error.ended, method);
        }
        this.#mayRestart(error.ended, method);
      }
    }
  }

  #start(): void {
    if (this.#worker !== null) return;
    const { url, module, limits, flags } = this.#options;
    // first: where no process can be started, no thread is
    const args = childArgs({
      url,
      served: ownModule(new URL("./serve_plugin.ts", import.meta.url)).href,
      args: [module],
      heapMB: limits.memoryMB,
      flags,
    });
    this.#mailbox = new Mailbox();
    const bridge = ownModule(new URL("./bridge.ts", import.meta.url)).href;
    // a worker of `node:worker_threads` does not keep the program alive, and takes no module from elsewhere by URL
    this.#worker = new NodeWorker(
      `import(${JSON.stringify(bridge)}).then((m) => m.serveBridge());`,
      { eval: true },
    );
    this.#worker.unref();
    FORGOTTEN.register(this, this.#worker);
    this.#post({
      type: "start",
      program: Deno.execPath(),
      args,
      limits,
      memory: this.#mailbox.memory,
    });
    // what the process before it held
    for (const { request, callback } of this.#seats.values()) {
      const outcomes: Outcome[] = [];
      this.#block(request, { callback, outcomes });
      outcomes.forEach(valueOf);
    }
  }

  #mayRestart(ended: Ended, method: string): void {
    if (++this.#restarts <= MOST_RESTARTS) return;
    throw new PluginError(
      `${
        this.#errorOf(ended, method).message
      }; it was started again ${MOST_RESTARTS} times`,
    );
  }

  #hasEnded(): void {
    this.#post({ type: "end" });
    this.#worker?.terminate();
    this.#worker = null;
  }

  #post(command: BridgeCommand): void {
    this.#worker?.postMessage(command);
  }

  /** Sends a request and blocks until it is answered. */
  #block(request: ToPlugin, into: Receiving): void {
    let next: ToPlugin | null = request;
    while (next !== null) {
      this.#send(next);
      const mail = this.#mailbox.wait(this.#options.limits.timeMs + SPARE_MS);
      const reply = this.#received(mail, into);
      if (reply instanceof Promise) {
        throw new PluginError(
          "it asks for what takes time where it cannot be waited for",
        );
      }
      next = reply;
    }
  }

  /** Sends a request and waits until it is answered; other things happen meanwhile. */
  async #wait(request: ToPlugin, into: Receiving): Promise<void> {
    this.#isBusy = true;
    try {
      let next: ToPlugin | null = request;
      while (next !== null) {
        this.#send(next);
        const until = performance.now() + this.#options.limits.timeMs +
          SPARE_MS;
        let mail = this.#mailbox.take();
        for (let ms = 1; mail === null && performance.now() < until;) {
          await new Promise((resolve) => setTimeout(resolve, ms));
          ms = Math.min(10, ms + 1);
          mail = this.#mailbox.take();
        }
        // a part that is made of one that is made of it would wait for ever
        next = await withinMs(
          this.#received(mail, into),
          this.#options.limits.timeMs,
        );
      }
    } finally {
      this.#isBusy = false;
    }
  }

  #send(message: ToPlugin): void {
    this.#mailbox.writeRequest(toFrame(message));
  }

  /** What is sent next; null where nothing is. */
  #received(
    mail: ReturnType<Mailbox["take"]>,
    { callback, outcomes }: Receiving,
  ): ToPlugin | null | Promise<ToPlugin> {
    if (mail === null) throw new ProcessEnded(LATE);
    if (mail.kind === "ended") {
      throw new ProcessEnded(JSON.parse(new TextDecoder().decode(mail.bytes)));
    }
    let message: unknown;
    try {
      message = fromFrame(mail.bytes);
    } catch {
      message = null;
    }
    if (!isFromPlugin(message)) {
      throw this.#noAnswer();
    }
    if (message.type === "answers") {
      outcomes.push(...message.outcomes);
      return message.done ? null : { type: "more" };
    }
    const back = (outcome: Outcome): ToPlugin => ({
      type: "returned",
      outcome,
    });
    try {
      const value = callback(message.method, message.args, message.seat);
      return value instanceof Promise
        ? value.then((value) => back({ value }), (e) => back(errorOutcome(e)))
        : back({ value });
    } catch (error) {
      return back(errorOutcome(error));
    }
  }

  #noAnswer(): PluginError {
    this.#hasEnded();
    return new PluginError(
      `The plugin ${this.module} broke off: its process wrote what is no answer`,
    );
  }

  #errorOf(ended: Ended, method: string): PluginError {
    const { timeMs, memoryMB } = this.#options.limits;
    const isLoading = method === "describe";
    const what = isLoading
      ? `Cannot load the isolated plugin ${this.module}`
      : `\`${method}\` of the isolated plugin ${this.module} gave no answer`;
    return new PluginError(
      `${what}: ${whyEnded(ended, { timeMs, memoryMB })}`,
    );
  }
}

/** Who answers a plugin's process while it works, and where its answers go. */
interface Receiving {
  readonly callback: Callback;
  readonly outcomes: Outcome[];
}

async function withinMs<T>(given: T | Promise<T>, ms: number): Promise<T> {
  if (!(given instanceof Promise)) return given;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProcessEnded(LATE)), ms);
  });
  try {
    return await Promise.race([given, late]);
  } finally {
    clearTimeout(timer);
  }
}

const LATE: Ended = { why: "late", code: 1, signal: null, stderr: "" };

function whyEnded(ended: Ended, { timeMs, memoryMB }: Limits): string {
  const { why, code, signal, stderr } = ended;
  const memory =
    `it took more than ${memoryMB} MB of memory, its \`memory_limit\``;
  switch (why) {
    case "late":
      return `it did not answer within ${timeMs / 1000} s, its \`time_limit\``;
    case "memory":
      return memory;
    case "long":
      return "its answer is too long";
    case "none":
      return `no process could be started: ${stderr}`;
  }
  if (stderr.includes("out of memory")) return memory;
  const reason = reasonIn(stderr);
  const said = reason === null ? "" : `: ${reason}`;
  return signal === null
    ? `it ended its process with code ${code}${said}`
    : `its process was ended by ${signal}${said}`;
}
