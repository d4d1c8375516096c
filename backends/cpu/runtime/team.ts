/**
 * The workers of a device, as worker 0 sees them: it gives the others work through shared memory, and takes part
 * itself.
 * @module
 */
import { DeviceError } from "@denotune/denotune/device";
import {
  type Libraries,
  type LibrariesFound,
  openLibraries,
} from "../blas/opened.ts";
import { barrierModule } from "./barrier.ts";
import type { FromHelper, ToHelper } from "./helper.ts";
import { CELL, COMMAND, EXTENTS_AT, MAX_NAMES } from "./layout.ts";
import type { ProgramForWorker } from "./program.ts";
import { type KernelTime, Runner } from "./runner.ts";

/** How a team is made. */
export interface TeamOptions {
  readonly memory: WebAssembly.Memory;
  /** A port to each of the other workers, which `beHelper` serves. */
  readonly helpers: readonly MessagePort[];
  readonly libraries: LibrariesFound;
  readonly profile: boolean;
}

/** Worker 0 with its helpers. */
export class Team {
  readonly #runner: Runner;
  readonly #helpers: readonly MessagePort[];
  readonly #cells: Int32Array;
  readonly #extents: Float64Array;
  readonly #libraries: Libraries;

  private constructor(options: TeamOptions, barrier: WebAssembly.Module) {
    const { memory, helpers, profile, libraries } = options;
    this.#helpers = helpers;
    this.#cells = new Int32Array(memory.buffer, 0, 256);
    this.#extents = new Float64Array(memory.buffer, EXTENTS_AT, MAX_NAMES);
    this.#libraries = openLibraries(libraries, memory);
    this.#runner = new Runner(
      { memory, barrier, index: 0, workers: helpers.length + 1, profile },
      this.#libraries,
    );
  }

  /** Makes the helpers ready. Throws `DeviceError` if one cannot be. */
  static async start(options: TeamOptions): Promise<Team> {
    const barrier = new WebAssembly.Module(barrierModule());
    const team = new Team(options, barrier);
    const { memory, helpers, profile, libraries } = options;
    const workers = helpers.length + 1;
    try {
      await team.#askAll((index) => ({
        type: "open",
        options: { memory, workers, profile, libraries, barrier, index },
      }));
    } catch (error) {
      team.close();
      throw error;
    }
    return team;
  }

  /** Sends each helper its message, and waits for all answers. */
  async #askAll(messageTo: (worker: number) => ToHelper): Promise<void> {
    await Promise.all(
      this.#helpers.map((port, i) => answerOf(port, messageTo(i + 1))),
    );
  }

  /** Gives each worker its part of a program. */
  async add(programOf: (worker: number) => ProgramForWorker): Promise<void> {
    this.#command(COMMAND.listen);
    await this.#askAll((worker) => ({
      type: "program",
      program: programOf(worker),
    }));
    this.#runner.add(programOf(0));
  }

  /** Runs a program on all workers. Throws `DeviceError` that names the kernel that failed. */
  run(id: number, extents: readonly number[]): void {
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

  /** Ends the helpers. */
  close(): void {
    this.#command(COMMAND.quit);
    for (const port of this.#helpers) port.close();
    this.#libraries.close();
  }
}

function answerOf(port: MessagePort, message: ToHelper): Promise<void> {
  return new Promise((resolve, reject) => {
    port.onmessage = ({ data }: MessageEvent<FromHelper>) => {
      if (data.type === "done") return resolve();
      reject(
        new DeviceError(
          `A worker of the cpu device cannot go on: ${data.message}`,
        ),
      );
    };
    port.postMessage(message);
  });
}
