/**
 * Ids and weights of a prepared set. Small sets stay in memory; above a budget all goes to one
 * unnamed file of the cache, read by offset. Encoding anew on demand would cost the processor that
 * trains, in every epoch; a file costs 4 bytes a token once.
 *
 * ```text
 * a record, in 32-bit words:  runs | length weight | length weight | ... | id id id ...
 * ```
 * @module
 */
import { DeviceError } from "../errors.ts";
import { NumberList } from "./number_list.ts";

const CHUNK_WORDS = 2 ** 18; // 1 MiB

/** How a token store is made. */
export interface TokenStoreOptions {
  /** Bytes that may stay in memory. */
  readonly memoryBytes: number;
  /** Folder for the file, made when it is needed. */
  readonly cacheDir: string;
}

/** Tokens by index of the example. */
export class TokenStore implements Disposable {
  readonly #options: TokenStoreOptions;
  readonly #offsets = new NumberList("float64"); // in words, of each record
  readonly #lengths = new NumberList("uint32"); // in tokens
  #chunks: { start: number; words: Int32Array<ArrayBuffer>; used: number }[] =
    [];
  #words = 0;
  #file: { handle: Deno.FsFile; remove: string | null; words: number } | null =
    null;
  #scratch = new Int32Array(1024);

  /** An empty store; the file is made when it is needed. */
  constructor(options: TokenStoreOptions) {
    this.#options = options;
  }

  /** Number of examples. */
  get length(): number {
    return this.#lengths.length;
  }

  /** Whether the tokens are in a file. */
  get spilled(): boolean {
    return this.#file !== null;
  }

  /** Tokens of an example. */
  lengthOf(index: number): number {
    return this.#lengths.at(index);
  }

  /** Adds an example at the end. Throws `DeviceError` where the disk is full. */
  push(ids: Int32Array, weights: Float32Array): void {
    const runs = runsOf(weights);
    const size = 1 + runs.length + ids.length;
    const words = this.#reserve(size);
    words[0] = runs.length / 2;
    words.set(runs, 1);
    words.set(ids, 1 + runs.length);
    this.#lengths.push(ids.length);
  }

  /** Ids and weights of an example, as arrays of the caller's own. */
  at(index: number): { ids: Int32Array; weights: Float32Array } {
    const record = this.#read(index);
    const runs = record[0];
    const length = this.#lengths.at(index);
    const weights = new Float32Array(length); // (T)
    const asFloat = new Float32Array(
      record.buffer,
      record.byteOffset,
      record.length,
    );
    for (let r = 0, at = 0; r < runs; r++) {
      const end = at + record[1 + 2 * r];
      weights.fill(asFloat[2 + 2 * r], at, end);
      at = end;
    }
    return { ids: record.slice(1 + 2 * runs, 1 + 2 * runs + length), weights };
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
        const bytes = new Uint8Array(words.buffer, 0, 4 * used);
        for (let done = 0; done < bytes.length;) {
          done += file.handle.writeSync(bytes.subarray(done));
        }
        file.words += used;
      }
    } catch (cause) {
      throw new DeviceError(
        `Cannot keep the prepared tokens in ${this.#options.cacheDir}: ${
          cause instanceof Error ? cause.message : cause
        }; free space, or choose another cache folder`,
        { cause },
      );
    }
    this.#chunks = [];
  }

  #openFile(): { handle: Deno.FsFile; remove: string | null; words: number } {
    const path =
      `${this.#options.cacheDir}/tokens-${crypto.randomUUID()}.partial`;
    try {
      Deno.mkdirSync(this.#options.cacheDir, { recursive: true });
      const handle = Deno.openSync(path, {
        read: true,
        write: true,
        createNew: true,
      });
      // an open file without a name is gone when the process is, however that ends; Windows keeps the name
      if (Deno.build.os === "windows") {
        return { handle, remove: path, words: 0 };
      }
      Deno.removeSync(path);
      return { handle, remove: null, words: 0 };
    } catch (cause) {
      throw new DeviceError(
        `Cannot keep the prepared tokens in ${this.#options.cacheDir}: ${
          cause instanceof Error ? cause.message : cause
        }; choose a cache folder that can be written`,
        { cause },
      );
    }
  }

  #read(index: number): Int32Array<ArrayBuffer> {
    const from = this.#offsets.at(index);
    const to = index + 1 < this.#offsets.length
      ? this.#offsets.at(index + 1)
      : this.#words;
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

  #chunkOf(word: number): { start: number; words: Int32Array<ArrayBuffer> } {
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

/** Equal weights in a row, as (length, bits of the weight). */
function runsOf(weights: Float32Array): Int32Array {
  const runs: number[] = [];
  for (let t = 0, start = 0; t < weights.length; t++) {
    if (t + 1 < weights.length && weights[t + 1] === weights[t]) continue;
    runs.push(t + 1 - start, weights[t]);
    start = t + 1;
  }
  const words = new Int32Array(runs.length);
  const asFloat = new Float32Array(words.buffer);
  for (let r = 0; r < runs.length; r += 2) {
    words[r] = runs[r];
    asFloat[r + 1] = runs[r + 1];
  }
  return words;
}
