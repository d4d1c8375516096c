/**
 * Functions that have just been assembled are compiled quickly by V8, and better in the background once they have run
 * a while: some 50 ms of a processor that the first steps would go without. So each is called with nothing to do as
 * soon as it is there, and V8 compiles while weights are read.
 *
 * V8 counts the bytes of machine code that a function has run (13 million, `--wasm-tiering-budget`): those of its whole
 * code at its end, and of a loop's at each turn. Functions of less code than 13 million by {@linkcode CALLS} are left:
 * they take little time, or their loops turn often.
 * @module
 */
import { CELL } from "./layout.ts";

/**
 * An assembled launch: addresses of its arguments, of the worker's own memory and of the counters of pieces; which worker
 * it is, of how many.
 */
export type LaunchFunction = (
  args: number,
  scratch: number,
  counters: number,
  worker: number,
  workers: number,
) => void;

/** Enough for functions of 3.3 KB of machine code; 50 ns each. */
const CALLS = 4000;
/** More than any launch has pieces. */
const NO_PIECES = 1 << 30;

/** Calls a launch that finds no piece left to take: it writes nothing but its worker's own memory. */
export function warmUp(
  run: LaunchFunction,
  { argumentsAt, scratchAt, cells }: {
    readonly argumentsAt: number;
    readonly scratchAt: number;
    readonly cells: Int32Array;
  },
): void {
  Atomics.store(cells, CELL.exhausted, NO_PIECES);
  for (let call = 0; call < CALLS; call++) {
    run(argumentsAt, scratchAt, 4 * CELL.exhausted, 0, 1);
  }
}
