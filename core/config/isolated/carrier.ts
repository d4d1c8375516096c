/**
 * The process of one isolated plugin, as the thread that uses it sees it: calls that block, calls that are sent now
 * and waited for later, calls that are awaited, many calls at once. A process that ends (it crashed, or passed a
 * limit) is started again, a few times, with the parts that it had; the call that ends it twice is refused.
 *
 * ```text
 * this thread   send A ─► other work ─► outcomes of A        A is waited for before anything else is sent
 * the process     ····A····
 * ```
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Ended } from "./process/bridge.ts";
import { endedError, LATE, ProcessEnded } from "./process/ended.ts";
import {
  type ChainStep,
  errorOutcome,
  type FromPlugin,
  isOutcome,
  type Outcome,
  TOKENS,
  type ToPlugin,
  valueOf,
} from "./messages.ts";
import type { BatchedCalls } from "./part_members.ts";
import {
  PluginProcess,
  type ProcessOptions,
} from "./process/plugin_process.ts";

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

/** Who answers a plugin's process while it works, and where its answers go. */
interface Receiving {
  readonly callback: Callback;
  readonly outcomes: Outcome[];
}

/** A request that was sent, and how it went: null where the process has not ended, absent until it is known. */
interface Sent {
  readonly into: Receiving;
  /** That it was sent to; absent where none could be started. */
  process?: PluginProcess;
  result?: { readonly ended: Ended | null } | { readonly thrown: unknown };
}

/** Times that a process is started again. */
const MOST_RESTARTS = 5;

const noCallback: Callback = (method) => {
  throw new PluginError(`there is nothing that answers \`${method}\` here`);
};

/** Holds one process. Dispose of it to end the process, whatever it does. */
export class Carrier implements Disposable {
  readonly #options: ProcessOptions;
  readonly #seats = new Map<number, Seat>();
  #process: PluginProcess | null = null;
  #restarts = 0;
  #nextSeat = 1;
  /** What was sent and is not waited for yet. */
  #sent: Sent | null = null;
  /** Awaited calls, one behind the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #isBusy = false;

  constructor(options: ProcessOptions) {
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

  /** Many calls that block: what each gave or threw, in order, up to one that ends the process. */
  many(
    seat: number,
    method: string,
    calls: readonly (readonly unknown[])[],
    options: ManyOptions = {},
  ): Outcome[] {
    return this.send(seat, method, calls, options)();
  }

  /** Sends many calls; gives what waits for them. */
  send(
    seat: number,
    method: string,
    calls: readonly (readonly unknown[])[],
    { isAlone = false, answer }: ManyOptions = {},
  ): () => Outcome[] {
    const outcomes: Outcome[] = [];
    const into = { callback: this.#callbackOf(seat, answer), outcomes };
    let oneByOne = isAlone;
    const sendRest = (): Sent => {
      const from = outcomes.length;
      const rest = calls.slice(from, oneByOne ? from + 1 : undefined);
      return this.#send({ type: "call", seat, method, calls: rest }, into);
    };
    let sent: Sent | null = calls.length === 0 ? null : sendRest();
    return () => {
      while (outcomes.length < calls.length) {
        const before = outcomes.length;
        const ended = this.#outcome(sent ?? sendRest());
        sent = null;
        if (ended === null) {
          const isOne = outcomes.length > before &&
            outcomes.length <= calls.length;
          if (!isOne) throw this.#noAnswer();
          continue;
        }
        // which of them it was is known when it is called alone
        if (oneByOne) {
          outcomes.push(errorOutcome(this.#errorOf(ended, method)));
          return outcomes;
        }
        oneByOne = true;
        this.#mayRestart(ended, method);
      }
      return outcomes;
    };
  }

  /** See `BatchedCalls.sendChain`. */
  sendChain(
    steps: readonly ChainStep[],
    calls: readonly (readonly unknown[])[],
    tokens: Parameters<BatchedCalls["sendChain"]>[2],
  ): () => readonly Outcome[][] {
    const outcomes: Outcome[] = [];
    const callback: Callback = (method, args, seat) =>
      method === TOKENS
        ? tokens({ text: String(args[0]), addBos: args[1] === true })
        : this.#callbackOf(seat)(method, args, seat);
    const sent = this.#send(
      { type: "chain", steps, calls },
      { callback, outcomes },
    );
    return () => {
      const ended = this.#outcome(sent);
      if (ended !== null) this.#mayRestart(ended, steps[0].method);
      else if (outcomes.length !== calls.length) throw this.#noAnswer();
      return outcomes.map((outcome) => {
        const gave = valueOf(outcome);
        if (
          Array.isArray(gave) && gave.length > 0 &&
          gave.length <= steps.length && gave.every(isOutcome)
        ) return gave;
        throw this.#noAnswer();
      });
    };
  }

  /** Ends the process. */
  [Symbol.dispose](): void {
    this.#seats.clear();
    this.#sent = null;
    this.#end();
  }

  /** Who answers what a part asks. */
  #callbackOf(seat: number, first?: Callback): Callback {
    const known = this.#seats.get(seat)?.callback ?? noCallback;
    if (first === undefined) return known;
    return (...asked) => first(...asked) ?? known(...asked);
  }

  /** Sends a request, behind one that was sent before. */
  #send(request: ToPlugin, into: Receiving): Sent {
    if (this.#isBusy) {
      throw new PluginError(
        `The plugin ${this.module} cannot be called while it is waited for`,
      );
    }
    this.#waitForSent();
    const sent: Sent = { into };
    try {
      sent.process = this.#start();
      sent.process.send(request);
      this.#sent = sent;
    } catch (error) {
      this.#failed(sent, error);
    }
    return sent;
  }

  /** Waits for a request; gives why the process has ended, null where it has not. Throws what it threw. */
  #outcome(sent: Sent): Ended | null {
    if (this.#sent === sent) this.#waitForSent();
    const result = sent.result ?? { ended: LATE };
    if ("thrown" in result) throw result.thrown;
    return result.ended;
  }

  #waitForSent(): void {
    const sent = this.#sent;
    if (sent?.process === undefined) return;
    this.#sent = null;
    try {
      this.#block(sent.process, sent.into);
      sent.result = { ended: null };
    } catch (error) {
      this.#failed(sent, error);
    }
  }

  #failed(sent: Sent, error: unknown): void {
    if (error instanceof ProcessEnded) {
      this.#end();
      sent.result = { ended: error.ended };
    } else sent.result = { thrown: error };
  }

  async #ask(request: ToPlugin, callback: Callback): Promise<unknown> {
    this.#waitForSent();
    for (let isAgain = false;; isAgain = true) {
      try {
        const process = this.#start();
        const outcomes: Outcome[] = [];
        process.send(request);
        await this.#wait(process, { callback, outcomes });
        const value = valueOf(
          outcomes[0] ?? { error: { name: "Error", message: "no answer" } },
        );
        if (request.type === "create") {
          this.#seats.set(request.seat, { request, callback });
        }
        return value;
      } catch (error) {
        if (!(error instanceof ProcessEnded)) throw error;
        this.#end();
        const method = request.type === "call" ? request.method : request.type;
        if (isAgain || request.type === "describe") {
          throw this.#errorOf(error.ended, method);
        }
        this.#mayRestart(error.ended, method);
      }
    }
  }

  #start(): PluginProcess {
    if (this.#process !== null) return this.#process;
    const process = new PluginProcess(this.#options);
    this.#process = process;
    // what the process before it held
    for (const { request, callback } of this.#seats.values()) {
      const outcomes: Outcome[] = [];
      process.send(request);
      this.#block(process, { callback, outcomes });
      outcomes.forEach(valueOf);
    }
    return process;
  }

  #end(): void {
    this.#process?.[Symbol.dispose]();
    this.#process = null;
  }

  #mayRestart(ended: Ended, method: string): void {
    if (++this.#restarts <= MOST_RESTARTS) return;
    throw new PluginError(
      `${
        this.#errorOf(ended, method).message
      }; it was started again ${MOST_RESTARTS} times`,
    );
  }

  /** Blocks until what was sent is answered. */
  #block(process: PluginProcess, into: Receiving): void {
    this.#isBusy = true;
    try {
      while (true) {
        const reply = this.#received(process.wait(), into);
        if (reply === null) return;
        if (reply instanceof Promise) {
          throw new PluginError(
            "it asks for what takes time where it cannot be waited for",
          );
        }
        process.send(reply);
      }
    } finally {
      this.#isBusy = false;
    }
  }

  /** Waits until what was sent is answered; other things happen meanwhile. */
  async #wait(process: PluginProcess, into: Receiving): Promise<void> {
    this.#isBusy = true;
    try {
      while (true) {
        // a part that is made of one that is made of it would wait for ever
        const reply = await withinMs(
          this.#received(await process.waitFor(), into),
          this.#options.limits.timeMs,
        );
        if (reply === null) return;
        process.send(reply);
      }
    } finally {
      this.#isBusy = false;
    }
  }

  /** What is sent next; null where nothing is. */
  #received(
    message: FromPlugin | null,
    { callback, outcomes }: Receiving,
  ): ToPlugin | null | Promise<ToPlugin> {
    if (message === null) throw this.#noAnswer();
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
    this.#end();
    return new PluginError(
      `The plugin ${this.module} broke off: its process wrote what is no answer`,
    );
  }

  #errorOf(ended: Ended, method: string): PluginError {
    const { limits } = this.#options;
    return endedError(ended, { module: this.module, method, limits });
  }
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
