/**
 * Every shader that the suite of backends makes, for each kind of adapter.
 * @module
 */
import { shadersOf } from "../../../backends/webgpu/source.ts";
import { backendCases } from "../../conformance/backend.ts";
import { planOf } from "../../conformance/backend/case.ts";
import { ADAPTERS } from "./_adapters.ts";

/** A shader, and who asked for it first. */
export interface SuiteShader {
  readonly name: string;
  readonly adapter: string;
  readonly test: string;
  readonly wgsl: string;
}

/** The shaders, each once. */
export function suiteShaders(): SuiteShader[] {
  const found = new Map<string, SuiteShader>();
  for (const [adapter, limits] of Object.entries(ADAPTERS)) {
    for (const test of Object.values(backendCases).flat()) {
      for (const { name, wgsl } of shadersOf(planOf(test), limits)) {
        if (found.has(wgsl)) continue;
        found.set(wgsl, { name, adapter, test: test.title, wgsl });
      }
    }
  }
  return [...found.values()];
}
