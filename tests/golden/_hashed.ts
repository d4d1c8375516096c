/**
 * Weights that golden files do not have to hold: both sides make them by the same hash.
 * @module
 */
import { mix32 } from "../../core/random.ts";
import type { TinyModel } from "../conformance/model/tiny_model.ts";

/** Numbers in [-1, 1): `hashed` of _witness.py. */
export function hashed(key: number, count: number): Float32Array {
  const start = mix32(key);
  return Float32Array.from(
    { length: count },
    (_, i) => (mix32((start + i) | 0) >>> 8) / 2 ** 23 - 1,
  );
}

/** Writes every weight, in the order of their names: element i of the n-th is half of `hashed(key + n)`. */
export function writeHashed(
  { inventory, write }: Pick<TinyModel, "inventory" | "write">,
  key: number,
): void {
  const weights = [...inventory.weights].sort((a, b) =>
    a.name < b.name ? -1 : 1
  );
  weights.forEach(({ name, shape }, number) => {
    const elements = shape.reduce((a, b) => a * b, 1);
    write(name, hashed(key + number, elements).map((v) => v * 0.5));
  });
}
