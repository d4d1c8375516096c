/**
 * What a row of the table is: our measurement, those of its peers, and the floor below which no program can be.
 * @module
 */

/** One measurement, as a child process prints it. */
export interface Measured {
  /** How much was done, in the row's unit: tokens, GFLOP, or 1 where the time itself is the figure. */
  readonly work: number;
  /** By the clock. */
  readonly seconds: number;
  /** Seconds of processor time: what counts on a machine that others use too. */
  readonly processor: number;
  /** Most resident memory of the process, bytes. */
  readonly peak: number;
  /** Seconds that the products alone, or reading the weights alone, would take; absent: unknown. */
  readonly floor?: number;
}

/** What a command of `peers.py` is given. */
export type PeerOptions = Readonly<Record<string, unknown>>;

/** Somebody who does the same work: a command of `peers.py`, or ourselves with another setting. */
export interface Peer {
  readonly name: string;
  /** Where the options are a function, what it throws is why the row is left out. */
  readonly python?: readonly [
    command: string,
    options: PeerOptions | (() => Promise<PeerOptions>),
  ];
  readonly ours?: () => Promise<Measured>;
  /** Environment of its process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A line of the table. */
export interface Row {
  readonly name: string;
  /** `tokens/s`, `GFLOP/s`: more is better; `s`: less is better. */
  readonly unit: string;
  readonly ours: () => Promise<Measured>;
  readonly peers: readonly Peer[];
}

/** Threads of every program that is compared. */
export const THREADS = 2;

/** Peak resident memory of this process in bytes; NaN where the system does not say (Linux does). */
export function peakMemory(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) * 1024;
  } catch {
    return NaN;
  }
}

/** Runs a program that prints a measurement as its last line, a line of JSON. */
export async function child(
  command: string,
  options: {
    readonly args: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
  },
): Promise<Measured | { readonly missing: string }> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, {
      args: [...options.args],
      env: { ...options.environment },
    }).output();
  } catch {
    return { missing: command };
  }
  const lines = new TextDecoder().decode(output.stdout).trim().split("\n");
  if (!output.success) {
    throw new Error(
      `${command} ${options.args.join(" ")} failed: ${
        new TextDecoder().decode(output.stderr).slice(-2000)
      }`,
    );
  }
  return JSON.parse(lines[lines.length - 1]);
}
