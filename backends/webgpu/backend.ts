/**
 * The part.
 * @module
 */
import {
  type Backend,
  connectWorker,
  definePart,
  type Part,
  startWorker,
} from "@denotune/denotune/core";
import { type WebGpuOptions, webGpuOptions } from "./options.ts";
import { factsOf, findAdapter, openGpu } from "./runtime/adapter.ts";
import { type AdapterLimits, LEAST_LIMITS } from "./runtime/adapter_limits.ts";
import { cardPermissions, describeCard, listCards } from "./runtime/cards.ts";
import { driverPermissions } from "./runtime/driver.ts";
import { PRECISIONS } from "./precisions.ts";

/** GPUs of every make through Deno's own WebGPU, in a worker. */
export const webgpu: Part<"backend", Partial<WebGpuOptions>, WebGpuOptions> =
  definePart({
    kind: "backend",
    name: "webgpu",
    description:
      "GPUs of NVIDIA, AMD, Intel and Apple through Deno's own WebGPU",
    options: webGpuOptions,
    permissions: ({ adapter }) => [
      ...driverPermissions(),
      ...adapter === "auto" ? [] : cardPermissions(),
      "sys:systemMemoryInfo",
      "sys:osRelease",
    ],
    create(options: WebGpuOptions): Backend {
      return {
        precisions: PRECISIONS,
        async available(context) {
          const adapter = await findAdapter(options);
          if ("reason" in adapter) {
            // The install advice is shown only if the user asked for a GPU.
            const [short] = adapter.reason.split(". ");
            const explicit = context?.explicit === true;
            return { ok: false, reason: explicit ? adapter.reason : short };
          }
          const { software, description } = factsOf(adapter);
          const accepted = options.allow_software === "auto"
            ? context?.explicit === true
            : options.allow_software;
          if (software && !accepted) {
            return {
              ok: false,
              reason: `only a software adapter, ${description}`,
            };
          }
          return { ok: true, description };
        },
        open: () =>
          connectWorker(
            startWorker("webgpu", new URL("./worker.ts", import.meta.url)),
            options,
          ),
        devices: () => (listCards() ?? []).map(describeCard),
        tune: async (say) => {
          const { tuneAndShow } = await import("./tune/show.ts");
          await tuneAndShow(say);
        },
        source: async (plan) => {
          const [{ shadersOf }, { indented }] = await Promise.all([
            import("./source.ts"),
            import("./shader/indent.ts"),
          ]);
          const limits = await limitsHere(options);
          return shadersOf(plan, limits ?? LEAST_LIMITS).map((
            { name, wgsl },
          ) => ({
            name: limits === null
              ? `${name}, for the limits that every adapter has`
              : name,
            language: "WGSL",
            text: indented(wgsl),
          }));
        },
      };
    },
  });

/** The limits of the adapter that a run would take, or null where there is none. */
async function limitsHere(
  options: WebGpuOptions,
): Promise<AdapterLimits | null> {
  const adapter = await findAdapter(options);
  if ("reason" in adapter) return null;
  const { openTiles } = await import("./tune/cache.ts");
  const tiles = await openTiles(factsOf(adapter).identity, options.tune);
  const gpu = await openGpu(adapter, { options, tiles, pretend: {} });
  gpu.close();
  return gpu.limits;
}
