/**
 * Finds an adapter and opens its device with all that it allows.
 * @module
 */
import { DeviceError, isGranted } from "@denotune/denotune/core";
import type { WebGpuOptions } from "../options.ts";
import type { TileTable } from "../kernels/matmul/tiles.ts";
import { driverVersion } from "./driver.ts";
import { Gpu } from "./gpu.ts";
import { installAdvice } from "./install_advice.ts";
import type { AdapterLimits } from "./adapter_limits.ts";

/** The system's release, where we may know it. */
function osRelease(): string {
  return isGranted({ name: "sys", kind: "osRelease" }) ? Deno.osRelease() : "";
}

/** Facts about an adapter before it is opened. */
export interface AdapterFacts {
  readonly software: boolean;
  /** `NVIDIA H100`, `llvmpipe (LLVM 15.0.6, 256 bits) (software)`. */
  readonly description: string;
  /** Everything that distinguishes one adapter and driver from another. */
  readonly identity: string;
}

/** Limits that kernels and buffers use: the adapter's own are asked for. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
  "maxBindingsPerBindGroup",
  "minStorageBufferOffsetAlignment",
] as const;

/** The adapter, or why there is none. Options that say nothing of it are not looked at. */
export async function findAdapter(
  options: Pick<WebGpuOptions, "power_preference">,
): Promise<GPUAdapter | { readonly reason: string }> {
  const gpu = (globalThis.navigator as { gpu?: GPU } | undefined)?.gpu;
  if (gpu === undefined) {
    return { reason: "this runtime has no WebGPU (navigator.gpu)" };
  }
  let adapter: GPUAdapter | null = null;
  let cause = "";
  const quiet = quietWayland();
  try {
    adapter = await gpu.requestAdapter({
      powerPreference: options.power_preference,
    });
  } catch (error) {
    cause = `: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    quiet();
  }
  return adapter ??
    {
      reason: `no GPU adapter was found${cause}. ${
        installAdvice(Deno.build.os, osRelease())
      }`,
    };
}

/**
 * Wayland's library writes an error to the terminal where XDG_RUNTIME_DIR is not set (containers, root), each
 * time that drivers look for a display. Nothing here needs one: the variable is lent while they look.
 */
function quietWayland(): () => void {
  const name = "XDG_RUNTIME_DIR";
  // without permission for the environment the line is shown, and does no harm
  const isOurs = Deno.build.os === "linux" &&
    isGranted({ name: "env", variable: name }) && !Deno.env.get(name);
  if (!isOurs) return () => {};
  Deno.env.set(name, "/tmp");
  return () => Deno.env.delete(name);
}

/** The adapter's description of itself. */
export function factsOf(adapter: GPUAdapter): AdapterFacts {
  const { info } = adapter;
  const fallback = (info as { isFallbackAdapter?: boolean }).isFallbackAdapter;
  const software = fallback === true ||
    /llvmpipe|swiftshader|lavapipe|basic render|software/i.test(
      info.description,
    );
  const name = info.description ||
    [info.vendor, info.device].join(" ").trim() ||
    "an adapter without a name";
  return {
    software,
    description: software ? `${name} (software)` : name,
    identity: [
      info.vendor,
      info.architecture,
      info.device,
      info.description,
      `Deno ${Deno.version.deno}`,
      driverVersion(),
    ].join("; "),
  };
}

/** Opens an adapter's device. Throws `DeviceError`. */
export async function openGpu(
  adapter: GPUAdapter,
  { options, tiles, pretend }: {
    options: WebGpuOptions;
    tiles: TileTable;
    pretend: Partial<AdapterLimits>;
  },
): Promise<Gpu> {
  const requiredLimits: Record<string, number> = {};
  if (options.limits === "adapter") {
    for (const name of LIMITS) requiredLimits[name] = adapter.limits[name];
  }
  const optional: GPUFeatureName[] = ["timestamp-query"];
  const features = optional.filter((f) => adapter.features.has(f));
  const facts = factsOf(adapter);
  const request = (more: readonly string[]): Promise<GPUDevice> =>
    adapter.requestDevice({
      requiredLimits,
      // Deno hides subgroups among an adapter's features and grants them all the same.
      requiredFeatures: [...features, ...more] as GPUFeatureName[],
    });
  let device: GPUDevice;
  let subgroups = false;
  try {
    if (options.subgroups) {
      try {
        device = await request(["subgroups"]);
        subgroups = true;
      } catch {
        device = await request([]);
      }
    } else {
      device = await request([]);
    }
  } catch (error) {
    throw new DeviceError(
      `Cannot open a device on ${facts.description}: ${
        error instanceof Error ? error.message : String(error)
      }`,
      { cause: error },
    );
  }
  const limits = limitsOf(adapter, device, {
    facts,
    subgroups,
    options,
    tiles,
  });
  return new Gpu(device, { ...limits, ...pretend });
}

function limitsOf(
  adapter: GPUAdapter,
  device: GPUDevice,
  { facts, subgroups, options, tiles }: {
    facts: AdapterFacts;
    subgroups: boolean;
    options: WebGpuOptions;
    tiles: TileTable;
  },
): AdapterLimits {
  const { limits } = device;
  const info = adapter.info as GPUAdapterInfo & {
    subgroupMinSize?: number;
    subgroupMaxSize?: number;
  };
  const [min, max] = [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0];
  const own = options.max_binding_mb === null
    ? Infinity
    : options.max_binding_mb * 2 ** 20;
  return {
    software: facts.software,
    subgroup: subgroups && min >= 4 && max >= min ? { min, max } : null,
    sharedBytes: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: Math.min(
      limits.maxComputeInvocationsPerWorkgroup,
      limits.maxComputeWorkgroupSizeX,
    ),
    maxGroups: limits.maxComputeWorkgroupsPerDimension,
    // wgpu bounds a binding by 2^31 - 1 whatever the adapter says.
    maxBindingBytes: Math.min(
      own,
      limits.maxStorageBufferBindingSize,
      2 ** 31 - 256,
    ),
    maxBindings: limits.maxStorageBuffersPerShaderStage,
    bindingAlignment: Math.max(limits.minStorageBufferOffsetAlignment, 16),
    tiles,
  };
}
