/**
 * Commands of denotune that the page starts: a run that is resumed, a report on data. Each is a process of its own,
 * which lives on when the page ends.
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { isGranted, readTextUpTo } from "@denotune/denotune/core";

/** What became of a command. */
export interface JobState {
  readonly isRunning: boolean;
  /** Its exit code; null: it runs, or was ended. */
  readonly code: number | null;
  /** The end of what it wrote. */
  readonly output: string;
}

interface Job {
  readonly log: string;
  isRunning: boolean;
  code: number | null;
}

const MOST_BYTES = 2 ** 22;
const SHOWN_CHARACTERS = 3000;

/** Starts commands, and knows what became of them. */
export class Jobs {
  readonly #program: readonly string[];
  readonly #jobs = new Map<string, Job>();

  /** `program`: how denotune is started, without a command. */
  constructor(program: readonly string[] = thisProgram()) {
    this.#program = program;
  }

  /** Starts a command; what it writes goes to the file `log`. One of the same key that runs is left alone. */
  start(key: string, args: readonly string[], log: string): void {
    if (this.#jobs.get(key)?.isRunning === true) return;
    const [command, ...before] = this.#program;
    const job: Job = { log, isRunning: true, code: null };
    const output = openSync(log, "w");
    try {
      const child = spawn(command, [...before, ...args], {
        detached: true, // Ctrl-C for the page is not for the run
        stdio: ["ignore", output, output],
        env: {
          ...(isGranted({ name: "env" }) ? Deno.env.toObject() : {}),
          NO_COLOR: "1",
        },
      });
      const ended = (code: number | null) => {
        job.isRunning = false;
        job.code = code;
      };
      child.on("exit", ended);
      child.on("error", () => ended(1));
      child.unref();
    } finally {
      closeSync(output);
    }
    this.#jobs.set(key, job);
  }

  /** What became of a command; null: none of that key was started. */
  state(key: string): JobState | null {
    const job = this.#jobs.get(key);
    if (job === undefined) return null;
    let output = "";
    try {
      output = readTextUpTo(job.log, MOST_BYTES).slice(-SHOWN_CHARACTERS);
    } catch {
      // nothing was written, or too much to be shown
    }
    return { isRunning: job.isRunning, code: job.code, output };
  }
}

/** How this program was started: as a module that Deno runs, or compiled. */
export function thisProgram(): string[] {
  return Deno.build.standalone
    ? [Deno.execPath()]
    : [Deno.execPath(), "run", "-A", Deno.mainModule];
}
