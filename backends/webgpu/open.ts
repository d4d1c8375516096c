/**
 * Opens the GPU for runs: with the measuring of products that `tune: now` asks for.
 * @module
 */
import { type MeasureTiles, WebGpuExecutor } from "./executor.ts";
import { shapeKey } from "./kernels/matmul/choice.ts";
import type { WebGpuOptions } from "./options.ts";

/** Opens the adapter that the options ask for. Throws `DeviceError` where there is none. */
export async function openWebGpu(
  options: Partial<WebGpuOptions> = {},
): Promise<WebGpuExecutor> {
  return await WebGpuExecutor.open(options, {}, measureTiles);
}

const measureTiles: MeasureTiles = async (shapes, options) => {
  const { tuneWebgpu } = await import("./tune/tune.ts");
  const tuned = await tuneWebgpu({ shapes, options, folder: null });
  return new Map(
    tuned.shapes.flatMap(({ shape, best }) =>
      best === null ? [] : [[shapeKey(shape), best.tile] as const]
    ),
  );
};
