/**
 * Calls of MPI that have been started and are not over. They are looked at now and then: a thread that waits in MPI
 * would take half of a core from whoever computes.
 * @module
 */
import { setImmediate } from "node:timers";
import { check, type MpiFunctions } from "./library.ts";

/** A request as MPI writes it: the lower half, with MPICH. */
export type Request = BigUint64Array<ArrayBuffer>;
/** What MPI says of a call that is over. */
export type Status = Int32Array<ArrayBuffer>;

/** A look lasts so long at most: other code of this thread runs in between. */
const LONGEST_LOOK_MS = 1;
/** A test that takes so long, and so many times as long as the shortest, has moved bytes. */
const MOVING_MS = 0.01;
const MOVING_TIMES = 4;
/** Where this process computes: tests in a row that move bytes, before a nap. */
const MOST_TESTS = 3;
/** Naps are as short as this where the link is fast, and as long as that where nothing moves. */
const SHORTEST_NAP_MS = 0.2;
const LONGEST_NAP_MS = 1;
/** Where it does not, and nothing has moved for so long, the thread pauses: other ranks may need the core. */
const IDLE_MS = 2;
const PAUSE_MS = 1;

/** What is called of a library. */
interface Tested {
  readonly functions: Pick<
    MpiFunctions,
    "MPI_Test" | "MPI_Testany" | "MPI_Error_string"
  >;
  readonly handles: {
    /** Bytes of a request: an address, or a number. */
    readonly requestBytes: number;
  };
}

interface Waiting {
  readonly request: Request;
  /** Memory that must not be collected before MPI is done with it. */
  readonly held: readonly ArrayBuffer[];
  resolve(status: Status): void;
  reject(reason: unknown): void;
}

/** Looks for the ends of calls. */
export class Requests {
  /** Whether this process computes: then the processor is left to it. */
  computes = false;
  readonly #library: Tested;
  /** Set when a rank is lost: what waits will not end. */
  #lost: { readonly reason: unknown } | null = null;
  readonly #waiting: Waiting[] = [];
  /** Their requests, one behind the other, in the same order. */
  #array = new Uint8Array(0);
  #isLooking = false;
  /** Milliseconds of the shortest test: one that found nothing. */
  #shortestTest = Infinity;
  #shortestNap = SHORTEST_NAP_MS;
  #nap = SHORTEST_NAP_MS;

  constructor(library: Tested, lost: Promise<never>) {
    this.#library = library;
    lost.catch((reason) => this.#lost = { reason });
  }

  /** Naps for about so long where bytes move: what the library's sockets hold lasts a little longer. */
  set nap(milliseconds: number) {
    this.#shortestNap = Math.min(
      LONGEST_NAP_MS,
      Math.max(SHORTEST_NAP_MS, milliseconds),
    );
  }

  /**
   * Waits for the end of a call, and keeps its memory until then. Returns its status. Where a rank is lost it rejects,
   * and keeps the memory for ever: MPI may still write to it.
   */
  async done(
    request: Request,
    held: readonly ArrayBuffer[],
  ): Promise<Status> {
    const [flag, status] = [new Int32Array(1), new Int32Array(16)];
    const { functions } = this.#library;
    // what is over at once may be a request that `MPI_Testany` leaves out
    const code = functions.MPI_Test(request, flag, status);
    check(this.#library, "MPI_Test", code);
    if (flag[0] !== 0) return status;
    const { promise, resolve, reject } = Promise.withResolvers<Status>();
    this.#add({ request, held, resolve, reject });
    if (!this.#isLooking) void this.#look();
    return await promise;
  }

  #add(one: Waiting): void {
    const { requestBytes } = this.#library.handles;
    const at = this.#waiting.length * requestBytes;
    if (at === this.#array.byteLength) {
      const larger = new Uint8Array(2 * at + 16 * requestBytes);
      larger.set(this.#array);
      this.#array = larger;
    }
    this.#array.set(new Uint8Array(one.request.buffer, 0, requestBytes), at);
    this.#waiting.push(one);
  }

  /** Takes out a call that is over; the last one takes its place. */
  #take(index: number): Waiting {
    const { requestBytes } = this.#library.handles;
    const one = this.#waiting[index];
    const last = this.#waiting.length - 1;
    this.#waiting[index] = this.#waiting[last];
    this.#waiting.pop();
    const from = last * requestBytes;
    this.#array.copyWithin(index * requestBytes, from, from + requestBytes);
    return one;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let movedAt = performance.now();
    try {
      while (this.#waiting.length > 0) {
        if (this.#lost !== null) throw this.#lost.reason;
        if (this.computes) this.#lookComputing();
        else if (this.#test()) movedAt = performance.now();
        const isIdle = !this.computes && performance.now() - movedAt > IDLE_MS;
        await new Promise<void>((resolve) => {
          if (isIdle) setTimeout(resolve, PAUSE_MS);
          else setImmediate(resolve);
        });
      }
    } catch (error) {
      // memory stays held: MPI may still write to it
      for (const { reject } of this.#waiting) reject(error);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Looks until a call has ended, with naps, in which others have the core. */
  #lookComputing(): void {
    const start = performance.now();
    do {
      const before = this.#waiting.length;
      let tests = 0;
      while (tests < MOST_TESTS && this.#test()) tests++;
      if (this.#waiting.length < before) return; // whoever waited may have something to send
      this.#nap = tests > 0
        ? this.#shortestNap
        : Math.min(2 * this.#nap, LONGEST_NAP_MS);
      Atomics.wait(NEVER, 0, 0, this.#nap);
    } while (performance.now() - start < LONGEST_LOOK_MS);
  }

  /** Tests all calls once, and those that are left while any is over. Whether bytes have moved. */
  #test(): boolean {
    const { functions } = this.#library;
    const [index, flag] = [new Int32Array(1), new Int32Array(1)];
    const status: Status = new Int32Array(16);
    let hasEnded = false;
    while (this.#waiting.length > 0) {
      const start = performance.now();
      check(
        this.#library,
        "MPI_Testany",
        functions.MPI_Testany(
          this.#waiting.length,
          this.#array,
          index,
          flag,
          status,
        ),
      );
      const took = performance.now() - start;
      if (flag[0] === 0) {
        this.#shortestTest = Math.min(this.#shortestTest, took);
        return hasEnded ||
          took > Math.max(MOVING_MS, MOVING_TIMES * this.#shortestTest);
      }
      hasEnded = true;
      this.#take(index[0]).resolve(status.slice());
    }
    return hasEnded;
  }
}

/** Nobody wakes who waits for it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));
