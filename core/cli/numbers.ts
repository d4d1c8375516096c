/**
 * Numbers as people read them.
 * @module
 */

/** `1,234,567` */
export function whole(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** `513 MB`: powers of 1,024. */
export function bytes(n: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  let value = n;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${
    units[at]
  }`;
}
