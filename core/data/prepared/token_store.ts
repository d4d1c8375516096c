/**
 * Ids and weights of a prepared set. Small sets stay in memory; above a budget all goes to one file of
 * the cache, read by offset. Encoding anew on demand would cost the processor that trains, in every
 * epoch; a file costs 4 bytes a token once.
 * @module
 */
import { DeviceError } from "../../contracts/errors.ts";
import { writeAll } from "../../io/atomic.ts";
import { NumberList } from "../number_list.ts";
import {
  type PackedExamples,
  packExample,
  type TokenSequence,
  unpackExample,
} from "./packed_examples.ts";

const CHUNK_WORDS = 2 ** 18; // 1 MiB

/** How a token store is made. */
export interface TokenStoreOptions {
  /** Bytes that may stay in memory. */
  readonly memoryBytes: number;
  /** Folder for the file, made when it is needed. */
  readonly cacheDir: string;
  /** Path of the file, for a store that is to be kept; without it the file has no name and is gone with the process. */
  readonly path?: string;
}

/** Examples that are already in a file. */
export interface StoredTokens {
  /** The file: words of all examples, side by side. */
  readonly path: string;
  /** Words of each example. */
  readonly sizes: Uint32Array;
  /** Tokens of each example. */
  readonly lengths: Uint32Array;
}

interface TokenFile {
  readonly handle: Deno.FsFile;
  /** To be removed when the store is disposed of. */
  readonly remove: string | null;
  words: number;
}

interface Chunk {
  readonly start: number;
  readonly words: Int32Array<ArrayBuffer>;
  used: number;
}

/** Tokens by index of the example. */
export class TokenStore implements Disposable {
  readonly #options: TokenStoreOptions;
  readonly #offsets = new NumberList("float64"); // in words, of each example
  readonly #lengths = new NumberList("uint32"); // in tokens
  #chunks: Chunk[] = [];
  #words = 0;
  #file: TokenFile | null = null;
  #scratch = new Int32Array(1024);

  /** An empty store; the file is made when it is needed. */
  constructor(options: TokenStoreOptions) {
    this.#options = options;
  }

  /** A store over a file that is kept: read by offset. */
  static over(stored: StoredTokens): TokenStore {
    const store = new TokenStore({ memoryBytes: 0, cacheDir: "" });
    for (const [i, size] of stored.sizes.entries()) {
      store.#offsets.push(store.#words);
      store.#lengths.push(stored.lengths[i]);
      store.#words += size;
    }
    store.reopen(stored.path);
    return store;
  }

  /** Number of examples. */
  get length(): number {
    return this.#lengths.length;
  }

  /** Words of all examples in their packed form. */
  get words(): number {
    return this.#words;
  }

  /** Whether the tokens are in a file. */
  get spilled(): boolean {
    return this.#file !== null;
  }

  /** Tokens of an example. */
  lengthOf(index: number): number {
    return this.#lengths.at(index);
  }

  /** Words of an example in its packed form. */
  sizeOf(index: number): number {
    return this.#end(index) - this.#offsets.at(index);
  }

  /** Adds an example at the end. Throws `DeviceError` where the disk is full. */
  push(example: TokenSequence): void {
    const words = packExample(example);
    this.append({
      words,
      sizes: Uint32Array.of(words.length),
      lengths: Uint32Array.of(example.ids.length),
    });
  }

  /** Adds examples at the end. Throws `DeviceError` where the disk is full. */
  append({ words, sizes, lengths }: PackedExamples): void {
    let at = 0;
    for (let i = 0; i < sizes.length; i++) {
      this.#reserve(sizes[i]).set(words.subarray(at, at + sizes[i]));
      this.#lengths.push(lengths[i]);
      at += sizes[i];
    }
  }

  /** Ids and weights of an example, as arrays of the caller's own. */
  at(index: number): TokenSequence {
    return unpackExample(this.#read(index), this.#lengths.at(index));
  }

  /** Writes everything to the file of `path`, syncs and closes it; nothing can be read until {@linkcode reopen}. */
  close(): void {
    this.#spill();
    this.#file?.handle.syncSync();
    this.#file?.handle.close();
    this.#file = null;
  }

  /** Reopens the closed file for reading, at its new path. */
  reopen(path: string): void {
    this.#file = {
      handle: Deno.openSync(path, { read: true }),
      remove: null,
      words: this.#words,
    };
  }

  /** Forgets all tokens, and closes the file. */
  [Symbol.dispose](): void {
    this.#chunks = [];
    if (this.#file === null) return;
    this.#file.handle.close();
    if (this.#file.remove !== null) Deno.removeSync(this.#file.remove);
    this.#file = null;
  }

  #reserve(size: number): Int32Array {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.used + size > chunk.words.length) {
      if (
        this.#chunks.length * CHUNK_WORDS * 4 >= this.#options.memoryBytes ||
        this.#file !== null
      ) this.#spill();
      chunk = {
        start: this.#words,
        words: new Int32Array(Math.max(CHUNK_WORDS, size)),
        used: 0,
      };
      this.#chunks.push(chunk);
    }
    const words = chunk.words.subarray(chunk.used, chunk.used + size);
    this.#offsets.push(this.#words);
    chunk.used += size;
    this.#words += size;
    return words;
  }

  /** Writes all chunks to the file and forgets them. */
  #spill(): void {
    const file = this.#file ??= this.#openFile();
    try {
      file.handle.seekSync(4 * file.words, Deno.SeekMode.Start);
      for (const { words, used } of this.#chunks) {
        writeAll(file.handle, new Uint8Array(words.buffer, 0, 4 * used));
        file.words += used;
      }
    } catch (cause) {
      throw this.#diskError(cause, "free space, or choose another");
    }
    this.#chunks = [];
  }

  #openFile(): TokenFile {
    const { cacheDir, path } = this.#options;
    const at = path ?? `${cacheDir}/tokens-${crypto.randomUUID()}.partial`;
    try {
      Deno.mkdirSync(cacheDir, { recursive: true });
      const handle = Deno.openSync(at, {
        read: true,
        write: true,
        createNew: true,
      });
      if (path !== undefined) return { handle, remove: null, words: 0 };
      // an open file without a name is gone when the process is, however that ends; Windows keeps the name
      if (Deno.build.os === "windows") return { handle, remove: at, words: 0 };
      Deno.removeSync(at);
      return { handle, remove: null, words: 0 };
    } catch (cause) {
      throw this.#diskError(cause, "choose a writable");
    }
  }

  #diskError(cause: unknown, fix: string): DeviceError {
    return new DeviceError(
      `Cannot keep the prepared tokens in ${this.#options.cacheDir}: ${
        cause instanceof Error ? cause.message : cause
      }; ${fix} cache folder (DENOTUNE_CACHE)`,
      { cause },
    );
  }

  #end(index: number): number {
    return index + 1 < this.#offsets.length
      ? this.#offsets.at(index + 1)
      : this.#words;
  }

  #read(index: number): Int32Array<ArrayBuffer> {
    const from = this.#offsets.at(index);
    const to = this.#end(index);
    const file = this.#file;
    if (file === null || from >= file.words) {
      const chunk = this.#chunkOf(from);
      return chunk.words.subarray(from - chunk.start, to - chunk.start);
    }
    if (this.#scratch.length < to - from) {
      this.#scratch = new Int32Array(2 * (to - from));
    }
    const words = this.#scratch.subarray(0, to - from);
    const bytes = new Uint8Array(words.buffer, 0, 4 * words.length);
    file.handle.seekSync(4 * from, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) {
      const n = file.handle.readSync(bytes.subarray(done));
      if (n === null) {
        throw new DeviceError(
          "The file of prepared tokens has become shorter; start again",
        );
      }
      done += n;
    }
    return words;
  }

  #chunkOf(word: number): Chunk {
    let low = 0;
    let high = this.#chunks.length - 1; // the last chunk that starts at or before the word
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#chunks[middle].start <= word) low = middle;
      else high = middle - 1;
    }
    return this.#chunks[low];
  }
}
