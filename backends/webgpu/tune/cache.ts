/**
 * What tuning found, on disk: one file an adapter and driver, a tile a shape. A file of another layout, or
 * one that cannot be read, counts as none: tuning can be repeated, a run must not fail for it.
 * @module
 */
import { environmentVariable } from "@denotune/denotune/device";
import { dirname, join } from "node:path";
import { shapeKey } from "../kernels/matmul/choice.ts";
import type { Tile, TileTable } from "../kernels/matmul/tiles.ts";
import { nearestTile } from "./nearest.ts";
import { z } from "zod";

/** Layout of the file, and version of the kernels: tiles measured on older ones are measured again. */
const VERSION = 2;

const count = z.number().int().positive();
const tileSchema: z.ZodType<Tile> = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("naive") }),
  z.strictObject({
    kind: z.literal("shared"),
    bm: count,
    bn: count,
    bk: count,
    tm: count,
    tn: count,
    split: count,
  }),
  z.strictObject({
    kind: z.literal("direct"),
    rows: count,
    columns: count,
    lanes: count,
    split: count,
  }),
  z.strictObject({
    kind: z.literal("dot"),
    rows: count,
    columns: count,
    lanes: count,
  }),
  z.strictObject({
    kind: z.literal("broadcast"),
    rows: count,
    columns: count,
    split: count,
  }),
]);

const fileSchema = z.strictObject({
  version: z.literal(VERSION),
  adapter: z.string(),
  tiles: z.record(z.string(), tileSchema),
});

/** Tiles that were measured on one adapter. */
export interface MeasuredTiles extends TileTable {
  /** Names the tiles in checkpoints: other tiles, other last bits. */
  readonly fingerprint: string;
  /** The file, or null where nothing is read or kept. */
  readonly path: string | null;
  /** Measured tiles by the name of their shape. */
  readonly all: ReadonlyMap<string, Tile>;
  /** Adds tiles and writes the file. Throws the errors of the file system. */
  add(tiles: ReadonlyMap<string, Tile>): Promise<void>;
}

/** The tiles of an adapter; `off`: none, whatever is on disk. */
export async function openTiles(
  identity: string,
  mode: "off" | "cached" | "now",
  folder: string | null = cacheFolder(),
): Promise<MeasuredTiles> {
  const path = mode === "off" || folder === null
    ? null
    : join(folder, `webgpu-${hash(identity)}.json`);
  const tiles = path === null ? new Map() : await readTiles(path, identity);
  return {
    path,
    all: tiles,
    get fingerprint() {
      return tiles.size === 0
        ? "built in"
        : hash(JSON.stringify([...tiles].sort()));
    },
    find: (shape, lanes) =>
      tiles.get(shapeKey(shape)) ?? nearestTile(tiles, shape, lanes),
    async add(more) {
      for (const [key, tile] of more) tiles.set(key, tile);
      if (path === null) return;
      await Deno.mkdir(dirname(path), { recursive: true });
      const text = JSON.stringify(
        {
          version: VERSION,
          adapter: identity,
          tiles: Object.fromEntries([...tiles].sort()),
        },
        null,
        1,
      );
      // Written to a temporary file and renamed, so that a concurrent reader sees the old file or the new one.
      const aside = `${path}.${Deno.pid}`;
      await Deno.writeTextFile(aside, text);
      await Deno.rename(aside, path);
    },
  };
}

async function readTiles(
  path: string,
  identity: string,
): Promise<Map<string, Tile>> {
  try {
    const file = fileSchema.parse(JSON.parse(await Deno.readTextFile(path)));
    if (file.adapter === identity) return new Map(Object.entries(file.tiles));
  } catch {
    // none, or not ours
  }
  return new Map();
}

/** The system's cache folder, or null if no environment variable names it. */
export function cacheFolder(): string | null {
  const get = (name: string) => environmentVariable(name) || null;
  const own = get("DENOTUNE_CACHE");
  if (own !== null) return own;
  switch (Deno.build.os) {
    case "windows": {
      const local = get("LOCALAPPDATA");
      return local === null ? null : join(local, "denotune");
    }
    case "darwin": {
      const home = get("HOME");
      return home === null ? null : join(home, "Library/Caches/denotune");
    }
    default: {
      const home = get("HOME");
      const base = get("XDG_CACHE_HOME") ??
        (home === null ? null : join(home, ".cache"));
      return base === null ? null : join(base, "denotune");
    }
  }
}

/** A short name of a text (FNV-1a, 32 bits twice). */
function hash(text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(text.length - 1 - i), 0x01000193);
  }
  return [a, b].map((n) => (n >>> 0).toString(16).padStart(8, "0")).join("");
}
