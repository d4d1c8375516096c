/**
 * What ranks send each other, from and into the arrays of who calls: nothing is copied or packed on the way.
 * @module
 */
import { check, type MpiLibrary } from "./library.ts";
import type { Requests } from "./requests.ts";

/** Memory that a library reads or writes. */
export type Bytes = ArrayBufferView<ArrayBuffer>;

/** The two ends of an exchange. */
export interface Exchange {
  /** What the other ranks have sent is there. */
  readonly received: Promise<void>;
  /** What this rank has sent may be overwritten. */
  readonly sent: Promise<void>;
}

/** Numbers of exchanges that may be told apart: MPI has at least 15 bits of tags. */
const TAGS = 1 << 15;

/** Sends and receives among the ranks of a communicator. */
export class Exchanges {
  readonly #library: MpiLibrary;
  readonly #requests: Requests;
  readonly #comm: bigint;
  readonly #rank: number;
  readonly #world: number;
  #next = 0;

  constructor(
    library: MpiLibrary,
    requests: Requests,
    of: {
      readonly comm: bigint;
      readonly rank: number;
      readonly world: number;
    },
  ) {
    this.#library = library;
    this.#requests = requests;
    this.#comm = of.comm;
    this.#rank = of.rank;
    this.#world = of.world;
  }

  /** The tag of an exchange, the same on all ranks: they ask in the same order. */
  tag(): number {
    return this.#next++ % TAGS;
  }

  /**
   * Sends `to[r]` to each other rank r, and receives `from[r]`; the lengths of a pair of ranks must be the same on
   * both, 0: nothing.
   */
  start(
    tag: number,
    { to, from }: {
      readonly to: readonly Bytes[];
      readonly from: readonly Bytes[];
    },
  ): Exchange {
    const received: Promise<void>[] = [];
    const sent: Promise<void>[] = [];
    // receives first: what comes before one is asked for is copied. Then the next rank, so that not all write to one
    for (let i = 1; i < this.#world; i++) {
      const r = (this.#rank + this.#world - i) % this.#world;
      if (from[r].byteLength > 0) {
        received.push(this.#start("MPI_Irecv", from[r], { rank: r, tag }));
      }
    }
    for (let i = 1; i < this.#world; i++) {
      const r = (this.#rank + i) % this.#world;
      if (to[r].byteLength > 0) {
        sent.push(this.#start("MPI_Isend", to[r], { rank: r, tag }));
      }
    }
    return { received: all(received), sent: all(sent) };
  }

  #start(
    name: "MPI_Irecv" | "MPI_Isend",
    bytes: Bytes,
    { rank, tag }: { readonly rank: number; readonly tag: number },
  ): Promise<void> {
    const { functions, handles: { byte } } = this.#library;
    const request = new BigUint64Array(new ArrayBuffer(8));
    // asked for, an array's memory no longer moves; held, it is not collected before MPI is done with it
    const held = [bytes.buffer, request.buffer];
    const of = bytes.byteLength;
    check(
      this.#library,
      name,
      functions[name](bytes, of, byte, rank, tag, this.#comm, request),
    );
    return this.#requests.done(request, held);
  }
}

function all(ends: readonly Promise<void>[]): Promise<void> {
  const end = Promise.all(ends).then(() => {});
  end.catch(() => {}); // whoever waits for it is given it
  return end;
}
