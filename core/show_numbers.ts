/**
 * Numbers as people read them.
 * @module
 */

/** `1,234,567`: to the nearest whole number. */
export function showWhole(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** `1 row`, `2 rows`, `1,234 rows`: a count with its noun. */
export function showCount(
  count: number,
  one: string,
  many = `${one}s`,
): string {
  return `${showWhole(count)} ${count === 1 ? one : many}`;
}

/** `513 MB`, `1.23 GB`: three digits that count, units of 1,000, as `memory_limit` and `--max-shard` are read. */
export function showBytes(bytes: number): string {
  for (const [power, unit] of [[3, "GB"], [2, "MB"], [1, "kB"]] as const) {
    const size = 1000 ** power;
    if (bytes >= size) return `${showDigits(bytes / size)} ${unit}`;
  }
  return `${Math.round(bytes)} B`;
}

/** Three digits that count: `1.23`, `12.3`, `123`; whole numbers as they are. */
export function showDigits(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) {
    return value.toFixed(0);
  }
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
