/**
 * Sizes as people write them.
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 2 ** 10,
  m: 1e6,
  mb: 1e6,
  mib: 2 ** 20,
  g: 1e9,
  gb: 1e9,
  gib: 2 ** 30,
  t: 1e12,
  tb: 1e12,
  tib: 2 ** 40,
};

/** Bytes of `8GB`, `500 MB`, `1.5GiB` or `1000`: powers of 1,000, with an `i` of 1,024; null for anything else. */
export function parseBytes(text: string): number | null {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  if (found === null) return null;
  const unit = UNITS[found[2].toLowerCase()];
  const bytes = unit === undefined ? 0 : Math.floor(Number(found[1]) * unit);
  return bytes > 0 ? bytes : null;
}

/** The same of what `name` was given. Throws `ConfigError` for anything else. */
export function bytesOfSize(text: string, name: string): number {
  const bytes = parseBytes(text);
  if (bytes === null) {
    throw new ConfigError(
      `${name} is ${
        JSON.stringify(text)
      }; expected a size such as 5GB or 500MB`,
    );
  }
  return bytes;
}
