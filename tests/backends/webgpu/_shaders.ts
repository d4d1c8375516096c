/**
 * Every shader that the suite of backends makes, for each kind of adapter.
 * @module
 */
import type { Plan } from "@denotune/denotune/core";
import type { AdapterLimits } from "../../../backends/webgpu/runtime/adapter_limits.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import { llamaArchitecture } from "../../conformance/model/architectures.ts";
import { shadersOf } from "../../../backends/webgpu/source.ts";
import { backendCases } from "../../conformance/backend.ts";
import { planOf } from "../../conformance/backend/case.ts";
import { ADAPTERS } from "./_adapters.ts";
import { trainRequest } from "../../train_request.ts";

const MODEL = new URL("../../golden/models/llama-gqa-untied", import.meta.url)
  .pathname;

/** A shader, and who asked for it first. */
export interface SuiteShader {
  readonly name: string;
  readonly adapter: string;
  readonly test: string;
  readonly wgsl: string;
}

/** The shaders, each once: of the suite's cases, and of a small model that is trained and generates. */
export function suiteShaders(): SuiteShader[] {
  const cases = Object.values(backendCases).flat().map(planOf);
  const found = new Map<string, SuiteShader>();
  for (const [adapter, limits] of Object.entries(ADAPTERS)) {
    for (const plan of [...cases, ...modelPlans(limits)]) {
      for (const { name, wgsl } of shadersOf(plan, limits)) {
        if (found.has(wgsl)) continue;
        found.set(wgsl, { name, adapter, test: plan.name, wgsl });
      }
    }
  }
  return [...found.values()];
}

/** Programs of a small model: what the planner puts into one buffer, and the products that it gives an end. */
function modelPlans({ maxBindings, maxBindingBytes }: AdapterLimits): Plan[] {
  using files = openModelFolder(MODEL);
  const { programs } = planEngine(
    trainRequest(llamaArchitecture.describe(files.config), {
      train: { B: 3, T: 24, checkpointing: true },
      generate: { rows: 2, capacity: 48, prefill: 16 },
    }),
    {
      alignment: 256,
      maxBufferBytes: maxBindingBytes,
      epilogues: { tensors: maxBindings, bytes: maxBindingBytes },
    },
  );
  return programs.map(({ plan }) => plan);
}
