/**
 * The adapter that tests run on, where there is one.
 * @module
 */
import type { Device } from "../../../core/contracts/backend.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import {
  WebGpuExecutor,
  type WebGpuOptions,
} from "../../../backends/webgpu/mod.ts";
import {
  factsOf,
  findAdapter,
} from "../../../backends/webgpu/runtime/adapter.ts";
import type { AdapterLimits } from "../../../backends/webgpu/runtime/adapter_limits.ts";

const found = await findAdapter({
  adapter: "auto",
  power_preference: "high-performance",
});

/** Why there is no adapter; null where there is one. */
export const missing: string | null = "reason" in found ? found.reason : null;

/** What the adapter is; empty where there is none. */
export const adapterName: string = "reason" in found
  ? ""
  : factsOf(found).description;

/** The name of a test: says why it is skipped. */
export function title(sentence: string): string {
  return missing === null
    ? sentence
    : `${sentence} (skipped: no WebGPU adapter; software Vulkan is mesa-vulkan-drivers and libvulkan1)`;
}

/** An executor in this thread. */
export function openExecutor(
  options: Partial<WebGpuOptions> = {},
  pretend: Partial<AdapterLimits> = {},
): Promise<WebGpuExecutor> {
  return WebGpuExecutor.open({ tune: "off", ...options }, pretend);
}

/** A device in this thread. */
export async function openDevice(
  options: Partial<WebGpuOptions> = {},
  pretend: Partial<AdapterLimits> = {},
): Promise<Device> {
  return localDevice(await openExecutor(options, pretend));
}
