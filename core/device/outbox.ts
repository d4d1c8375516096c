/**
 * Commands on their way to a worker. What a worker does between two runs is wasted on all of its cores, and a message costs
 * it more than a command, and moved memory more than the same bytes in one piece. So small writes wait for the command
 * behind them and go in one memory, and runs wait for the turn's end while the worker is busy: a step of training writes a
 * dozen inputs, runs, and runs its update.
 * @module
 */
import type { Command } from "./protocol.ts";

/** Writes of more bytes go alone: what waits is held twice. */
const SMALL_WRITE = 64 * 1024;
/** Commands that go together at most. */
const MOST_HELD = 64;
/** Bytes that data begin at a multiple of, so that every type of number can be read where it is. */
const ALIGNMENT = 16;

type Write = Extract<Command, { type: "write" }>;

/** Sends commands in order. */
export class Outbox {
  readonly #send: (
    commands: readonly Command[],
    transfer: Transferable[],
  ) => void;
  readonly #pending: () => number;
  #held: Command[] = [];
  #transfer: Transferable[] = [];

  /** `pending`: commands that were posted and are not done, those that wait here included. */
  constructor(
    send: (commands: readonly Command[], transfer: Transferable[]) => void,
    pending: () => number,
  ) {
    this.#send = send;
    this.#pending = pending;
  }

  /** Takes a command: what may wait is sent with the next one that may not, or when this turn of the event loop ends. */
  post(command: Command, transfer: Transferable[]): void {
    const isBusy = this.#pending() > this.#held.length;
    const waits = isSmall(command) || isBusy && isPlainRun(command);
    if (waits && this.#held.length === 0) queueMicrotask(() => this.flush());
    this.#held.push(command);
    if (!isSmall(command)) this.#transfer.push(...transfer);
    if (!waits || this.#held.length >= MOST_HELD) this.flush();
  }

  /** Sends what waits. */
  flush(): void {
    const [commands, transfer] = [this.#held, this.#transfer];
    this.#held = [];
    this.#transfer = [];
    if (commands.length === 0) return;
    try {
      this.#together(commands, transfer);
    } catch (error) { // the last cannot be sent: those before it can
      if (commands.length > 1) {
        this.#together(commands.slice(0, -1), []);
      }
      throw error;
    }
  }

  #together(commands: readonly Command[], transfer: Transferable[]): void {
    const { gathered, memory } = inOneMemory(commands);
    this.#send(gathered, [...transfer, ...memory]);
  }
}

function isSmall(command: Command): command is Write {
  return command.type === "write" && command.bytes.byteLength <= SMALL_WRITE;
}

/** A run that can be sent: what cannot is to be said to its caller. */
function isPlainRun(command: Command): boolean {
  return command.type === "run" &&
    Object.values(command.extents).every((size) => typeof size === "number");
}

/** The same commands with the bytes of all small writes one behind the other: the last one ends with the memory. */
function inOneMemory(
  commands: readonly Command[],
): { gathered: readonly Command[]; memory: ArrayBuffer[] } {
  const offsets = new Map<Command, number>();
  let end = 0;
  for (const command of commands) {
    // one without bytes would be behind the memory's end
    if (!isSmall(command) || command.bytes.byteLength === 0) continue;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    offsets.set(command, offset);
    end = offset + command.bytes.byteLength;
  }
  if (end === 0) return { gathered: commands, memory: [] };
  const memory = new ArrayBuffer(end);
  const gathered = commands.map((command) => {
    const offset = offsets.get(command);
    if (offset === undefined || command.type !== "write") return command;
    const bytes = new Uint8Array(memory, offset, command.bytes.byteLength);
    bytes.set(command.bytes);
    return { ...command, bytes };
  });
  return { gathered, memory: [memory] };
}
