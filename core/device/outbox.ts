/**
 * Commands on their way to a worker: small writes wait for the command behind them, and go with it in one message. A
 * step of training writes a dozen inputs before it runs.
 * @module
 */
import type { Command } from "./protocol.ts";

/** Writes of more bytes go alone: what waits is held twice. */
const SMALL_WRITE = 64 * 1024;
/** Writes that go together at most. */
const MOST_HELD = 64;

/** Sends commands in order. */
export class Outbox {
  readonly #send: (
    commands: readonly Command[],
    transfer: Transferable[],
  ) => void;
  #held: Command[] = [];
  #transfer: Transferable[] = [];

  constructor(
    send: (commands: readonly Command[], transfer: Transferable[]) => void,
  ) {
    this.#send = send;
  }

  /** Takes a command: a small write is sent with the next command, or when this turn of the event loop ends. */
  post(command: Command, transfer: Transferable[]): void {
    const waits = command.type === "write" &&
      command.bytes.byteLength <= SMALL_WRITE;
    if (waits && this.#held.length === 0) queueMicrotask(() => this.flush());
    this.#held.push(command);
    this.#transfer.push(...transfer);
    if (!waits || this.#held.length >= MOST_HELD) this.flush();
  }

  /** Sends what waits. */
  flush(): void {
    const [commands, transfer] = [this.#held, this.#transfer];
    this.#held = [];
    this.#transfer = [];
    if (commands.length === 0) return;
    try {
      this.#send(commands, transfer);
    } catch (error) { // the last cannot be sent: those before it can
      if (commands.length > 1) {
        this.#send(
          commands.slice(0, -1),
          transfer.slice(0, commands.length - 1),
        );
      }
      throw error;
    }
  }
}
