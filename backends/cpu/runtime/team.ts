/**
 * The workers of a device, as worker 0 sees them: it starts the others, gives them work through shared
 * memory, and takes part itself.
 * @module
 */
import { DeviceError, startWorker } from "@denotune/denotune/core";
import {
  type Libraries,
  type LibrariesFound,
  openLibraries,
} from "../blas/opened.ts";
import { barrierModule } from "./barrier.ts";
import type { FromHelper, HelperOptions, ToHelper } from "./helper.ts";
import { CELL, COMMAND, EXTENTS_AT, MAX_NAMES } from "./layout.ts";
import type { ProgramForWorker } from "./program.ts";
import { type KernelTime, Runner } from "./runner.ts";

/** How a team is made. */
export interface TeamOptions {
  readonly memory: WebAssembly.Memory;
  readonly workers: number;
  readonly libraries: LibrariesFound;
  readonly profile: boolean;
}

/** A helper with the answers that are waited for. */
interface Helper {
  readonly worker: Worker;
  resolve: (() => void) | null;
  reject: ((error: DeviceError) => void) | null;
}

/** Worker 0 with its helpers. */
export class Team {
  readonly #runner: Runner;
  readonly #helpers: Helper[] = [];
  readonly #cells: Int32Array;
  readonly #extents: Float64Array;
  readonly #libraries: Libraries;
  #broken: DeviceError | null = null;

  private constructor(options: TeamOptions, barrier: WebAssembly.Module) {
    const { memory, workers, profile, libraries } = options;
    this.#cells = new Int32Array(memory.buffer, 0, 256);
    this.#extents = new Float64Array(memory.buffer, EXTENTS_AT, MAX_NAMES);
    this.#libraries = openLibraries(libraries, memory);
    this.#runner = new Runner(
      { memory, barrier, index: 0, workers, profile },
      this.#libraries,
    );
  }

  /** Starts the helpers. Throws `DeviceError` if one does not come up. */
  static async start(options: TeamOptions): Promise<Team> {
    const barrier = new WebAssembly.Module(barrierModule());
    const team = new Team(options, barrier);
    const waits: Promise<void>[] = [];
    for (let index = 1; index < options.workers; index++) {
      const { memory, workers, profile, libraries } = options;
      waits.push(
        team.#startHelper({
          memory,
          workers,
          profile,
          libraries,
          barrier,
          index,
        }),
      );
    }
    try {
      await Promise.all(waits);
    } catch (error) {
      team.close();
      throw error;
    }
    return team;
  }

  async #startHelper(options: HelperOptions): Promise<void> {
    const worker = startWorker(
      "cpu helper",
      new URL("./helper_worker.ts", import.meta.url),
    );
    const helper: Helper = { worker, resolve: null, reject: null };
    this.#helpers.push(helper);
    worker.onmessage = ({ data }: MessageEvent<FromHelper>) => {
      if (data.type === "failed") {
        helper.reject?.(
          new DeviceError(
            `Worker ${options.index} of the cpu device cannot start: ${data.message}`,
          ),
        );
      } else helper.resolve?.();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#broken = new DeviceError(
        `Worker ${options.index} of the cpu device has crashed: ${event.message}`,
      );
      helper.reject?.(this.#broken);
    };
    await answerOf(helper); // the module has been loaded
    await this.#send(helper, { type: "open", options });
  }

  async #send(helper: Helper, message: ToHelper): Promise<void> {
    const answered = answerOf(helper);
    helper.worker.postMessage(message);
    await answered;
  }

  /** Gives each worker its part of a program. */
  async add(programOf: (worker: number) => ProgramForWorker): Promise<void> {
    this.#check();
    this.#command(COMMAND.listen);
    await Promise.all(
      this.#helpers.map((helper, i) =>
        this.#send(helper, { type: "program", program: programOf(i + 1) })
      ),
    );
    this.#runner.add(programOf(0));
  }

  /** Runs a program on all workers. Throws `DeviceError` that names the kernel that failed. */
  run(id: number, extents: readonly number[]): void {
    this.#check();
    for (let i = 0; i < extents.length; i++) this.#extents[i] = extents[i];
    this.#cells[CELL.program] = id;
    this.#command(COMMAND.run);
    if (!this.#runner.run(id)) throw new DeviceError(this.#runner.takeError());
  }

  /** Times of the kernels since the last call. */
  takeTimes(): KernelTime[] {
    return this.#runner.takeTimes();
  }

  #command(command: number): void {
    this.#cells[CELL.command] = command;
    Atomics.add(this.#cells, CELL.sequence, 1);
    Atomics.notify(this.#cells, CELL.sequence);
  }

  #check(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  /** Ends the helpers. */
  close(): void {
    this.#command(COMMAND.quit);
    for (const { worker } of this.#helpers) worker.terminate();
    this.#libraries.blas?.close();
    this.#libraries.bfloat16?.close();
  }
}

function answerOf(helper: Helper): Promise<void> {
  return new Promise((resolve, reject) => {
    helper.resolve = resolve;
    helper.reject = reject;
  });
}
