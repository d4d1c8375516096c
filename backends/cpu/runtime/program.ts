/**
 * A compiled program as data that worker 0 sends to the others. Functions are named by number; tensors are
 * addresses in the shared memory.
 * @module
 */
import type { BlasProduct } from "../kernels/launch.ts";

/** A number that a launch's function gets. */
export type Argument =
  | { readonly kind: "constant"; readonly value: number }
  /** An address that advances at each iteration of a repeated segment. */
  | { readonly kind: "address"; readonly at: number; readonly advance: number }
  /** A product of extents, by their indices in the program's list of names. */
  | {
    readonly kind: "extent";
    readonly coefficient: number;
    readonly names: readonly number[];
  };

/** One launch. */
export interface LaunchData {
  readonly kernel: string;
  readonly label: string;
  /** Number of the function; -1 where BLAS does it. */
  readonly function: number;
  readonly blas: BlasProduct | null;
  /** Temporary memory, views, named sizes (BLAS: every size). */
  readonly arguments: readonly Argument[];
  /** Whether the workers meet before it. */
  readonly barrier: boolean;
}

/** A segment. */
export interface SegmentData {
  readonly launches: readonly LaunchData[];
  readonly repeat: {
    readonly total: Argument;
    readonly chunk: number;
    /** Index of the chunk's extent in the list of names. */
    readonly as: number;
  } | null;
}

/** A program. */
export interface ProgramData {
  readonly id: number;
  readonly name: string;
  /** Named dimensions, those of repeated segments included. */
  readonly names: readonly string[];
  readonly segments: readonly SegmentData[];
}

/** The functions that a program adds to those that are known already. */
export interface NewFunctions {
  readonly module: WebAssembly.Module | null;
  /** Exports, in the order of the numbers that they get. */
  readonly names: readonly string[];
}

/** The message to each worker when a program is compiled. */
export interface ProgramForWorker {
  readonly program: ProgramData;
  readonly functions: NewFunctions;
  /** Address of this worker's arguments. */
  readonly argumentsAt: number;
  /** Address of this worker's own memory, from now on. */
  readonly scratchAt: number;
}

/** Number of arguments of all launches. */
export function argumentCount(program: ProgramData): number {
  let count = 0;
  for (const { launches } of program.segments) {
    for (const launch of launches) count += launch.arguments.length;
  }
  return count;
}
