/**
 * The known name nearest to one that was written.
 * @module
 */

/**
 * Edits (insert, delete, replace, swap of neighbours) that turn one word into the other: the
 * optimal string alignment distance.
 */
export function editDistance(a: string, b: string): number {
  // rows i - 2, i - 1 and i of the table (a.length + 1, b.length + 1)
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[b.length];
}

/**
 * The nearest of `known`, or null when none is near: at most one edit in three letters, or one
 * name a part of the other (`lr_scheduler` for `scheduler`). Case and `-`/`_` do not count.
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  const fold = (s: string) => s.toLowerCase().replaceAll("_", "-");
  const wanted = fold(word);
  if (wanted.length > 100) return null;
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const name of known) {
    const other = fold(name);
    const distance = editDistance(wanted, other);
    const shorter = Math.min(wanted.length, other.length);
    const limit = Math.max(
      1,
      Math.floor(Math.max(wanted.length, other.length) / 3),
    );
    const within = shorter >= 4 &&
      (wanted.includes(other) || other.includes(wanted));
    if (
      (distance <= limit && distance < shorter || within) &&
      distance < bestDistance
    ) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}
