/**
 * The WebAssembly that is made of a plan's kernels, as people read it.
 * @module
 */
import type { KernelSource, Plan } from "@denotune/denotune/device";
import { ModuleBuilder, printModule } from "./assembler/mod.ts";
import { Kernel, LAUNCH_PARAMETERS } from "./kernels/launch.ts";
import { importedBy, lower, type LowerOptions } from "./lower.ts";
import { chunkExtents } from "./runtime/compile.ts";

/** One module for each launch of the plan, in order; a product by a BLAS has no code of ours. */
export function sourcesOf(plan: Plan, options: LowerOptions): KernelSource[] {
  return plan.segments.flatMap((segment) => {
    const extents = chunkExtents(segment, plan.capacities);
    return segment.calls.flatMap((call) => {
      const launches = lower(call, extents, options);
      return launches.map((launch, i) => {
        const name = launches.length === 1
          ? call.kernel
          : `${call.kernel}, launch ${i + 1} of ${launches.length}`;
        if (launch.blas !== undefined) {
          return {
            name,
            language: "WebAssembly",
            text: `;; a product by a library, block by block: ${
              launch.blas.factors === "bf16" ? "dnnl_gemm_bf16bf16f32" : "sgemm"
            }\n`,
          };
        }
        const module = new ModuleBuilder(importedBy(options));
        module.function(
          { parameters: LAUNCH_PARAMETERS, name: "launch" },
          (f) => launch.build(new Kernel(f, module, launch)),
        );
        return {
          name,
          language: "WebAssembly",
          text: `;; ${launch.key}\n${printModule(module.finish())}`,
        };
      });
    });
  });
}
