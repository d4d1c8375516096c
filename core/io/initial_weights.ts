/**
 * Weights of a model that is made from its config: a function of the seed and of each weight's name, so
 * that neither the order of layers nor the number of processes changes them.
 * @module
 */
import type { WeightSpec } from "../contracts/model.ts";
import { hash32, randomFrom } from "../random.ts";

/** Start values of a weight, row-major. */
export function initialWeights(spec: WeightSpec, seed: number): Float32Array {
  const { init, shape, name } = spec;
  const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
  if (init.kind === "ones") return values.fill(1);
  if (init.kind === "zeros") return values;
  const random = randomFrom(seed, hashOfName(name));
  for (let i = 0; i < values.length; i++) {
    values[i] = init.kind === "normal"
      ? random.normal() * init.std
      : (2 * random.next() - 1) * init.bound;
  }
  return values;
}

/** 32 bits of a name. */
export function hashOfName(name: string): number {
  return hash32(...new TextEncoder().encode(name));
}
