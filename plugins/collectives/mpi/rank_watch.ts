/**
 * Watches the other ranks from a thread of its own, so that a long step of this one keeps no sign of life back.
 * @module
 */
import { DeviceError, startWorker } from "@denotune/denotune/core";

/**
 * How long a rank that ends by a failure stays after its last words: MPICH's launcher kills the others as soon as one
 * is gone, and they look for news every 0.2 seconds.
 */
const STAY_MS = 1000;

/** What the watching thread is given. */
export interface WatchRequest {
  /** The library's file. */
  readonly path: string;
  /** A communicator of its own. */
  readonly comm: bigint;
  readonly rank: number;
  readonly world: number;
  /** What each rank is called in messages. */
  readonly labels: readonly string[];
  /** How long a rank may give no sign of life. */
  readonly timeoutMs: number;
}

/** What the watching thread is sent. */
export type ToWatch =
  | { readonly type: "join"; readonly timeoutMs: number }
  | { readonly type: "start"; readonly request: WatchRequest }
  | { readonly type: "fail"; readonly message: string }
  | { readonly type: "stop" };

/** What it answers. */
export type FromWatch =
  | { readonly type: "ready" }
  | { readonly type: "lost"; readonly message: string }
  | { readonly type: "reported" }
  | { readonly type: "stopped" };

/** The watch of this rank over the others. */
export class RankWatch {
  /** Rejects when another rank is lost. */
  readonly lost: Promise<never>;
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<void>();
  readonly #reported = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();

  private constructor() {
    const lost = Promise.withResolvers<never>();
    this.lost = lost.promise;
    this.lost.catch(stay); // whoever waits for it is given it
    this.#worker = startWorker(
      "mpi watch",
      new URL("./watch_worker.ts", import.meta.url),
    );
    this.#worker.onmessage = ({ data }: MessageEvent<FromWatch>) => {
      if (data.type === "lost") lost.reject(new DeviceError(data.message));
      else if (data.type === "ready") this.#ready.resolve();
      else if (data.type === "reported") this.#reported.resolve();
      else this.#stopped.resolve();
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      lost.reject(
        new DeviceError(`The watch over the ranks failed: ${event.message}`),
      );
    };
  }

  /**
   * A watch that ends this process where the ranks have not met within so many milliseconds: MPI waits for all of
   * them, for ever, and lets no other code of this thread run.
   */
  static async joining(timeoutMs: number): Promise<RankWatch> {
    const watch = new RankWatch();
    watch.#send({ type: "join", timeoutMs });
    await Promise.race([watch.#ready.promise, watch.lost]);
    return watch;
  }

  /** Starts to watch: the ranks have met. */
  start(request: WatchRequest): void {
    this.#send({ type: "start", request });
  }

  /** Reports to all other ranks that this one has failed. */
  async fail(message: string): Promise<void> {
    stay();
    this.#send({ type: "fail", message });
    await this.#reported.promise;
  }

  /** Ends it, when all ranks are ready to. */
  async stop(): Promise<void> {
    this.#send({ type: "stop" });
    await this.#stopped.promise;
    this.#worker.terminate();
  }

  #send(message: ToWatch): void {
    this.#worker.postMessage(message);
  }
}

/** Keeps this process for some time when it ends; once, however often it is asked for. */
function stay(): void {
  addEventListener("unload", wait, { once: true });
}

function wait(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STAY_MS);
}
