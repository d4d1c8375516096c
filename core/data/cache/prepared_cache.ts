/**
 * Prepared sets on disk, so that a second run on the same data does not tokenize.
 *
 * ```text
 * prepared/<key>/tokens.bin    words of all examples
 *                index.bin     words, tokens and record of each: three arrays of 32 bits
 *                entry.json    counts, lengths and hashes; its time of change is the last use
 * ```
 *
 * An entry is complete or absent. It is checked against its hashes whenever it is read; one that is damaged
 * is removed, and made again.
 * @module
 */
import { createHash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { commitFolder, writeFileAtomic } from "../../io/atomic.ts";
import { Statistics, type StatisticsData } from "../statistics.ts";
import { NumberList } from "../number_list.ts";
import { TokenStore } from "../prepared/token_store.ts";
import { SetHash } from "./set_hash.ts";

/** A prepared set, apart from what its batches are cut by. */
export interface PreparedContent {
  /** Ids and weights of all examples. */
  readonly tokens: TokenStore;
  /** Record of each example, within its source. */
  readonly records: NumberList;
  /** Index of the first example of each source, and the number of all. */
  readonly starts: readonly number[];
  /** Counts of the pass. */
  readonly statistics: Statistics;
  /** Hash of all ids and weights, in order. */
  readonly contentHash: string;
}

/** What `entry.json` says. */
interface Entry {
  readonly examples: number;
  readonly bytes: number;
  readonly starts: readonly number[];
  readonly statistics: StatisticsData;
  readonly contentHash: string;
  readonly indexHash: string;
}

/** What was found under a key. */
export type Found =
  | {
    /** The set. */
    readonly content: PreparedContent;
    /** It is whole. */
    readonly damage: null;
  }
  | {
    /** There is none. */
    readonly content: null;
    /** Why the entry, if there was one, was removed. */
    readonly damage: string | null;
  };

const READ_BYTES = 4 * 2 ** 20;
/** Folders that a killed process left are removed after a day. */
const STALE_MS = 24 * 3600 * 1000;

/** The prepared sets of a cache folder. */
export class PreparedCache {
  readonly #folder: string;
  readonly #maxBytes: number;

  /** `folder` is made when a set is kept. */
  constructor(folder: string, { maxBytes }: { maxBytes: number }) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Where a set is, or would be. */
  pathOf(key: string): string {
    return join(this.#folder, key);
  }

  /** The set of a key, its hashes compared. */
  async find(key: string, signal?: AbortSignal): Promise<Found> {
    const folder = this.pathOf(key);
    let entry: Entry;
    try {
      entry = JSON.parse(await readFile(join(folder, "entry.json"), "utf8"));
    } catch (error) {
      if (isNotFound(error)) return { content: null, damage: null };
      return this.#remove(key, "its entry.json cannot be read");
    }
    try {
      const content = await read(folder, entry, signal);
      const now = new Date();
      // a cache that may only be read is a cache too
      await Deno.utime(join(folder, "entry.json"), now, now).catch(() => {});
      return { content, damage: null };
    } catch (error) {
      if (signal?.aborted && error === signal.reason) throw error;
      return this.#remove(
        key,
        error instanceof Error ? error.message : String(error),
      );
    }
  }

  /** A folder in which a set is prepared, with the path for its tokens. */
  begin(key: string): { folder: string; tokens: string } {
    const folder = join(
      this.#folder,
      `.${key}.tmp-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`,
    );
    return { folder, tokens: join(folder, "tokens.bin") };
  }

  /**
   * Keeps a set whose tokens are written to the path that {@linkcode begin} gave, or still in memory. The
   * set then reads from the cache. Throws the disk's error; the set can be used all the same.
   */
  keep(
    key: string,
    temporary: { folder: string; tokens: string },
    content: PreparedContent,
  ): void {
    const { tokens, records, starts, statistics, contentHash } = content;
    Deno.mkdirSync(temporary.folder, { recursive: true });
    const n = tokens.length;
    const index = new Uint32Array(3 * n);
    for (let i = 0; i < n; i++) {
      index[i] = tokens.sizeOf(i);
      index[n + i] = tokens.lengthOf(i);
      index[2 * n + i] = records.at(i);
    }
    const bytes = new Uint8Array(index.buffer);
    const entry: Entry = {
      examples: n,
      bytes: 4 * tokens.words,
      starts,
      statistics: { ...statistics },
      contentHash,
      indexHash: createHash("sha256").update(bytes).digest("hex"),
    };
    writeFileAtomic(join(temporary.folder, "index.bin"), bytes);
    writeFileAtomic(
      join(temporary.folder, "entry.json"),
      JSON.stringify(entry),
    );
    tokens.close();
    const final = this.pathOf(key);
    try {
      commitFolder(temporary.folder, final);
    } finally {
      tokens.reopen(
        isFile(temporary.tokens) ? temporary.tokens : join(final, "tokens.bin"),
      );
    }
    this.#evict(key);
  }

  /** Forgets what was begun and not kept. What cannot be removed now is found stale later. */
  drop(temporary: { folder: string }): void {
    removeQuietly(temporary.folder);
  }

  #remove(key: string, damage: string): Found {
    try {
      Deno.removeSync(this.pathOf(key), { recursive: true });
    } catch {
      // what cannot be removed is replaced, or found damaged again
    }
    return { content: null, damage };
  }

  /** Removes the sets that were not used for longest, until the rest fits; `keep` stays. */
  #evict(keep: string): void {
    const now = Date.now();
    const entries: { path: string; bytes: number; used: number }[] = [];
    let total = 0;
    for (const { name, isDirectory } of Deno.readDirSync(this.#folder)) {
      const path = join(this.#folder, name);
      if (!isDirectory) continue;
      const bytes = sizeOf(path);
      if (name.startsWith(".")) {
        const changed = Deno.statSync(path).mtime?.getTime() ?? now;
        if (now - changed > STALE_MS) removeQuietly(path);
        continue;
      }
      total += bytes;
      if (name === keep) continue;
      entries.push({ path, bytes, used: usedAt(join(path, "entry.json")) });
    }
    entries.sort((a, b) => a.used - b.used);
    for (const { path, bytes } of entries) {
      if (total <= this.#maxBytes) break;
      removeQuietly(path);
      total -= bytes;
    }
  }
}

async function read(
  folder: string,
  entry: Entry,
  signal: AbortSignal | undefined,
): Promise<PreparedContent> {
  const { examples: n, starts } = entry;
  const index = await readFile(join(folder, "index.bin"));
  if (index.byteLength !== 12 * n) {
    throw new Error(
      `index.bin has ${index.byteLength} bytes where it had ${12 * n}`,
    );
  }
  if (
    createHash("sha256").update(index).digest("hex") !== entry.indexHash
  ) throw new Error("index.bin has other content than it had");
  const numbers = new Uint32Array(
    index.buffer.slice(index.byteOffset, index.byteOffset + 12 * n),
  );
  const sizes = numbers.subarray(0, n);
  const path = join(folder, "tokens.bin");
  await checkTokens(path, { entry, sizes, signal });
  const records = new NumberList("uint32");
  for (const record of numbers.subarray(2 * n)) records.push(record);
  const statistics = new Statistics(starts.length - 1);
  statistics.merge(entry.statistics);
  return {
    tokens: TokenStore.over({
      path,
      sizes,
      lengths: numbers.subarray(n, 2 * n),
    }),
    records,
    starts,
    statistics,
    contentHash: entry.contentHash,
  };
}

/** Compares the hash of all tokens, a piece at a time. */
async function checkTokens(
  path: string,
  { entry, sizes, signal }: {
    entry: Entry;
    sizes: Uint32Array;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size !== entry.bytes) {
      throw new Error(
        `tokens.bin has ${size} bytes where it had ${entry.bytes}`,
      );
    }
    const hash = new SetHash();
    const buffer = new Uint8Array(READ_BYTES);
    for (let k = 0, example = 0; k + 1 < entry.starts.length; k++) {
      hash.source(k);
      let left = 0; // bytes of the source
      for (; example < entry.starts[k + 1]; example++) {
        left += 4 * sizes[example];
      }
      while (left > 0) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(
          buffer,
          0,
          Math.min(left, buffer.length),
        );
        if (bytesRead === 0) throw new Error("tokens.bin ends early");
        hash.words(buffer.subarray(0, bytesRead));
        left -= bytesRead;
      }
    }
    if (hash.digest() !== entry.contentHash) {
      throw new Error("tokens.bin has other content than it had");
    }
  } finally {
    await file.close();
  }
}

function sizeOf(folder: string): number {
  let bytes = 0;
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      bytes += Deno.statSync(join(folder, name)).size;
    }
  } catch {
    // another process removes it
  }
  return bytes;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function usedAt(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? 0;
  } catch {
    return 0; // not an entry
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // another process holds it, or was quicker
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Error && "code" in error && error.code === "ENOENT";
}
