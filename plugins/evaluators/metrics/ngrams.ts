/**
 * Counted n-grams.
 * @module
 */

/** How often each n-gram of a list occurs; tokens have no `separator` in them. */
export function countNgrams(
  tokens: readonly string[],
  n: number,
  separator = " ",
): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    const key = tokens.slice(i, i + n).join(separator);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** How many n-grams two counts have in common. */
export function overlapOf(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
): number {
  let overlap = 0;
  for (const [key, count] of a) overlap += Math.min(count, b.get(key) ?? 0);
  return overlap;
}

/** The sum of counts. */
export function totalOf(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
