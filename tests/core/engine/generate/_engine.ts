/**
 * A tiny model with random weights that generates, on a device that counts what is asked of it.
 * @module
 */
import { initialWeights } from "../../../../core/io/initial_weights.ts";
import type { Device } from "../../../../core/contracts/backend.ts";
import type { ModelSpec } from "../../../../core/contracts/model.ts";

import { Generator } from "../../../../core/engine/generate/generator.ts";
import type { GenerationLimits } from "../../../../core/engine/generate/programs.ts";
import { Engine } from "../../../../core/engine/engine.ts";
import { planEngine } from "../../../../core/engine/plan_engine.ts";
import { llamaArchitecture } from "../../../conformance/model/architectures.ts";
import { TINY_LLAMA } from "../../../run_harness.ts";

/** What was asked of a device. */
export interface Asked {
  reads: number;
  /** Rows of each run, by how many tokens a row: 1 is a step of decoding. */
  steps: number[];
}

/** The device, and what is asked of it from now on; `readsAreCostly` may be pretended. */
export function counting(
  device: Device,
  readsAreCostly?: boolean,
): { device: Device; asked: Asked } {
  const asked: Asked = { reads: 0, steps: [] };
  const counted = new Proxy(device, {
    get(target, key) {
      if (key === "info" && readsAreCostly !== undefined) {
        return { ...target.info, readsAreCostly };
      }
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        if (key === "read") asked.reads++;
        if (key === "run") asked.steps.push(rowsOf(given[1]));
        return value.apply(target, given);
      };
    },
  });
  return { device: counted, asked };
}

function rowsOf(extents: unknown): number {
  return typeof extents === "object" && extents !== null && "B" in extents &&
      "T" in extents && extents.T === 1
    ? Number(extents.B)
    : 0;
}

/** Runs `body` with a generator of these limits. */
export async function withGenerator<T>(
  device: Device,
  limits: GenerationLimits,
  body: (generator: Generator) => Promise<T>,
  spec: ModelSpec = llamaArchitecture.describe({
    ...TINY_LLAMA,
    initializer_range: 0.3,
  }),
): Promise<T> {
  const planned = planEngine({
    spec,
    adapter: null,
    frozenDtype: "f32",
    causal: true,
    train: null,
    evaluate: null,
    generate: limits,
    sources: 1,
  }, device.info);
  await using engine = await Engine.open(planned, device);
  for (const w of planned.inventory.weights) {
    engine.session.write(w.name, initialWeights(w, 3));
  }
  if (engine.generator === null) throw new Error("not planned for generation");
  if (!(engine.generator instanceof Generator)) {
    throw new Error("does not decode token by token");
  }
  return await body(engine.generator);
}
