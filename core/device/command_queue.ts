/**
 * Does the commands of a host strictly in order, also where an executor is asynchronous, and keeps the
 * rule of errors:
 *
 * ```text
 * write  run  run(throws)  run  write  read          run  read
 *  done  done  remembered  skipped..   rejects with   done answered
 *                                      the error
 * ```
 * @module
 */
import { release } from "../io/release.ts";
import type { Executor } from "./executor.ts";
import {
  type Answer,
  type AnswerValue,
  type Command,
  type ErrorData,
  errorToData,
  type SharedState,
} from "./protocol.ts";

/** Hands an answer to the host; `transfer` names what may be moved instead of copied. */
export type Send = (answer: Answer, transfer?: Transferable[]) => void;

type ReadCommand = Extract<Command, { type: "read" }>;

/** Bytes that are read together: more than that waits as long by itself. */
const MOST_READ = 64 * 2 ** 20;

/** The queue in front of one executor. */
export class CommandQueue {
  readonly #executor: Executor;
  readonly #shared: SharedState;
  readonly #send: Send;
  readonly #waiting: Command[] = [];
  #busy = false;
  #fingerprint: string;
  /** The first error of enqueued work that no answer has carried to the host yet. */
  #failure: ErrorData | null = null;

  constructor(executor: Executor, shared: SharedState, send: Send) {
    this.#executor = executor;
    this.#fingerprint = executor.info.fingerprint;
    this.#shared = shared;
    this.#send = send;
  }

  /** Enqueues a command; it is done at once if nothing is before it and the executor is synchronous. */
  push(command: Command): void {
    this.#waiting.push(command);
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    for (
      let command = this.#waiting.shift();
      command !== undefined;
      command = this.#waiting.shift()
    ) {
      if (command.type === "read" && this.#executor.readMany !== undefined) {
        await Promise.resolve(); // who asks for several in one turn is given them together
        const reads = this.#readsFrom(command);
        if (reads.length > 1 && await this.#readTogether(reads)) continue;
      }
      let answer: () => void;
      try {
        const result = this.#start(command);
        // Awaiting only promises keeps a synchronous executor within the turn of its message.
        const value = result instanceof Promise ? await result : result;
        answer = () => this.#succeeded(command, value ?? undefined);
      } catch (error) {
        answer = () => this.#failed(command, errorToData(error));
      }
      this.#shared.countDone(); // before the answer: who has it finds the command done
      answer();
    }
    this.#busy = false;
  }

  /** A read and those that wait right behind it; none of these where a failure is to be told first. */
  #readsFrom(first: ReadCommand): ReadCommand[] {
    const reads = [first];
    if (this.#failure !== null || this.#shared.closing) return reads;
    let bytes = first.byteLength;
    for (const command of this.#waiting) {
      if (command.type !== "read") break;
      bytes += command.byteLength;
      if (bytes > MOST_READ) break;
      reads.push(command);
    }
    return reads;
  }

  /**
   * Answers reads in one go. False where that failed: they are then done one by one, so that the error reaches the
   * one that caused it.
   */
  async #readTogether(reads: readonly ReadCommand[]): Promise<boolean> {
    let copies: readonly ArrayBuffer[] | undefined;
    try {
      copies = await this.#executor.readMany?.(reads);
    } catch {
      // the first of them will say why
    }
    if (copies === undefined) return false;
    this.#waiting.splice(0, reads.length - 1);
    for (const [i, command] of reads.entries()) {
      this.#shared.countDone();
      this.#succeeded(command, copies[i]);
    }
    return true;
  }

  /** Starts a command, or does nothing where an earlier failure or the closing of the device skips it. */
  #start(command: Command): AnswerValue | void | Promise<AnswerValue | void> {
    const executor = this.#executor;
    if (command.type === "close") return executor.close();
    if (this.#shared.closing) return undefined;
    switch (command.type) {
      case "allocate":
        return executor.allocate(command.id, command.bytes, command.label);
      case "free":
        return executor.free(command.id);
      case "write":
        return this.#write(command);
      case "run":
        return this.#failure === null
          ? executor.run(command.id, command.extents)
          : undefined;
      case "read":
        return this.#failure === null
          ? executor.read(command.id, command.byteOffset, command.byteLength)
          : undefined;
      case "map":
        return this.#failure === null ? executor.map?.(command.ids) : undefined;
      case "compile":
        return this.#failure === null
          ? executor.compile(command.id, command.plan)
          : undefined;
      case "idle":
        return executor.idle();
      case "profile":
        return executor.profile?.() ?? [];
    }
  }

  /**
   * Writes. The last write of a memory gives it back at once: garbage of this size would wait long to be collected.
   */
  #write(
    { id, byteOffset, bytes }: Extract<Command, { type: "write" }>,
  ): void | Promise<void> {
    const isLast =
      bytes.byteOffset + bytes.byteLength === bytes.buffer.byteLength;
    const drop = () => isLast ? release(bytes) : undefined;
    if (this.#failure !== null) return drop();
    const written = this.#executor.write(id, byteOffset, bytes);
    return written instanceof Promise ? written.then(drop) : drop();
  }

  #succeeded(command: Command, value: AnswerValue): void {
    if (!("request" in command)) return;
    if (command.type === "compile") this.#sendChanges();
    if (
      this.#failure !== null && command.type !== "profile" &&
      command.type !== "close"
    ) {
      const error = this.#failure;
      this.#failure = null; // reported once
      this.#send({ type: "failed", request: command.request, error });
      return;
    }
    this.#send(
      { type: "answer", request: command.request, value },
      value instanceof ArrayBuffer ? [value] : undefined,
    );
  }

  #sendChanges(): void {
    const { info } = this.#executor;
    if (info.fingerprint === this.#fingerprint) return;
    this.#fingerprint = info.fingerprint;
    this.#send({ type: "changed", info });
  }

  #failed(command: Command, error: ErrorData): void {
    if ("request" in command) {
      // An earlier failure explains this one better than it explains itself.
      const cause = this.#failure ?? error;
      if (command.type !== "close") this.#failure = null;
      this.#send({ type: "failed", request: command.request, error: cause });
    } else {
      this.#failure ??= error;
    }
  }
}
