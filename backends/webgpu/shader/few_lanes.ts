/**
 * Lanes for kernels that give a row to a workgroup, on software adapters.
 * @module
 */

/** llvmpipe ends loops that iterate more than 65,535 times in one invocation, all its loops together. */
const MOST_ITERATIONS = 60000;

/**
 * The fewest lanes (a power of two, 8 to 1,024) with which no invocation's loops iterate too often: a workgroup has
 * one core there, as wide as a few lanes. `iterations` counts those of all its loops.
 */
export function fewLanes(iterations: (lanes: number) => number): number {
  let lanes = 8;
  while (lanes < 1024 && iterations(lanes) > MOST_ITERATIONS) lanes *= 2;
  return lanes;
}
