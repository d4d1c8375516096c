/**
 * A helper: sleeps until worker 0 sends a command. Programs come as messages, runs through shared memory.
 * @module
 */
import {
  type Libraries,
  type LibrariesFound,
  openLibraries,
} from "../blas/opened.ts";
import { CELL, COMMAND } from "./layout.ts";
import type { ProgramForWorker } from "./program.ts";
import { Runner } from "./runner.ts";

/** The data that a helper gets at its start. */
export interface HelperOptions {
  readonly memory: WebAssembly.Memory;
  readonly barrier: WebAssembly.Module;
  readonly index: number;
  readonly workers: number;
  readonly profile: boolean;
  readonly libraries: LibrariesFound;
}

/** Messages to a helper. */
export type ToHelper =
  | { readonly type: "open"; readonly options: HelperOptions }
  | { readonly type: "program"; readonly program: ProgramForWorker };

/** Messages from a helper: each message to it is answered. */
export type FromHelper =
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly message: string };

/** Makes a worker a helper of the one that it has a port to: called once. */
export function beHelper(leader: MessagePort): void {
  let helper: Helper | null = null;
  const answer = (message: FromHelper) => leader.postMessage(message);
  leader.onmessage = ({ data }: MessageEvent<ToHelper>) => {
    try {
      if (data.type === "open") helper = new Helper(data.options);
      else helper?.add(data.program);
      answer({ type: "done" });
    } catch (error) {
      answer({
        type: "failed",
        message: error instanceof Error ? error.message : String(error),
      });
      return;
    }
    if (helper?.work() === COMMAND.quit) {
      helper.close();
      leader.close(); // it has nothing else to wait for
    }
  };
}

/**
 * Looks at the command before a helper goes to sleep: at most 0.8 ms, longer than worker 0 takes from one program of a step
 * to the next. Waking up would take a share of that, twice a step.
 */
const LOOKS = 100_000;

class Helper {
  readonly #runner: Runner;
  readonly #libraries: Libraries;
  readonly #cells: Int32Array;
  /** Commands seen so far. */
  #sequence: number;

  constructor(options: HelperOptions) {
    const { memory, libraries } = options;
    this.#cells = new Int32Array(memory.buffer, 0, 256);
    this.#sequence = Atomics.load(this.#cells, CELL.sequence);
    this.#libraries = openLibraries(libraries, memory);
    this.#runner = new Runner(options, this.#libraries);
  }

  add(program: ProgramForWorker): void {
    this.#runner.add(program);
  }

  /** Closes what it has opened. */
  close(): void {
    this.#libraries.close();
  }

  /** Runs programs until another command arrives, and returns this command. */
  work(): number {
    for (;;) {
      this.#look();
      Atomics.wait(this.#cells, CELL.sequence, this.#sequence);
      if (Atomics.load(this.#cells, CELL.sequence) === this.#sequence) continue;
      this.#sequence = (this.#sequence + 1) | 0;
      const command = this.#cells[CELL.command];
      if (command !== COMMAND.run) return command;
      this.#runner.run(this.#cells[CELL.program]); // a failure is reported through shared memory
    }
  }

  /** Looks for a command until there is one, or sleeping is worth while. */
  #look(): void {
    for (let i = 0; i < LOOKS; i++) {
      if (Atomics.load(this.#cells, CELL.sequence) !== this.#sequence) return;
    }
  }
}
