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

/** A look goes on while bytes move, and lasts so long at most: other code of this thread runs in between. */
const LONGEST_LOOK_MS = 5;
/** A test that takes so long, and so many times as long as the shortest, has moved bytes. */
const MOVING_MS = 0.01;
const MOVING_TIMES = 4;
/** The pause where nothing has moved for so long; where this process computes, after each look that moved nothing. */
const PAUSE_MS = 1;
const IDLE_MS = 2;

/** What is called of a library. */
interface Tested {
  readonly functions: Pick<MpiFunctions, "MPI_Test" | "MPI_Error_string">;
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
  /** Rejects when a rank is lost: what waits will not end. */
  readonly #lost: Promise<never>;
  readonly #waiting = new Set<Waiting>();
  #isLooking = false;
  /** Milliseconds of the shortest test: one that found nothing. */
  #shortestTest = Infinity;

  constructor(library: Tested, lost: Promise<never>) {
    this.#library = library;
    this.#lost = lost;
  }

  /**
   * Waits for the end of a call, and keeps its memory until then. Returns its status. Where a rank is lost it rejects, and keeps the memory
   * for ever: MPI may still write to it.
   */
  async done(
    request: Request,
    held: readonly ArrayBuffer[],
  ): Promise<Status> {
    const { promise, resolve, reject } = Promise.withResolvers<Status>();
    this.#waiting.add({ request, held, resolve, reject });
    if (!this.#isLooking) void this.#look();
    return await promise;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let movedAt = performance.now();
    try {
      while (this.#waiting.size > 0) {
        const hasMoved = this.#test();
        const now = performance.now();
        if (hasMoved) movedAt = now;
        if (this.#waiting.size === 0) await Promise.resolve(); // whoever was waited for may start the next
        else {
          const isIdle = this.computes ? !hasMoved : now - movedAt > IDLE_MS;
          await this.#pause(isIdle);
        }
      }
    } catch (error) {
      // memory stays held: MPI may still write to it
      for (const { reject } of this.#waiting) reject(error);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Tests all calls as long as bytes move. Whether any have. */
  #test(): boolean {
    const { functions } = this.#library;
    const [flag, status] = [new Int32Array(1), new Int32Array(16)];
    const start = performance.now();
    let now = start;
    let hasMoved = false;
    for (;;) {
      let moves = false;
      for (const one of this.#waiting) {
        check(
          this.#library,
          "MPI_Test",
          functions.MPI_Test(one.request, flag, status),
        );
        const tested = performance.now();
        const took = tested - now;
        now = tested;
        if (flag[0] === 0) {
          this.#shortestTest = Math.min(this.#shortestTest, took);
          if (took > Math.max(MOVING_MS, MOVING_TIMES * this.#shortestTest)) {
            moves = true;
          }
          continue;
        }
        this.#waiting.delete(one);
        one.resolve(status.slice());
        return true; // whoever waited may have something to send
      }
      hasMoved ||= moves;
      if (!moves || now - start > LONGEST_LOOK_MS) return hasMoved;
    }
  }

  async #pause(isIdle: boolean): Promise<void> {
    const pause = new Promise<void>((resolve) => {
      if (isIdle) setTimeout(resolve, PAUSE_MS);
      else setImmediate(resolve);
    });
    await Promise.race([pause, this.#lost]);
  }
}
