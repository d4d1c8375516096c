/**
 * Memory that a thread shares with the thread that owns a plugin's process: the first waits, blocked or not, until
 * the second has put one message in. Parts are synchronous, pipes are not.
 * @module
 */
import { MOST_FRAME_BYTES } from "./messages.ts";

/** What is in a mailbox. */
export type Mail =
  /** A frame's bytes. */
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  /** The process has ended, and why, as JSON: see `Ended`. */
  | { readonly kind: "ended"; readonly bytes: Uint8Array };

/** The memory of a mailbox, as it is sent to another thread. */
export interface MailboxMemory {
  readonly head: SharedArrayBuffer;
  readonly request: SharedArrayBuffer;
  readonly answer: SharedArrayBuffer;
}

const KINDS = ["frame", "ended"] as const;
/** Cells of the head: whether an answer is there, its bytes, its kind; requests so far, the bytes of the last. */
const FULL = 0, BYTES = 1, KIND = 2, REQUESTS = 3, REQUEST_BYTES = 4;
const MOST = { maxByteLength: MOST_FRAME_BYTES + 16 };

/** One side of it. */
export class Mailbox {
  readonly #head: Int32Array<SharedArrayBuffer>;

  constructor(
    readonly memory: MailboxMemory = {
      head: new SharedArrayBuffer(20),
      request: new SharedArrayBuffer(2 ** 12, MOST),
      answer: new SharedArrayBuffer(2 ** 12, MOST),
    },
  ) {
    this.#head = new Int32Array(memory.head);
  }

  /** Writes a request and wakes the owner of the process. A message to its thread would cost 500 times as much. */
  writeRequest(frame: Uint8Array): void {
    write(this.memory.request, frame);
    this.#head[REQUEST_BYTES] = frame.length;
    Atomics.add(this.#head, REQUESTS, 1);
    Atomics.notify(this.#head, REQUESTS);
  }

  /** The requests, copied, as they come. */
  async *requests(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let seen = 0;; seen++) {
      while (Atomics.load(this.#head, REQUESTS) === seen) {
        const { async, value } = Atomics.waitAsync(this.#head, REQUESTS, seen);
        if (async) await value;
      }
      const bytes = this.#head[REQUEST_BYTES];
      yield read(this.memory.request, bytes);
    }
  }

  /** Puts an answer in and wakes who waits. */
  answer(kind: Mail["kind"], bytes: Uint8Array): void {
    write(this.memory.answer, bytes);
    this.#head[BYTES] = bytes.length;
    this.#head[KIND] = KINDS.indexOf(kind);
    Atomics.store(this.#head, FULL, 1);
    Atomics.notify(this.#head, FULL);
  }

  /** The answer, which is taken out; null where none is there after so long. Blocks the thread. */
  wait(timeoutMs: number): Mail | null {
    const until = performance.now() + timeoutMs;
    for (let left = timeoutMs;; left = until - performance.now()) {
      // who answers may be held up between the answer and its notice, which then ends the wait for the next one
      Atomics.wait(this.#head, FULL, 0, Math.max(0, left));
      const mail = this.take();
      if (mail !== null || left <= 0) return mail;
    }
  }

  /** The answer, which is taken out; null where none is there. */
  take(): Mail | null {
    if (Atomics.load(this.#head, FULL) === 0) return null;
    const bytes = read(this.memory.answer, this.#head[BYTES]);
    const kind = KINDS[this.#head[KIND]];
    Atomics.store(this.#head, FULL, 0);
    return { kind, bytes };
  }
}

/** A copy; \`slice\` of shared memory takes ten times as long. */
function read(memory: SharedArrayBuffer, bytes: number) {
  const copy = new Uint8Array(bytes);
  copy.set(new Uint8Array(memory, 0, bytes));
  return copy;
}

function write(memory: SharedArrayBuffer, bytes: Uint8Array): void {
  if (memory.byteLength < bytes.length) {
    memory.grow(Math.min(MOST.maxByteLength, 2 * bytes.length));
  }
  new Uint8Array(memory, 0, bytes.length).set(bytes);
}
