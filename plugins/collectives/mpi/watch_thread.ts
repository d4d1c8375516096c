/**
 * The watching thread of a rank: it sends a sign of life to the next rank every second, expects one of the rank
 * before, and passes on what it learns of a failure. Each rank is watched by one other, so that the messages grow
 * with the ranks, not with their square.
 *
 * ```text
 * rank 0 ──alive──► rank 1 ──alive──► rank 2 ──alive──► rank 0
 *                     x                 │ nothing for timeoutMs
 * rank 0 ◄──────"rank 1 is lost"────────┘
 * ```
 * @module
 */
import { openLibrary } from "./library.ts";
import type { FromWatch, ToWatch, WatchRequest } from "./rank_watch.ts";

const ALIVE = 1;
const FAILED = 2;
/** The last message of a rank: MPI may hang in the end where one was sent and nobody has taken it. */
const OVER = 3;
const LOOK_MS = 200;
const SIGN_MS = 1000;
const WAIT_MS = 10;
/** How long the report of a failure may take to leave. */
const REPORT_MS = 1500;
const MOST_BYTES = 8192;

/** A message on its way; its bytes must not be collected before it has left. */
interface Sent {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly request: BigUint64Array<ArrayBuffer>;
}

/** Watches one rank, and is watched by another. */
class Watch {
  readonly #of: WatchRequest;
  readonly #post: (message: FromWatch) => void;
  readonly #mpi: ReturnType<typeof openLibrary>;
  readonly #timer: ReturnType<typeof setInterval>;
  #lookedAt = performance.now();
  #heardAt = performance.now();
  #sentAt = -Infinity;
  #sign: Sent | null = null;
  #isOver = false;
  /** Whether the last message of the rank before has come: maybe while this one was still watching. */
  #isBeforeOver = false;

  constructor(request: WatchRequest, post: (message: FromWatch) => void) {
    this.#of = request;
    this.#post = post;
    this.#mpi = openLibrary({ path: request.path, first: null });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Reports a failure of this rank, or one that it has noticed, to all others. */
  async report(message: string): Promise<void> {
    this.#stop();
    while (this.#receive() !== null);
    const bytes = new TextEncoder().encode(message).subarray(0, MOST_BYTES);
    const { rank, world } = this.#of;
    let sent: Sent[] = [];
    for (let to = 0; to < world; to++) {
      if (to !== rank) sent.push(this.#send(to, FAILED, bytes.slice()));
    }
    const end = performance.now() + REPORT_MS;
    while (sent.length > 0 && performance.now() < end) {
      sent = sent.filter((one) => !this.#hasLeft(one));
      await sleep(WAIT_MS);
    }
  }

  /** Ends it, when all ranks do: once its own messages have left, and those of the rank before have all arrived. */
  async end(): Promise<void> {
    this.#stop();
    const { rank, world } = this.#of;
    const sent = [
      this.#sign,
      this.#send((rank + 1) % world, OVER, new Uint8Array(1)),
    ].filter((one) => one !== null);
    while (!this.#isBeforeOver || sent.length > 0) {
      const message = this.#receive();
      if (message?.tag === FAILED) return this.#lost(message.text);
      if (sent.length > 0 && this.#hasLeft(sent[0])) sent.shift();
      else if (message === null) await sleep(WAIT_MS);
    }
  }

  #stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#isOver) return;
    const now = performance.now();
    const { timeoutMs, labels, rank, world } = this.#of;
    // this process was stopped itself: what it missed is no fault of others
    if (now - this.#lookedAt > timeoutMs / 3) this.#heardAt = now;
    this.#lookedAt = now;
    for (;;) {
      const message = this.#receive();
      if (message === null) break;
      if (message.tag === FAILED) return this.#lost(message.text);
      this.#heardAt = now;
    }
    if (now - this.#sentAt >= SIGN_MS) {
      if (this.#sign === null || this.#hasLeft(this.#sign)) {
        this.#sign = this.#send((rank + 1) % world, ALIVE, new Uint8Array(1));
      }
      this.#sentAt = now;
    }
    if (now - this.#heardAt <= timeoutMs) return;
    const before = labels[(rank + world - 1) % world];
    const message = `${before} gave no sign of life for ${
      Math.round(timeoutMs / 1000)
    } seconds: it was killed, hangs, or its network is cut`;
    this.#lost(message);
    void this.report(message);
  }

  #lost(message: string): void {
    this.#stop();
    while (this.#receive() !== null);
    this.#post({ type: "lost", message });
  }

  /** The next message; null: there is none. */
  #receive(): { readonly tag: number; readonly text: string } | null {
    const { functions, handles } = this.#mpi;
    const { comm } = this.#of;
    const [flag, status] = [new Int32Array(1), new Int32Array(16)];
    const ANY_TAG = -1;
    functions.MPI_Iprobe(handles.anySource, ANY_TAG, comm, flag, status);
    if (flag[0] === 0) return null;
    const length = new Int32Array(1);
    functions.MPI_Get_count(status, handles.byte, length);
    const bytes = new Uint8Array(length[0]);
    const [source, tag] = [status[handles.sourceAt], status[handles.tagAt]];
    functions.MPI_Recv(
      bytes,
      bytes.length,
      handles.byte,
      source,
      tag,
      comm,
      status,
    );
    this.#isBeforeOver ||= tag === OVER;
    return { tag, text: new TextDecoder().decode(bytes) };
  }

  #send(to: number, tag: number, bytes: Uint8Array<ArrayBuffer>): Sent {
    const { functions, handles } = this.#mpi;
    const request = new BigUint64Array(1);
    functions.MPI_Isend(
      bytes,
      bytes.length,
      handles.byte,
      to,
      tag,
      this.#of.comm,
      request,
    );
    return { bytes, request };
  }

  #hasLeft({ request }: Sent): boolean {
    const [flag, status] = [new Int32Array(1), new Int32Array(16)];
    this.#mpi.functions.MPI_Test(request, flag, status);
    return flag[0] !== 0;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a worker has: the types of windows and workers cannot be loaded together. */
export interface WatchScope {
  onmessage: ((event: MessageEvent<ToWatch>) => void) | null;
  postMessage(message: FromWatch): void;
}

/** Makes a worker the watching thread of a rank. */
export function beWatch(scope: WatchScope): void {
  const post = (message: FromWatch) => scope.postMessage(message);
  let watch: Watch | null = null;
  let joining: ReturnType<typeof setTimeout> | undefined;
  scope.onmessage = async ({ data }) => {
    if (data.type === "join") {
      const { timeoutMs } = data;
      joining = setTimeout(() => endUnmet(timeoutMs), timeoutMs);
      post({ type: "ready" });
    } else if (data.type === "start") {
      clearTimeout(joining);
      watch = new Watch(data.request, post);
    } else if (data.type === "fail") {
      await watch?.report(data.message);
      post({ type: "reported" });
    } else {
      await watch?.end();
      post({ type: "stopped" });
    }
  };
}

/** Ends this process: its main thread waits in MPI for a rank that does not come. */
function endUnmet(timeoutMs: number): void {
  const text = `error: the ranks have not all met within ${
    Math.round(timeoutMs / 1000)
  } seconds: one was killed, hangs, or starts slowly. Nothing was trained. parallel.timeout_seconds says how long they wait (twice that to meet)\n`;
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // nobody reads
  }
  Deno.kill(Deno.pid, "SIGKILL");
}
