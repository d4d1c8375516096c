/**
 * The first of the largest, over the lanes of a workgroup.
 * @module
 */

/**
 * Statements over each lane's `value` and `best` and the workgroup arrays `largest` and `places`: leaves
 * the answer at their start. Of equal values the smaller place wins, so the order of lanes does not matter.
 */
export function combineArgmax(invocations: number): string {
  return `largest[lane] = value;
places[lane] = best;
workgroupBarrier();
// Halve: each lane keeps the better of its own and of the lane "step" behind.
for (var step = ${invocations / 2}u; step > 0u; step >>= 1u) {
  if (lane < step) {
    let other = largest[lane + step];
    let place = places[lane + step];
    if (other > largest[lane] || (other == largest[lane] && place < places[lane])) {
      largest[lane] = other;
      places[lane] = place;
    }
  }
  workgroupBarrier();
}`;
}
