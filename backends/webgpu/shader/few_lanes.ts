/**
 * Lanes for kernels that give a row to a workgroup, on software adapters.
 * @module
 */

/** llvmpipe ends loops that turn more than 65,535 times in one invocation, all its loops together. */
const MOST_TURNS = 60000;

/**
 * The fewest lanes (a power of two, 8 to 1,024) with which no invocation's loops turn too often: a workgroup has
 * one core there, as wide as a few lanes. `turns` counts those of all its loops.
 */
export function fewLanes(turns: (lanes: number) => number): number {
  let lanes = 8;
  while (lanes < 1024 && turns(lanes) > MOST_TURNS) lanes *= 2;
  return lanes;
}
