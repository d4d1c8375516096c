/**
 * The ranks of an MPI world as a collective: all-to-all, a sum of our own in the order of the ranks, all-gather.
 * @module
 */
import {
  type Collective,
  ConfigError,
  DeviceError,
  type SumOptions,
} from "@denotune/denotune/core";
import { ChunkPipeline, type ChunkTurns } from "./chunk_pipeline.ts";
import type { Launched } from "./launcher.ts";
import { check, type MpiLibrary } from "./library.ts";
import {
  CHUNK,
  FLOAT32,
  sumOfPieces,
  type Wire,
  wireOf,
} from "./ordered_sum.ts";
import { RankWatch } from "./rank_watch.ts";
import { Requests } from "./requests.ts";

const THREAD_MULTIPLE = 3;
/** Chunks that are under way at once: one is sent while another is added up. */
const CHUNKS_AT_ONCE = 3;
/** Bytes of what a rank is called in messages. */
const LABEL_BYTES = 128;

/** What the part's options say. */
export interface MpiSettings {
  readonly shardsOptimizer: boolean;
  readonly gradientDtype: "float32" | "bfloat16";
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
  readonly sumsAtOnce = CHUNKS_AT_ONCE;
  readonly #comm: bigint;
  /** Gathers of their own order: all ranks must start the calls of a communicator in the same one. */
  readonly #gathers: bigint;
  readonly #watch: RankWatch;
  readonly #requests: Requests;
  readonly #pipeline = new ChunkPipeline(CHUNKS_AT_ONCE);

  private constructor(
    library: MpiLibrary,
    of: {
      readonly rank: number;
      readonly world: number;
      readonly comm: bigint;
      readonly gathers: bigint;
      readonly watch: RankWatch;
    },
    settings: MpiSettings,
  ) {
    this.#library = library;
    this.rank = of.rank;
    this.world = of.world;
    this.#comm = of.comm;
    this.#gathers = of.gathers;
    this.#watch = of.watch;
    this.lost = of.watch.lost;
    this.#requests = new Requests(library, this.lost);
    this.shardsOptimizer = settings.shardsOptimizer;
    this.#gradients = wireOf(settings.gradientDtype);
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
    const gathers = duplicate();
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
    const of = { rank, world, comm, gathers, watch };
    return new MpiRanks(library, of, settings);
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
      ends.push(
        this.#pipeline.run((turns) => this.#sumChunk(part, wire, turns)),
      );
    }
    await Promise.all(ends);
  }

  async #sumChunk(
    part: Float32Array,
    wire: Wire,
    turns: ChunkTurns,
  ): Promise<void> {
    const share = Math.ceil(part.length / this.world);
    let padded = part;
    if (share * this.world > part.length) {
      padded = new Float32Array(share * this.world);
      padded.set(part);
    }
    const bytes = share * wire.bytes;
    const received = this.#started("MPI_Ialltoall", wire.encode(padded), {
      bytes,
      comm: this.#comm,
    });
    turns.scattered();
    const mine = sumOfPieces(wire.decode(await received), share);
    await turns.mayGather;
    const gathered = this.#started("MPI_Iallgather", wire.encode(mine), {
      bytes,
      comm: this.#gathers,
    });
    turns.gathered();
    part.set(wire.decode(await gathered).subarray(0, part.length));
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
      const n = Math.min(step, share - at);
      const part = new Float32Array(n * this.world);
      for (let r = 0; r < this.world; r++) {
        const from = r * share + at;
        part.set(values.subarray(from, from + n), r * n);
      }
      mine.set(await this.#reduced(part, FLOAT32), at);
    }
    return mine;
  }

  async allGather(share: Float32Array): Promise<Float32Array> {
    const all = new Float32Array(share.length * this.world);
    const step = Math.floor(CHUNK / this.world);
    for (let at = 0; at < share.length; at += step) {
      const part = share.subarray(at, at + step);
      const found = await this.#gathered(part, FLOAT32);
      for (let r = 0; r < this.world; r++) {
        all.set(
          found.subarray(r * part.length, (r + 1) * part.length),
          r * share.length + at,
        );
      }
    }
    return all;
  }

  async broadcast(values: Float32Array, root: number): Promise<void> {
    const { functions, handles } = this.#library;
    for (let start = 0; start < values.length; start += CHUNK) {
      const part = values.subarray(start, start + CHUNK);
      const sent = Float32Array.from(part);
      await this.#call(
        "MPI_Bcast",
        functions.MPI_Bcast(
          sent,
          sent.byteLength,
          handles.byte,
          root,
          this.#comm,
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
      await this.#call("MPI_Barrier", functions.MPI_Barrier(this.#comm));
    await barrier();
    await this.#watch.stop();
    await barrier(); // nobody sends a sign any more
    // not before the process ends: an MPI that was finalized cannot be started again
    addEventListener("unload", () => finalize(functions), { once: true });
  }

  /** This rank's share of a sum: of (world * share) numbers. */
  async #reduced(values: Float32Array, wire: Wire): Promise<Float32Array> {
    const share = values.length / this.world;
    const bytes = share * wire.bytes;
    const received = await this.#started("MPI_Ialltoall", wire.encode(values), {
      bytes,
      comm: this.#comm,
    });
    return sumOfPieces(wire.decode(received), share);
  }

  async #gathered(share: Float32Array, wire: Wire): Promise<Float32Array> {
    const bytes = share.length * wire.bytes;
    return wire.decode(
      await this.#started("MPI_Iallgather", wire.encode(share), {
        bytes,
        comm: this.#gathers,
      }),
    );
  }

  /** Starts an exchange, and gives what all ranks have sent, so many bytes each. */
  async #started(
    name: "MPI_Ialltoall" | "MPI_Iallgather",
    sent: ArrayBufferView<ArrayBuffer>,
    { bytes, comm }: { readonly bytes: number; readonly comm: bigint },
  ): Promise<ArrayBuffer> {
    const { functions, handles: { byte } } = this.#library;
    const received = new ArrayBuffer(bytes * this.world);
    const into = new Uint8Array(received);
    const request = new BigUint64Array(new ArrayBuffer(8));
    // asked for, an array's memory no longer moves; held, it is not collected before MPI is done with it
    const held = [sent.buffer, received, request.buffer];
    check(
      this.#library,
      name,
      functions[name](sent, bytes, byte, into, bytes, byte, comm, request),
    );
    await this.#requests.done(request, held);
    return received;
  }

  /** Waits for a call, or for the news that a rank is lost: then the call's thread is left behind. */
  async #call(
    name: Parameters<typeof check>[1],
    call: Promise<number>,
  ): Promise<void> {
    check(this.#library, name, await Promise.race([call, this.lost]));
  }
}

/** Starts MPI in this process, once. */
function initialize(library: MpiLibrary): void {
  const { functions } = library;
  const isRunning = new Int32Array(1);
  functions.MPI_Initialized(isRunning);
  if (isRunning[0] !== 0) return;
  const provided = new Int32Array(1);
  check(
    library,
    "MPI_Init_thread",
    functions.MPI_Init_thread(null, null, THREAD_MULTIPLE, provided),
  );
  if (provided[0] < THREAD_MULTIPLE) {
    throw new DeviceError(
      `${library.version} (${library.path}) was built without MPI_THREAD_MULTIPLE, which is needed to notice ranks that hang: install a build that has it, as Debian's`,
    );
  }
}

/** Ends MPI in this process, once. */
function finalize(functions: MpiLibrary["functions"]): void {
  const isOver = new Int32Array(1);
  functions.MPI_Finalized(isOver);
  if (isOver[0] === 0) functions.MPI_Finalize();
}

/** What each rank is called in messages: `rank 1 of 4 (process 4711 on box)`. */
async function labelsOf(
  library: MpiLibrary,
  { rank, world, comm }: {
    readonly rank: number;
    readonly world: number;
    readonly comm: bigint;
  },
): Promise<string[]> {
  const { functions, handles: { byte } } = library;
  const own = new Uint8Array(LABEL_BYTES);
  new TextEncoder().encodeInto(
    `rank ${rank} of ${world} (process ${Deno.pid} on ${hostname()})`,
    own,
  );
  const all = new Uint8Array(LABEL_BYTES * world);
  check(
    library,
    "MPI_Allgather",
    await functions.MPI_Allgather(
      own,
      LABEL_BYTES,
      byte,
      all,
      LABEL_BYTES,
      byte,
      comm,
    ),
  );
  return Array.from(
    { length: world },
    (_, r) =>
      new TextDecoder().decode(
        all.subarray(r * LABEL_BYTES, (r + 1) * LABEL_BYTES),
      ).replace(/\0+$/, ""),
  );
}

function hostname(): string {
  const { state } = Deno.permissions.querySync({
    name: "sys",
    kind: "hostname",
  });
  return state === "granted" ? Deno.hostname() : "a host without a name";
}
