/**
 * One worker's share of a run: every worker walks the same list of launches and takes pieces of each; none of
 * them allocates on the way.
 * @module
 */
import { LOOP, WEIGHTS } from "../kernels/launch.ts";
import { type Libraries, libraryOf } from "../blas/opened.ts";
import {
  CELL,
  COUNTER_BYTES,
  COUNTERS,
  COUNTERS_AT,
  ERROR_BYTES,
  ERRORS_AT,
  EXTENTS_AT,
  MAX_NAMES,
} from "./layout.ts";
import type { Argument, LaunchData, ProgramForWorker } from "./program.ts";
import { type LaunchFunction, warmUp } from "./warm_up.ts";

type Barrier = (workers: number) => void;

/** The data that a worker gets at its start. */
export interface RunnerOptions {
  readonly memory: WebAssembly.Memory;
  readonly barrier: WebAssembly.Module;
  /** Number of this worker, 0 .. workers - 1. */
  readonly index: number;
  readonly workers: number;
  readonly profile: boolean;
}

/** A size or address that changes from run to run. */
interface Update {
  readonly slot: number;
  readonly argument: Exclude<Argument, { kind: "constant" }>;
}

interface ReadyLaunch {
  readonly data: LaunchData;
  readonly run: LaunchFunction | null;
  readonly argumentsAt: number;
  readonly slots: Float64Array;
  readonly updates: readonly Update[];
  readonly time: KernelTime;
}

interface ReadyProgram {
  readonly data: ProgramForWorker["program"];
  readonly segments: readonly (readonly ReadyLaunch[])[];
  readonly extents: Float64Array;
}

/** Time of one kernel of one label. */
export interface KernelTime {
  readonly kernel: string;
  readonly label: string;
  seconds: number;
  calls: number;
}

/** A worker's programs, and how it runs them. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #cells: Int32Array;
  readonly #given: Float64Array;
  readonly #barrier: Barrier;
  readonly #libraries: Libraries;
  readonly #imports: WebAssembly.ModuleImports;
  readonly #functions: LaunchFunction[] = [];
  readonly #programs = new Map<number, ReadyProgram>();
  readonly #times = new Map<string, KernelTime>();
  #scratchAt = 0;
  /** Launches done so far, by all workers alike: chooses the counter. */
  #launches = 0;
  /** Barriers passed so far, by all workers alike. */
  #barriers = 0;

  constructor(options: RunnerOptions, libraries: Libraries) {
    const { blas, small, bfloat16, weights, loops } = libraries;
    this.#options = options;
    this.#libraries = libraries;
    this.#cells = new Int32Array(
      options.memory.buffer,
      0,
      (COUNTERS_AT + COUNTERS * COUNTER_BYTES) / 4,
    );
    this.#given = new Float64Array(
      options.memory.buffer,
      EXTENTS_AT,
      MAX_NAMES,
    );
    const { memory } = options;
    this.#imports = {
      memory,
      ...(blas === null ? {} : { sgemm: blas.gemm }),
      ...(bfloat16 === null ? {} : { gemm_bf16: bfloat16.gemm }),
      ...(small === null ? {} : { sgemm_small: small.gemm }),
      ...(weights === null ? {} : {
        [WEIGHTS.forward.name]: weights.forward,
        [WEIGHTS.forwardWhole.name]: weights.forwardWhole,
        [WEIGHTS.backward.name]: weights.backward,
        [WEIGHTS.backwardWhole.name]: weights.backwardWhole,
      }),
      ...(loops === null ? {} : { [LOOP.name]: loops.call }),
    };
    const { barrier } = instantiate(options.barrier, this.#imports);
    this.#barrier = barrier as unknown as Barrier;
  }

  /** Makes a program ready. */
  add({ program, functions, argumentsAt, scratchAt }: ProgramForWorker): void {
    this.#scratchAt = scratchAt;
    const cold = new Set<number>();
    if (functions.module !== null) {
      const exports = instantiate(functions.module, this.#imports);
      for (const name of functions.names) {
        cold.add(this.#functions.length);
        this.#functions.push(exports[name] as unknown as LaunchFunction);
      }
    }
    let at = argumentsAt;
    const segments = program.segments.map(({ launches }) =>
      launches.map((data): ReadyLaunch => {
        const slots = new Float64Array(
          this.#options.memory.buffer,
          at,
          data.arguments.length,
        );
        const updates: Update[] = [];
        for (const [slot, argument] of data.arguments.entries()) {
          if (argument.kind === "constant") slots[slot] = argument.value;
          else updates.push({ slot, argument });
        }
        const launch = {
          data,
          run: data.blas === null ? this.#functions[data.function] : null,
          argumentsAt: at,
          slots,
          updates,
          time: this.#timeOf(data),
        };
        at += 8 * data.arguments.length;
        return launch;
      })
    );
    this.#programs.set(program.id, {
      data: program,
      segments,
      extents: new Float64Array(program.names.length),
    });
    if (this.#options.index > 0) return; // the workers share what V8 makes of a module
    for (const { data, run, argumentsAt } of segments.flat()) {
      if (run === null || !cold.delete(data.function)) continue;
      warmUp(run, { argumentsAt, scratchAt, cells: this.#cells });
    }
  }

  #timeOf({ kernel, label }: LaunchData): KernelTime {
    const key = `${kernel} ${label}`;
    let time = this.#times.get(key);
    if (time === undefined) {
      this.#times.set(key, time = { kernel, label, seconds: 0, calls: 0 });
    }
    return time;
  }

  /** The times since the last call. */
  takeTimes(): KernelTime[] {
    const times = [...this.#times.values()].filter((t) => t.calls > 0).map((
      t,
    ) => ({ ...t }));
    for (const time of this.#times.values()) time.seconds = time.calls = 0;
    return times;
  }

  /** Runs a program together with the other workers; extents are in shared memory. False if the run failed. */
  run(id: number): boolean {
    const program = this.#programs.get(id);
    if (program === undefined) {
      throw new Error(
        `program ${id} is not known to worker ${this.#options.index}`,
      );
    }
    const completed = this.#runSegments(program);
    return this.#meet() && completed;
  }

  #runSegments(program: ReadyProgram): boolean {
    const { extents, data } = program;
    for (let i = 0; i < extents.length; i++) extents[i] = this.#given[i];
    for (let s = 0; s < data.segments.length; s++) {
      const { repeat } = data.segments[s];
      const launches = program.segments[s];
      if (repeat === null) {
        if (!this.#runLaunches(launches, extents, 0)) return false;
        continue;
      }
      const total = valueOf(repeat.total, extents, 0);
      for (let i = 0; i * repeat.chunk < total; i++) {
        extents[repeat.as] = Math.min(repeat.chunk, total - i * repeat.chunk);
        if (!this.#runLaunches(launches, extents, i)) return false;
      }
    }
    return true;
  }

  #runLaunches(
    launches: readonly ReadyLaunch[],
    extents: Float64Array,
    iteration: number,
  ): boolean {
    const { profile, index } = this.#options;
    for (let i = 0; i < launches.length; i++) {
      const launch = launches[i];
      if ((launch.data.barrier || profile) && !this.#meet()) return false;
      const start = profile ? performance.now() : 0;
      this.#runLaunch(launch, extents, iteration);
      if (!profile) continue;
      if (!this.#meet()) return false;
      if (index === 0) {
        launch.time.seconds += (performance.now() - start) / 1000;
        launch.time.calls++;
      }
    }
    return true;
  }

  #runLaunch(
    launch: ReadyLaunch,
    extents: Float64Array,
    iteration: number,
  ): void {
    const { index, workers } = this.#options;
    const number = this.#launches++;
    if (index === 0) {
      // far enough ahead that nobody uses them: barriers are never that far apart
      const later = counterCell(number + COUNTERS / 2);
      for (let w = 0; w < workers; w++) {
        Atomics.store(this.#cells, later + w, 0);
      }
    }
    const counter = counterCell(number);
    try {
      for (let u = 0; u < launch.updates.length; u++) {
        const { slot, argument } = launch.updates[u];
        launch.slots[slot] = valueOf(argument, extents, iteration);
      }
      if (launch.run !== null) {
        launch.run(
          launch.argumentsAt,
          this.#scratchAt,
          4 * counter,
          index,
          workers,
        );
      } else this.#runProduct(launch, counter);
    } catch (error) {
      this.#fail(explain(launch.data, error));
    }
  }

  #runProduct({ data, slots }: ReadyLaunch, counter: number): void {
    if (data.blas === null) throw new Error("it is no product");
    libraryOf(this.#libraries, data.blas).run(data.blas, slots, {
      workers: this.#options.workers,
      take: this.#taker(counter),
    });
  }

  /** Takes blocks of a product as kernels take pieces: see `Kernel.pieces`. */
  #taker(counters: number): (blocks: number) => number {
    const { index, workers } = this.#options;
    let share = index;
    let left = workers;
    return (blocks) => {
      const most = Math.ceil(blocks / workers);
      for (; left > 0; left--) {
        const from = share * most;
        const size = Math.min(most, blocks - from);
        if (Atomics.load(this.#cells, counters + share) < size) {
          const taken = Atomics.add(this.#cells, counters + share, 1);
          if (taken < size) return from + taken;
        }
        share = share + 1 === workers ? 0 : share + 1;
      }
      return blocks;
    };
  }

  /** Waits for the others. False if the run is to be left. */
  #meet(): boolean {
    this.#barriers++;
    this.#barrier(this.#options.workers);
    const abort = Atomics.load(this.#cells, CELL.abort);
    return abort === 0 || this.#barriers < abort;
  }

  /** Notes an error; all workers leave the run at the next barrier, which every one of them reaches. */
  #fail(message: string): void {
    const { memory, index } = this.#options;
    const text = new TextEncoder().encode(message).subarray(0, ERROR_BYTES - 4);
    const at = ERRORS_AT + index * ERROR_BYTES;
    new Uint8Array(memory.buffer, at + 4, text.length).set(text);
    new Int32Array(memory.buffer, at, 1)[0] = text.length;
    Atomics.compareExchange(this.#cells, CELL.abort, 0, this.#barriers + 1);
  }

  /** After a failed run: the error of the worker with the lowest number. Clears it. */
  takeError(): string {
    const { memory, workers } = this.#options;
    const messages: string[] = [];
    for (let i = 0; i < workers; i++) {
      const length = new Int32Array(
        memory.buffer,
        ERRORS_AT + i * ERROR_BYTES,
        1,
      );
      const bytes = new Uint8Array(
        memory.buffer,
        ERRORS_AT + i * ERROR_BYTES + 4,
        length[0],
      );
      if (length[0] > 0) messages.push(new TextDecoder().decode(bytes.slice()));
      length[0] = 0;
    }
    Atomics.store(this.#cells, CELL.abort, 0);
    return messages[0] ?? "a worker left the run without saying why";
  }
}

function counterCell(launch: number): number {
  return (COUNTERS_AT + (launch % COUNTERS) * COUNTER_BYTES) / 4;
}

function valueOf(
  argument: Argument,
  extents: Float64Array,
  iteration: number,
): number {
  if (argument.kind === "constant") return argument.value;
  if (argument.kind === "address") {
    return argument.at + iteration * argument.advance;
  }
  let value = argument.coefficient;
  for (let i = 0; i < argument.names.length; i++) {
    value *= extents[argument.names[i]];
  }
  return value;
}

function explain(launch: LaunchData, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  const trapped = error instanceof WebAssembly.RuntimeError &&
    /unreachable/.test(reason);
  const what = trapped
    ? "an index (token id, position, group or row) is out of range"
    : reason;
  return `Kernel ${launch.kernel} (${launch.label}) failed: ${what}`;
}

function instantiate(
  module: WebAssembly.Module,
  env: WebAssembly.ModuleImports,
): WebAssembly.Exports {
  return new WebAssembly.Instance(module, { env }).exports;
}
