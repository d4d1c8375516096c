/**
 * Weights that golden files do not have to hold: both sides make them by the same hash.
 * @module
 */
import assert from "node:assert/strict";
import type { Architecture, WeightSpec } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../backends/reference/mod.ts";
import { localDevice } from "../../core/device/local_device.ts";
import { mix32 } from "../../core/random.ts";
import {
  layOut,
  openTiny,
  type TinyModel,
} from "../conformance/model/tiny_model.ts";
import { close, norm2 } from "./_model_checks.ts";

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

/** The same as `fill_hashed` of _witness.py: so many times as large, those of norms around 1. */
export function hashedWeights(
  weights: readonly WeightSpec[],
  { key, scale }: { key: number; scale: number },
): Map<string, Float32Array> {
  const sorted = [...weights].sort((a, b) => a.name < b.name ? -1 : 1);
  return new Map(
    sorted.map(({ name, shape }, number) => {
      const elements = shape.reduce((a, b) => a * b, 1);
      const middle = shape.length === 1 && name.endsWith("weight") ? 1 : 0;
      const values = hashed(key + number, elements);
      return [name, values.map((v) => middle + v * scale)];
    }),
  );
}

/** What transformers makes of a random config: `hashed_case` of _witness.py. */
export interface SweepCase {
  readonly config: { readonly [key: string]: unknown };
  readonly key: number;
  readonly loss: number;
  readonly logits: readonly number[];
  readonly grad_norms: { readonly [name: string]: number };
}

async function checkCase(
  architecture: Architecture,
  wanted: SweepCase,
): Promise<void> {
  const { config, key } = wanted;
  const spec = architecture.describe(config);
  await using device = localDevice(new ReferenceExecutor());
  await using model = await openTiny(device, spec);
  writeHashed(model, key);
  const ids = [...hashed(key + 1000, 13)].map((v) =>
    Math.floor((v + 1) / 2 * spec.vocabSize)
  );
  const batch = layOut([[{ ids, labels: ids }]]);
  const logits = await model.logits(batch);
  close(logits.subarray(-spec.vocabSize), wanted.logits, {
    absolute: 1e-4,
    what: "logits",
  });
  const { loss, gradients } = await model.step(batch);
  close([loss], [wanted.loss], { relative: 1e-4, what: "loss" });
  assert.deepEqual(
    [...gradients.keys()].sort(),
    Object.keys(wanted.grad_norms).sort(),
  );
  for (const [name, norm] of Object.entries(wanted.grad_norms)) {
    close([norm2(gradients.get(name) ?? [])], [norm], {
      relative: 1e-3,
      absolute: 1e-6,
      what: name,
    });
  }
}

/** Last logits, loss and norms of gradients of every case, on the reference. */
export async function checkCases(
  architecture: Architecture,
  cases: readonly SweepCase[],
): Promise<void> {
  for (const wanted of cases) {
    try {
      await checkCase(architecture, wanted);
    } catch (error) {
      throw new Error(`config ${JSON.stringify(wanted.config)}`, {
        cause: error,
      });
    }
  }
}
