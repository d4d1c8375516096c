/**
 * How many workgroups of each staged product tile a core of common cards can hold at once, by what the makers publish
 * of registers, workgroup memory and threads; no adapter is needed. One group alone waits at each barrier; two or more
 * hide it.
 * Run: `deno task bench webgpu_occupancy`
 *
 * Registers are the fewest that the inner loop needs: its sums, what is loaded at a time, and twelve for addresses.
 * A compiler may take more. "spills": more than a lane can have.
 * @module
 */
import type { KernelAttributes } from "@denotune/denotune/core";
import {
  chooseTileOf,
  isPossible,
} from "../../backends/webgpu/kernels/matmul/choice.ts";
import {
  invocationsOf,
  sharedBytesOf,
} from "../../backends/webgpu/kernels/matmul/shared.ts";
import {
  type SharedTile,
  showTile,
} from "../../backends/webgpu/kernels/matmul/tiles.ts";
import { LEAST_LIMITS } from "../../backends/webgpu/runtime/adapter_limits.ts";
import { candidatesFor } from "../../backends/webgpu/tune/candidates.ts";
import { cell } from "./webgpu_support.ts";

type Layout = KernelAttributes["matmul"]["layout"];

const KIB = 1024;
const LIMITS = { ...LEAST_LIMITS, sharedBytes: 32 * KIB, maxInvocations: 1024 };
/** Registers for addresses and counters, about. */
const ADDRESSES = 12;

/** The needs of a workgroup. */
interface Needs {
  readonly lanes: number;
  /** Of 32 bits, a lane. */
  readonly registers: number;
  readonly sharedBytes: number;
}

/** A family of cards; a core is what a workgroup cannot leave. */
interface Family {
  readonly name: string;
  /** Groups that fit; null: the registers do not. */
  readonly groups: (needs: Needs) => number | null;
}

const up = (x: number, unit: number) => Math.ceil(x / unit) * unit;

const FAMILIES: readonly Family[] = [
  {
    // compute capability 8.6 and 8.9: 4 partitions of 16,384 registers, given out to warps by 256; 100 KiB, of which
    // each group takes 1 KiB more than it asks for; 48 warps, 16 groups
    name: "NVIDIA Ampere, Ada",
    groups: ({ lanes, registers, sharedBytes }) => {
      if (registers > 255) return null;
      const warps = Math.ceil(lanes / 32);
      const perPartition = Math.floor(16384 / up(32 * registers, 256));
      return Math.min(
        16,
        Math.floor(Math.min(48, 4 * perPartition) / warps),
        Math.floor(100 * KIB / (sharedBytes + KIB)),
      );
    },
  },
  {
    // a compute unit: 2 SIMDs of 1,024 vector registers a lane, given out by 8; waves of 32, 16 a SIMD; 64 KiB
    name: "AMD RDNA 2",
    groups: ({ lanes, registers, sharedBytes }) => {
      if (registers > 256) return null;
      const waves = 2 * Math.min(16, Math.floor(1024 / up(registers, 8)));
      return Math.min(
        Math.floor(waves / Math.ceil(lanes / 32)),
        Math.floor(64 * KIB / sharedBytes),
      );
    },
  },
  {
    // an Xe core: 16 engines of 8 threads of 4 KiB of registers, or 4 of 8 KiB; 16 lanes a thread; 128 KiB
    name: "Intel Xe-HPG",
    groups: ({ lanes, registers, sharedBytes }) => {
      if (registers > 128) return null;
      const threads = registers > 64 ? 64 : 128;
      return Math.min(
        Math.floor(threads / Math.ceil(lanes / 16)),
        Math.floor(128 * KIB / sharedBytes),
      );
    },
  },
  {
    // Metal's tables: 32 KiB a group, 1,024 lanes; 208 KiB of registers, 60 KiB and 3,072 lanes a core are not
    // published, but what others measured
    name: "Apple M1, M2",
    groups: ({ lanes, registers, sharedBytes }) => {
      if (registers > 128) return null;
      const most = Math.min(3072, Math.floor(208 * KIB / (4 * registers)));
      return Math.min(
        Math.floor(most / up(lanes, 32)),
        Math.floor(60 * KIB / sharedBytes),
      );
    },
  },
];

function needsOf(layout: Layout, tile: SharedTile): Needs {
  const { tm, tn } = tile;
  // NN, NT: four terms of each row of a, and a vec4 of b. TN: one term of each row, and a vec4 of b.
  const loaded = (layout === "TN" ? tm : 4 * tm) + 4;
  return {
    lanes: invocationsOf(tile),
    registers: tm * tn + loaded + ADDRESSES,
    sharedBytes: sharedBytesOf(layout, tile),
  };
}

/** Tiles that are taken without measuring, marked, and those that the tuner tries. */
function tilesOf(layout: Layout): Map<string, SharedTile> {
  const tiles = new Map<string, SharedTile>();
  const shape = (m: number) =>
    ({ layout, dtype: "f32", batch: 1, m, n: m, k: 4096 }) as const;
  for (const m of [64, 512, 4096]) {
    const tile = chooseTileOf(shape(m), LIMITS);
    if (tile.kind === "shared") {
      tiles.set(`${showTile({ ...tile, split: 1 })} *`, tile);
    }
  }
  for (const tile of candidatesFor(shape(4096), LIMITS)) {
    if (tile.kind !== "shared" || tile.split > 1) continue;
    const name = showTile(tile);
    if (tiles.has(`${name} *`) || !isPossible(shape(4096), tile, LIMITS)) {
      continue;
    }
    tiles.set(name, tile);
  }
  return tiles;
}

console.log("workgroups a core can hold; *: taken without measuring\n");
console.log(
  cell("tile", 26) + cell("lanes", -6) + cell("registers", -11) +
    cell("KiB", -7) + FAMILIES.map(({ name }) => cell(name, -20)).join(""),
);
for (const layout of ["NN", "NT", "TN"] as const) {
  for (const [name, tile] of tilesOf(layout)) {
    const needs = needsOf(layout, tile);
    console.log(
      cell(`${layout} ${name}`, 26) + cell(`${needs.lanes}`, -6) +
        cell(`${needs.registers}`, -11) +
        cell((needs.sharedBytes / KIB).toFixed(1), -7) +
        FAMILIES.map(({ groups }) => cell(`${groups(needs) ?? "spills"}`, -20))
          .join(""),
    );
  }
}
