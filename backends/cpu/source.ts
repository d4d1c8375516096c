/**
 * The WebAssembly that is made of a plan's kernels, as people read it, and what does the products that it leaves to others.
 * @module
 */
import type { KernelSource, Plan } from "@denotune/denotune/device";
import { ModuleBuilder, printModule } from "./assembler/mod.ts";
import { Kernel, LAUNCH_PARAMETERS } from "./kernels/launch.ts";
import {
  type LibrariesFound,
  libraryOf,
  machineCodeIn,
} from "./blas/opened.ts";
import { importedBy, lower, loweringFor } from "./lower.ts";
import type { LoopMaker } from "./machine_code/wide/loop.ts";
import { chunkExtents } from "./runtime/compile.ts";

/** One module for each launch of the plan, in order; a product by a library or by machine code is only named. */
export function sourcesOf(
  plan: Plan,
  { found, workers }: {
    readonly found: LibrariesFound;
    readonly workers: number;
  },
): KernelSource[] {
  const options = loweringFor(found, workers);
  return plan.segments.flatMap((segment) => {
    const extents = chunkExtents(segment, plan.capacities);
    return segment.calls.flatMap((call) => {
      const launches = lower(call, extents, options);
      return launches.map((launch, i) => {
        const name = launches.length === 1
          ? call.kernel
          : `${call.kernel}, launch ${i + 1} of ${launches.length}`;
        if (launch.blas !== undefined) {
          const { description } = libraryOf<{ readonly description: string }>(
            found,
            launch.blas,
          );
          return {
            name,
            language: "WebAssembly",
            text:
              `;; a product of ${launch.blas.factors} factors by ${description}, block by block\n`,
          };
        }
        const wide = wideLoopsIn(found);
        const module = new ModuleBuilder(importedBy(options));
        module.function(
          { parameters: LAUNCH_PARAMETERS, name: "launch" },
          (f) => launch.build(new Kernel(f, module, launch, wide)),
        );
        return {
          name,
          language: "WebAssembly",
          text: `;; ${launch.key}${wide?.remark ?? ""}\n${
            printModule(module.finish())
          }`,
        };
      });
    });
  });
}

/** Makes no loops, but remarks that they would be made; null: WebAssembly does them. */
function wideLoopsIn(
  found: LibrariesFound,
): LoopMaker & { readonly remark: string } | null {
  const machineCode = machineCodeIn(found);
  if (machineCode === null) return null;
  const lanes = machineCode.width / 32;
  let remark = "";
  return {
    lanes,
    make() {
      remark =
        `; whole vectors of ${lanes} by ${machineCode.description}, in the steps of the loop`;
      return 0;
    },
    get remark() {
      return remark;
    },
  };
}
