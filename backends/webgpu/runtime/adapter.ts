/**
 * Finds an adapter and opens its device with all that it allows.
 * @module
 */
import { DeviceError, isGranted } from "@denotune/denotune/device";
import type { WebGpuOptions } from "../options.ts";
import type { TileTable } from "../kernels/matmul/tiles.ts";
import {
  type Card,
  chooseCard,
  hasSelectionLayer,
  listCards,
  localRank,
  selectionOf,
} from "./cards.ts";
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
  options: Pick<WebGpuOptions, "power_preference" | "adapter">,
): Promise<GPUAdapter | { readonly reason: string }> {
  const gpu = (globalThis.navigator as { gpu?: GPU } | undefined)?.gpu;
  if (gpu === undefined) {
    return { reason: "this runtime has no WebGPU (navigator.gpu)" };
  }
  const card = cardFor(options.adapter);
  if (card !== null && "reason" in card) return card;
  let adapter: GPUAdapter | null = null;
  let cause = "";
  const giveBack = lend({
    ...quietWayland(),
    ...card === null ? {} : selectionOf(card),
  });
  try {
    adapter = await gpu.requestAdapter({
      powerPreference: options.power_preference,
    });
  } catch (error) {
    cause = `: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    giveBack();
  }
  if (adapter === null) {
    return {
      reason: `no GPU adapter was found${cause}. ${
        installAdvice(Deno.build.os, osRelease())
      }`,
    };
  }
  return isMeant(adapter, card?.name ?? options.adapter) ? adapter : {
    reason:
      `\`adapter: ${options.adapter}\` was asked for, and WebGPU offers only ${adapter.info.description}. Where a system has no way to choose (DirectX, Metal), try \`power_preference: low-power\`, or the system's own settings for graphics`,
  };
}

/** The card that the run file names; null: any, or there is no list to look it up in. */
function cardFor(
  adapter: WebGpuOptions["adapter"],
): Card | null | { readonly reason: string } {
  if (adapter === "auto") return null;
  const cards = listCards();
  if (cards === null) {
    if (typeof adapter === "string" && adapter !== "local-rank") return null;
    return {
      reason:
        `\`adapter: ${adapter}\` needs Vulkan's list of cards, which there is on Linux with libvulkan.so.1 and --allow-ffi. Name the adapter instead`,
    };
  }
  const card = chooseCard(cards, adapter, localRank());
  if ("reason" in card || cards.length === 1 || hasSelectionLayer()) {
    return card;
  }
  return {
    reason:
      `\`adapter: ${adapter}\` needs Mesa's layer that chooses devices, for other makers' cards too: install mesa-vulkan-drivers, or show this process one card only (a container's devices)`,
  };
}

/** Whether an adapter is the one that was named. */
function isMeant(
  { info }: GPUAdapter,
  adapter: WebGpuOptions["adapter"],
): boolean {
  return typeof adapter === "number" || adapter === "auto" ||
    info.description.toLowerCase().includes(adapter.toLowerCase());
}

/**
 * Wayland's library writes an error to the terminal where XDG_RUNTIME_DIR is not set (containers, root), each
 * time that drivers look for a display. Nothing here needs one: the variable is lent while they look.
 */
function quietWayland(): Record<string, string> {
  const name = "XDG_RUNTIME_DIR";
  // without permission for the environment the line is shown, and does no harm
  const isOurs = Deno.build.os === "linux" &&
    isGranted({ name: "env", variable: name }) && !Deno.env.get(name);
  return isOurs ? { [name]: "/tmp" } : {};
}

/** Sets variables of the environment for as long as drivers read them; returns what sets them back. */
function lend(values: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(values).map((name) =>
    [name, Deno.env.get(name)] as const
  );
  for (const [name, value] of Object.entries(values)) {
    Deno.env.set(name, value);
  }
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  };
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
  const optional: GPUFeatureName[] = ["timestamp-query", "shader-f16"];
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
    halves: features.includes("shader-f16"),
    options,
    tiles,
  });
  return new Gpu(device, { ...limits, ...pretend });
}

function limitsOf(
  adapter: GPUAdapter,
  device: GPUDevice,
  { facts, subgroups, halves, options, tiles }: {
    facts: AdapterFacts;
    subgroups: boolean;
    halves: boolean;
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
    halves,
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
