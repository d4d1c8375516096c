/**
 * Calls of MPI that have been started and are not over. They are looked at now and then: a thread that waits in MPI
 * would take half of a core from whoever computes.
 * @module
 */
import { check, type MpiFunctions } from "./library.ts";

/** A request as MPI writes it: the lower half, with MPICH. */
export type Request = BigUint64Array<ArrayBuffer>;

/** How long a look lasts: MPI moves bytes only while it is called. */
const LOOK_MS = 0.2;
/** The pause after a look, where this process computes or has waited for long. */
const PAUSE_MS = 1;
const LONG_MS = 2000;

/** What is called of a library. */
interface Tested {
  readonly functions: Pick<MpiFunctions, "MPI_Test" | "MPI_Error_string">;
}

interface Waiting {
  readonly request: Request;
  /** Memory that must not be collected before MPI is done with it. */
  readonly held: readonly ArrayBuffer[];
  resolve(): void;
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

  constructor(library: Tested, lost: Promise<never>) {
    this.#library = library;
    this.#lost = lost;
  }

  /**
   * Waits for the end of a call, and keeps its memory until then. Where a rank is lost it rejects, and keeps the memory
   * for ever: MPI may still write to it.
   */
  async done(request: Request, held: readonly ArrayBuffer[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.add({ request, held, resolve, reject });
    if (!this.#isLooking) void this.#look();
    await promise;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    let heardAt = performance.now();
    try {
      while (this.#waiting.size > 0) {
        if (this.#test()) heardAt = performance.now();
        if (this.#waiting.size === 0) await Promise.resolve(); // whoever was waited for may start the next
        else await this.#pause(performance.now() - heardAt > LONG_MS);
      }
    } catch (error) {
      // memory stays held: MPI may still write to it
      for (const { reject } of this.#waiting) reject(error);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Tests all calls for a short time. Whether one has ended. */
  #test(): boolean {
    const { functions } = this.#library;
    const [flag, status] = [new Int32Array(1), new Int32Array(16)];
    const end = performance.now() + LOOK_MS;
    let isAny = false;
    do {
      for (const one of this.#waiting) {
        check(
          this.#library,
          "MPI_Test",
          functions.MPI_Test(one.request, flag, status),
        );
        if (flag[0] === 0) continue;
        this.#waiting.delete(one);
        one.resolve();
        isAny = true;
      }
    } while (!isAny && performance.now() < end);
    return isAny;
  }

  async #pause(isLong: boolean): Promise<void> {
    const pause = new Promise<void>((resolve) =>
      setTimeout(resolve, this.computes || isLong ? PAUSE_MS : 0)
    );
    await Promise.race([pause, this.#lost]);
  }
}
