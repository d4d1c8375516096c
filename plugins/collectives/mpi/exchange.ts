/**
 * What ranks send each other, from and into the arrays of who calls: nothing is copied or packed on the way.
 * @module
 */
import { check, type MpiLibrary } from "./library.ts";
import type { Requests, Status } from "./requests.ts";

/** Memory that a library reads or writes. */
export type Bytes = ArrayBufferView<ArrayBuffer>;

/** Bytes that a rank sends. */
export interface Outgoing {
  readonly bytes: Bytes;
  /** Called when they are sent; absent: whoever gave them waits for that. */
  readonly release?: () => void;
}

/** The two ends of an exchange. */
export interface Exchange {
  /** What the other ranks have sent is there: so many bytes of each. */
  readonly received: Promise<readonly number[]>;
  /** What this rank has sent may be overwritten; what is released is not waited for. */
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
   * Sends `to[r]` to each other rank r, and receives it in `from[r]`, which may be longer; 0 bytes on both: nothing.
   */
  start(
    tag: number,
    { to, from }: {
      readonly to: readonly Outgoing[];
      readonly from: readonly Bytes[];
    },
  ): Exchange {
    const counts: number[] = from.map(() => 0);
    const received: Promise<void>[] = [];
    const sent: Promise<void>[] = [];
    // receives first: what comes before one is asked for is copied. Then the next rank, so that not all write to one
    for (let i = 1; i < this.#world; i++) {
      const r = (this.#rank + this.#world - i) % this.#world;
      if (from[r].byteLength === 0) continue;
      const end = this.#start("MPI_Irecv", from[r], { rank: r, tag });
      received.push(end.then((status) => {
        counts[r] = this.#count(status);
      }));
    }
    for (let i = 1; i < this.#world; i++) {
      const r = (this.#rank + i) % this.#world;
      const { bytes, release } = to[r];
      if (bytes.byteLength === 0) continue;
      const end = this.#start("MPI_Isend", bytes, { rank: r, tag });
      if (release === undefined) sent.push(end.then(() => {}));
      else end.then(release, () => {}); // whoever receives is given the error
    }
    return { received: all(received, counts), sent: all(sent, undefined) };
  }

  /** Bytes that came. */
  #count(status: Status): number {
    const { functions, handles: { byte } } = this.#library;
    const found = new Int32Array(1);
    const code = functions.MPI_Get_count(status, byte, found);
    check(this.#library, "MPI_Get_count", code);
    return found[0];
  }

  #start(
    name: "MPI_Irecv" | "MPI_Isend",
    bytes: Bytes,
    { rank, tag }: { readonly rank: number; readonly tag: number },
  ): Promise<Status> {
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

/** `value`, once all have ended. */
function all<T>(ends: readonly Promise<void>[], value: T): Promise<T> {
  const end = Promise.all(ends).then(() => value);
  end.catch(() => {}); // whoever waits for it is given it
  return end;
}
