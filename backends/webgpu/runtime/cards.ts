/**
 * Which of several cards: WebGPU in Deno offers one adapter and lists none, so Vulkan is asked for the list, and
 * Mesa's layer for choosing devices, which works for every maker's driver, shows only the one that is meant.
 * DirectX and Metal have no such way: there an adapter can only be compared with the name that was asked for.
 * @module
 */
import {
  environmentVariable,
  isGranted,
  variables,
} from "@denotune/denotune/device";
import { existsSync } from "node:fs";

/** A device of Vulkan. */
export interface Card {
  /** `NVIDIA H200`. */
  readonly name: string;
  readonly vendor: number;
  readonly device: number;
  /** `0000:01:00.0`; null: not on a PCI bus, or the driver does not say. */
  readonly pci: string | null;
}

/** Names of Vulkan's loader. */
const LOADERS = ["libvulkan.so.1", "libvulkan.so"];
/** Where the layer that chooses devices is listed. */
const LAYER_FOLDERS = ["/usr/share", "/usr/local/share", "/etc"];
const LAYER = "vulkan/implicit_layer.d/VkLayer_MESA_device_select.json";
/** What launchers call a rank's number among those of its machine: Open MPI, MPICH, Slurm. */
const LOCAL_RANKS = [
  "OMPI_COMM_WORLD_LOCAL_RANK",
  "MPI_LOCALRANKID",
  "SLURM_LOCALID",
];
/** What Mesa's layer reads. */
const SELECTION = [
  "DRI_PRIME",
  "MESA_VK_DEVICE_SELECT",
  "MESA_VK_DEVICE_SELECT_FORCE_DEFAULT_DEVICE",
];

/** What choosing a card needs. */
export function cardPermissions(): string[] {
  if (Deno.build.os !== "linux") return [];
  return [
    ...LAYER_FOLDERS.map((folder) => `read:${folder}/${LAYER}`),
    ...variables(...LOCAL_RANKS, ...SELECTION),
    ...LOADERS.map((name) => `ffi:${name}`),
  ];
}

/** Vulkan's devices in its own order; null: there is no Vulkan to ask, or no permission for it. */
export function listCards(): readonly Card[] | null {
  if (Deno.build.os !== "linux") return null;
  for (const path of LOADERS) {
    if (!isGranted({ name: "ffi", path })) continue;
    const vulkan = openVulkan(path);
    if (vulkan === null) continue;
    try {
      return cardsOf(vulkan.symbols);
    } finally {
      vulkan.close();
    }
  }
  return null;
}

/** `0: NVIDIA H200 (0000:01:00.0)`. */
export function describeCard({ name, pci }: Card, index: number): string {
  return `${index}: ${name}${pci === null ? "" : ` (${pci})`}`;
}

/** The card that `adapter` means among those that there are, or why none. */
export function chooseCard(
  cards: readonly Card[],
  adapter: number | string,
  localRank: number | null,
): Card | { readonly reason: string } {
  const found = cards.length === 0
    ? "Vulkan finds none"
    : `Vulkan finds ${cards.map(describeCard).join("; ")}`;
  if (adapter === "local-rank") {
    // more ranks than cards share them in turn
    return cards[(localRank ?? 0) % cards.length] ??
      { reason: `no adapter for this rank: ${found}` };
  }
  const text = `${adapter}`.toLowerCase();
  const meant = /^\d+$/.test(text)
    ? cards.slice(Number(adapter), Number(adapter) + 1)
    : cards.filter(({ name, pci }) =>
      pci === text || name.toLowerCase().includes(text)
    );
  if (meant.length === 1) return meant[0];
  return {
    reason: meant.length === 0
      ? `there is no \`adapter: ${adapter}\`: ${found}`
      : `\`adapter: ${adapter}\` fits ${meant.length} of them: ${found}. Give its number or PCI address`,
  };
}

/** This process's number among those of its machine; null: no launcher says one. */
export function localRank(): number | null {
  for (const name of LOCAL_RANKS) {
    const text = environmentVariable(name);
    if (text !== undefined && /^\d+$/.test(text)) return Number(text);
  }
  return null;
}

/** Whether a card can be singled out here. Where we may not look, the name that comes back decides. */
export function hasSelectionLayer(): boolean {
  return LAYER_FOLDERS.map((folder) => `${folder}/${LAYER}`).some((path) =>
    !isGranted({ name: "read", path }) || existsSync(path)
  );
}

/** The variables that make Mesa's layer show one card only. */
export function selectionOf(card: Card): Record<string, string> {
  const hex = (id: number) => id.toString(16).padStart(4, "0");
  return {
    // the address tells two cards of one kind apart
    ...card.pci === null
      ? {}
      : { DRI_PRIME: `pci-${card.pci.replace(/[:.]/g, "_")}` },
    ...card.pci === null
      ? { MESA_VK_DEVICE_SELECT: `${hex(card.vendor)}:${hex(card.device)}` }
      : {},
    MESA_VK_DEVICE_SELECT_FORCE_DEFAULT_DEVICE: "1",
  };
}

const SYMBOLS = {
  vkCreateInstance: {
    parameters: ["buffer", "pointer", "buffer"],
    result: "i32",
  },
  vkDestroyInstance: { parameters: ["pointer", "pointer"], result: "void" },
  vkEnumeratePhysicalDevices: {
    parameters: ["pointer", "buffer", "buffer"],
    result: "i32",
  },
  vkGetPhysicalDeviceProperties2: {
    parameters: ["pointer", "buffer"],
    result: "void",
  },
} as const;

function openVulkan(path: string) {
  try {
    return Deno.dlopen(path, SYMBOLS);
  } catch {
    return null; // no such library, or one that lacks Vulkan 1.1
  }
}

type Vulkan = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;

/** Types of structures, versions and offsets of Vulkan 1.1. */
const INSTANCE_CREATE_INFO = 1;
const PROPERTIES_2 = 1000059001;
const PCI_BUS_INFO = 1000212000;
const VERSION_1_1 = (1 << 22) | (1 << 12);
/** `VkPhysicalDeviceProperties2`: the type, the next structure, and 824 bytes of properties. */
const PROPERTIES_BYTES = 16 + 1024;
/** What no driver fills in stays as it is. */
const UNKNOWN = 0xffffffff;

/** Asks an instance that lives for the question only. */
function cardsOf(vulkan: Vulkan): Card[] {
  // both structures in one buffer: the first, 64 bytes, has the address of the second
  const create = new DataView(new ArrayBuffer(64 + 48));
  create.setUint32(0, INSTANCE_CREATE_INFO, true);
  create.setBigUint64(24, addressOf(create) + 64n, true);
  create.setUint32(64 + 44, VERSION_1_1, true);
  const handle = new BigUint64Array(1);
  if (vulkan.vkCreateInstance(bytesOf(create), null, bytesOf(handle)) !== 0) {
    return [];
  }
  const instance = Deno.UnsafePointer.create(handle[0]);
  try {
    const count = new Uint32Array(1);
    vulkan.vkEnumeratePhysicalDevices(instance, bytesOf(count), null);
    const devices = new BigUint64Array(count[0]);
    vulkan.vkEnumeratePhysicalDevices(
      instance,
      bytesOf(count),
      bytesOf(devices),
    );
    return [...devices.subarray(0, count[0])].map((device) =>
      cardOf(vulkan, Deno.UnsafePointer.create(device))
    );
  } finally {
    vulkan.vkDestroyInstance(instance, null);
  }
}

function cardOf(vulkan: Vulkan, device: Deno.PointerValue): Card {
  const bus = new DataView(new ArrayBuffer(32));
  bus.setUint32(0, PCI_BUS_INFO, true);
  for (const at of [16, 20, 24, 28]) bus.setUint32(at, UNKNOWN, true);
  const properties = new DataView(new ArrayBuffer(PROPERTIES_BYTES));
  properties.setUint32(0, PROPERTIES_2, true);
  properties.setBigUint64(8, addressOf(bus), true);
  vulkan.vkGetPhysicalDeviceProperties2(device, bytesOf(properties));
  const at = (offset: number) => properties.getUint32(16 + offset, true);
  const name = new Uint8Array(properties.buffer, 16 + 20, 256);
  const [domain, number, slot, part] = [16, 20, 24, 28].map((offset) =>
    bus.getUint32(offset, true)
  );
  const hex = (value: number, digits: number) =>
    value.toString(16).padStart(digits, "0");
  return {
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    vendor: at(8),
    device: at(12),
    pci: number === UNKNOWN
      ? null
      : `${hex(domain, 4)}:${hex(number, 2)}:${hex(slot, 2)}.${part}`,
  };
}

function bytesOf(view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function addressOf(view: ArrayBufferView<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytesOf(view)));
}
