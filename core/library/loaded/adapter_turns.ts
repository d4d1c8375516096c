/**
 * Several adapters over one engine, which has one of them at a time: requests for the same adapter run together, and
 * adapters take turns.
 *
 * ```text
 * a a a a ─► running   b waits ─► no more a joins ─► the a's end ─► b b ─► ...
 * ```
 * @module
 */

/** A request that waits for its adapter. */
interface Waiting {
  readonly adapter: string | null;
  enter(): void;
  fail(reason: unknown): void;
}

/** Lets requests in by adapter. */
export class AdapterTurns {
  readonly #now: () => string | null;
  readonly #switch: (adapter: string | null) => Promise<void>;
  /** Requests that a turn lets in while other adapters wait. */
  readonly #most: number;
  #running = 0;
  #isSwitching = false;
  #waiting: Waiting[] = [];
  /** Number of each adapter's last turn. */
  readonly #turns = new Map<string | null, number>();
  #turn = 0;

  constructor(
    { current, most, switchTo }: {
      /** The adapter that the engine has. */
      current(): string | null;
      readonly most: number;
      switchTo(adapter: string | null): Promise<void>;
    },
  ) {
    this.#now = current;
    this.#most = most;
    this.#switch = switchTo;
  }

  /** Runs `body` while the adapter answers. */
  async run<T>(adapter: string | null, body: () => Promise<T>): Promise<T> {
    await this.#enter(adapter);
    try {
      return await body();
    } finally {
      this.#running--;
      void this.#next();
    }
  }

  get #current(): string | null {
    return this.#now();
  }

  #enter(adapter: string | null): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ adapter, enter: resolve, fail: reject });
    void this.#next();
    return promise;
  }

  /** Lets in who may run now. */
  async #next(): Promise<void> {
    if (this.#isSwitching || this.#waiting.length === 0) return;
    const isAlone = this.#waiting.every((w) => w.adapter === this.#current);
    if (this.#running > 0) {
      // while another adapter waits, the turn lets nobody else in, so that it ends
      if (isAlone) this.#letIn(Infinity);
      return;
    }
    const next = this.#longestWithout();
    this.#turns.set(next.adapter, ++this.#turn);
    if (next.adapter !== this.#current) {
      this.#isSwitching = true;
      try {
        await this.#switch(next.adapter);
      } catch (reason) {
        const failed = this.#waiting.filter((w) => w.adapter === next.adapter);
        this.#waiting = this.#waiting.filter((w) => !failed.includes(w));
        for (const { fail } of failed) fail(reason);
      } finally {
        this.#isSwitching = false;
      }
      if (this.#current !== next.adapter) return void this.#next();
    }
    const others = this.#waiting.some((w) => w.adapter !== this.#current);
    this.#letIn(others ? this.#most : Infinity);
  }

  /** A request of the adapter whose last turn is longest ago; of those without one, the first that came. */
  #longestWithout(): Waiting {
    const turnOf = ({ adapter }: Waiting) => this.#turns.get(adapter) ?? 0;
    return this.#waiting.reduce((best, one) =>
      turnOf(one) < turnOf(best) ? one : best
    );
  }

  #letIn(most: number): void {
    const entering = this.#waiting.filter((w) => w.adapter === this.#current)
      .slice(0, most);
    this.#waiting = this.#waiting.filter((w) => !entering.includes(w));
    this.#running += entering.length;
    for (const { enter } of entering) enter();
  }
}
