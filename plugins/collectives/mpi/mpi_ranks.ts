/**
 * The ranks of an MPI world as a collective: each sends each its share, adds up its own in the order of the ranks, and
 * gives all the result.
 * @module
 */
import {
  type Collective,
  ConfigError,
  DeviceError,
  type SumOptions,
} from "@denotune/denotune/core";
import { ChunkPipeline } from "./chunk_pipeline.ts";
import { type Exchange, Exchanges } from "./exchange.ts";
import { FloatMessages } from "./float_messages.ts";
import type { Launched } from "./launcher.ts";
import { check, type MpiLibrary } from "./library.ts";
import { linkSpeed } from "./link_speed.ts";
import {
  addInOrder,
  areSwapped,
  CHUNK,
  FLOAT32,
  plainView,
  sharesOf,
  type Wire,
  wireOf,
} from "./ordered_sum.ts";
import { PACKED_UP_TO } from "./packed_floats.ts";
import { finalize, initialize, labelsOf } from "./process.ts";
import { RankWatch } from "./rank_watch.ts";
import { type Request, Requests } from "./requests.ts";
import { Scratch } from "./scratch.ts";

/** Chunks that are under way at once: some are sent while others are added up, also where a rank is behind. */
const CHUNKS_AT_ONCE = 5;
/** Bits that come while this thread naps: half of what a socket of Open MPI takes. */
const NAP_BITS = 8 * 29_000;
const NOTHING = new Uint8Array(0);

/** What the part's options say. */
export interface MpiSettings {
  readonly shardsOptimizer: boolean;
  readonly gradientDtype: "float32" | "bfloat16";
  readonly compression: "auto" | "none" | "lossless";
  readonly timeoutSeconds: number;
}

/** Ranks that are processes of an MPI launcher. */
export class MpiRanks implements Collective {
  readonly rank: number;
  readonly world: number;
  readonly shardsOptimizer: boolean;
  readonly lost: Promise<never>;
  readonly #library: MpiLibrary;
  readonly #gradients: Wire;
  readonly #timeoutSeconds: number;
  readonly sumsAtOnce = CHUNKS_AT_ONCE;
  readonly #comm: bigint;
  /** In a communicator of their own: their tags are no others'. */
  readonly #exchanges: Exchanges;
  readonly #scratch: Scratch;
  readonly #messages: FloatMessages;
  readonly #watch: RankWatch;
  readonly #requests: Requests;
  readonly #pipeline = new ChunkPipeline(CHUNKS_AT_ONCE);

  private constructor(
    library: MpiLibrary,
    of: {
      readonly rank: number;
      readonly world: number;
      readonly comm: bigint;
      readonly exchanges: bigint;
      readonly watch: RankWatch;
    },
    settings: MpiSettings,
  ) {
    this.#library = library;
    this.rank = of.rank;
    this.world = of.world;
    this.#comm = of.comm;
    this.#watch = of.watch;
    this.lost = of.watch.lost;
    this.#requests = new Requests(library, this.lost);
    this.#exchanges = new Exchanges(library, this.#requests, {
      comm: of.exchanges,
      rank: of.rank,
      world: of.world,
    });
    this.#scratch = new Scratch(4 * Math.ceil(CHUNK / of.world));
    this.#messages = new FloatMessages(this.#scratch);
    this.shardsOptimizer = settings.shardsOptimizer;
    this.#gradients = wireOf(settings.gradientDtype);
    this.#timeoutSeconds = settings.timeoutSeconds;
  }

  /** Joins the world. Throws `ConfigError` where library and launcher do not belong together. */
  static async open(
    library: MpiLibrary,
    launched: Launched,
    settings: MpiSettings,
  ): Promise<MpiRanks> {
    const timeoutMs = settings.timeoutSeconds * 1000;
    const watch = await RankWatch.joining(2 * timeoutMs);
    initialize(library);
    const { functions, handles } = library;
    const number = (name: "MPI_Comm_rank" | "MPI_Comm_size") => {
      const found = new Int32Array(1);
      check(library, name, functions[name](handles.world, found));
      return found[0];
    };
    const [rank, world] = [number("MPI_Comm_rank"), number("MPI_Comm_size")];
    if (world !== launched.world) {
      throw new ConfigError(
        `${launched.launcher} started ${launched.world} ranks, and ${library.version} (${library.path}) knows of ${world}: launcher and library are not of one MPI. Start with the launcher of ${library.version}, name the launcher's library in parallel.library, or, with Slurm, give srun --mpi=pmix or --mpi=pmi2`,
      );
    }
    check(
      library,
      "MPI_Comm_set_errhandler",
      functions.MPI_Comm_set_errhandler(handles.world, handles.errorsReturn),
    );
    const duplicate = () => {
      const made = new BigUint64Array(1); // MPICH writes the lower half alone
      check(
        library,
        "MPI_Comm_dup",
        functions.MPI_Comm_dup(handles.world, made),
      );
      return made[0];
    };
    const comm = duplicate();
    const exchanges = duplicate();
    const watched = duplicate();
    const labels = await labelsOf(library, { rank, world, comm });
    watch.start({
      path: library.path,
      comm: watched,
      rank,
      world,
      labels,
      timeoutMs,
    });
    const of = { rank, world, comm, exchanges, watch };
    const ranks = new MpiRanks(library, of, settings);
    await ranks.#measureLink(settings);
    return ranks;
  }

  /** Chooses what depends on how fast the link is. */
  async #measureLink({ compression }: MpiSettings): Promise<void> {
    const bitsPerSecond = await linkSpeed(this.#exchanges, this);
    this.#requests.nap = 1000 * NAP_BITS / bitsPerSecond;
    this.#messages.packs = compression === "lossless" ||
      compression === "auto" && bitsPerSecond <= PACKED_UP_TO;
  }

  describe(): Promise<string> {
    return Promise.resolve(this.#library.version);
  }

  async sum(values: Float32Array, options: SumOptions = {}): Promise<void> {
    const { gradients = false, computes = false } = options;
    const wire = gradients ? this.#gradients : FLOAT32;
    this.#requests.computes = computes;
    const ends: Promise<void>[] = [];
    for (let start = 0; start < values.length; start += CHUNK) {
      const part = values.subarray(start, start + CHUNK);
      const tags = {
        scatter: this.#exchanges.tag(),
        gather: this.#exchanges.tag(),
      };
      ends.push(this.#pipeline.run(() => this.#sumChunk(part, wire, tags)));
    }
    await Promise.all(ends);
  }

  async #sumChunk(
    part: Float32Array,
    wire: Wire,
    tags: { readonly scatter: number; readonly gather: number },
  ): Promise<void> {
    if (areSwapped(part, { wire, world: this.world })) {
      return await this.#swap(part, tags.scatter);
    }
    const shares = sharesOf(part, this.world);
    const own = shares[this.rank];
    const { sent } = await this.#reduce(shares, {
      into: own,
      wire,
      tag: tags.scatter,
    });
    if (wire !== FLOAT32) own.set(wire.decode(wire.encode(own))); // rounded here too
    await sent; // what comes is written over it
    await this.#gather(shares, { wire, tag: tags.gather });
  }

  /** Sums what two ranks have: each gives the other all, and adds all. */
  async #swap(part: Float32Array, tag: number): Promise<void> {
    const room = this.#scratch.take(part.byteLength);
    const outgoing = this.#messages.outgoing(part, FLOAT32);
    const isOwn = [0, 1].map((r) => r === this.rank);
    const { received, sent } = this.#exchanges.start(tag, {
      to: isOwn.map((own) => own ? { bytes: NOTHING } : outgoing),
      from: isOwn.map((own) => own ? NOTHING : room),
    });
    const counts = await received;
    await sent; // the sum is written over it
    this.#messages.unpack(room, counts[1 - this.rank]);
    const other = FLOAT32.decode(room);
    addInOrder(isOwn.map((own) => own ? part : other), part);
    this.#scratch.give(room);
  }

  /** Gives all ranks this rank's share, and takes theirs. */
  async #gather(
    shares: readonly Float32Array[],
    { wire, tag }: { readonly wire: Wire; readonly tag: number },
  ): Promise<void> {
    const places = shares.map((share, r) =>
      r === this.rank ? null : wire === FLOAT32 ? plainView(share) : null
    );
    const from = shares.map((share, r) =>
      r === this.rank
        ? NOTHING
        : places[r] ?? this.#scratch.take(share.length * wire.bytes)
    );
    const own = this.#messages.outgoing(shares[this.rank], wire);
    let left = this.world - 1;
    const release = own.release && (() => --left === 0 && own.release?.());
    const { received, sent } = this.#exchanges.start(tag, {
      to: shares.map(() => ({ bytes: own.bytes, release })),
      from,
    });
    const counts = await received;
    for (const [r, bytes] of from.entries()) {
      if (r === this.rank) continue;
      this.#messages.unpack(bytes, counts[r]);
      if (!(bytes instanceof Uint8Array)) continue;
      shares[r].set(wire.decode(bytes));
      this.#scratch.give(bytes);
    }
    await sent;
  }

  /** Sums this rank's share of what all ranks have; `sent` is for the shares of the others. */
  async #reduce(
    shares: readonly Float32Array[],
    { into, wire, tag }: {
      readonly into: Float32Array;
      readonly wire: Wire;
      readonly tag: number;
    },
  ): Promise<Pick<Exchange, "sent">> {
    const own = shares[this.rank];
    const bytes = own.length * wire.bytes;
    const rooms = shares.map((_, r) =>
      this.#scratch.take(r === this.rank ? 0 : bytes)
    );
    const { received, sent } = this.#exchanges.start(tag, {
      to: shares.map((share, r) =>
        r === this.rank
          ? { bytes: NOTHING }
          : this.#messages.outgoing(share, wire)
      ),
      from: rooms,
    });
    const counts = await received;
    rooms.forEach((room, r) => this.#messages.unpack(room, counts[r]));
    const pieces = rooms.map((room, r) =>
      r === this.rank ? own : wire.decode(room)
    );
    addInOrder(pieces, into);
    for (const room of rooms) this.#scratch.give(room);
    return { sent };
  }

  async reduceScatter(values: Float32Array): Promise<Float32Array> {
    const share = values.length / this.world;
    if (!Number.isInteger(share)) {
      throw new RangeError(
        `Cannot share ${values.length} values among ${this.world} ranks`,
      );
    }
    const mine = new Float32Array(share);
    const step = Math.floor(CHUNK / this.world);
    for (let at = 0; at < share; at += step) {
      const into = mine.subarray(at, at + step);
      const parts = sharesOf(values, this.world).map((part) =>
        part.subarray(at, at + step)
      );
      const tag = this.#exchanges.tag();
      const { sent } = await this.#reduce(parts, { into, wire: FLOAT32, tag });
      await sent;
    }
    return mine;
  }

  async allGather(share: Float32Array): Promise<Float32Array> {
    const all = new Float32Array(share.length * this.world);
    all.set(share, this.rank * share.length);
    const step = Math.floor(CHUNK / this.world);
    const ends: Promise<void>[] = [];
    for (let at = 0; at < share.length; at += step) {
      const parts = sharesOf(all, this.world).map((part) =>
        part.subarray(at, at + step)
      );
      const tag = this.#exchanges.tag();
      ends.push(
        this.#pipeline.run(() => this.#gather(parts, { wire: FLOAT32, tag })),
      );
    }
    await Promise.all(ends);
    return all;
  }

  async broadcast(values: Float32Array, root: number): Promise<void> {
    const { functions, handles } = this.#library;
    for (let start = 0; start < values.length; start += CHUNK) {
      const part = values.subarray(start, start + CHUNK);
      const sent = Float32Array.from(part);
      await this.#call(
        "MPI_Ibcast",
        [sent.buffer],
        (request) =>
          functions.MPI_Ibcast(
            sent,
            sent.byteLength,
            handles.byte,
            root,
            this.#comm,
            request,
          ),
      );
      part.set(sent);
    }
  }

  async fail(message: string): Promise<void> {
    await this.#watch.fail(message);
  }

  async close(): Promise<void> {
    const { functions } = this.#library;
    const barrier = async () =>
      await this.#call(
        "MPI_Ibarrier",
        [],
        (request) => functions.MPI_Ibarrier(this.#comm, request),
      );
    await barrier();
    await this.#withinTimeout(this.#watch.stop().then(barrier));
    // not before the process ends: an MPI that was finalized cannot be started again
    addEventListener(
      "unload",
      () => finalize(this.#library, this.#timeoutSeconds),
      { once: true },
    );
  }

  /** Waits where no watch notices a rank that is stopped. */
  async #withinTimeout(body: Promise<void>): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () =>
        reject(
          new DeviceError(
            `The training is over, and not all ranks have said so within ${this.#timeoutSeconds} seconds: one was killed, hangs, or its network is cut`,
          ),
        ),
      1000 * this.#timeoutSeconds,
    );
    try {
      await Promise.race([body, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Starts a call and waits for its end, or for the news that a rank is lost. */
  async #call(
    name: Parameters<typeof check>[1],
    held: readonly ArrayBuffer[],
    start: (request: Request) => number,
  ): Promise<void> {
    const request: Request = new BigUint64Array(1);
    check(this.#library, name, start(request));
    await this.#requests.done(request, [...held, request.buffer]);
  }
}
