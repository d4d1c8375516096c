/**
 * Bytes between host and device. WebGPU moves whole words and reads through buffers made for it; both are
 * hidden here.
 * @module
 */
import type { Gpu } from "./gpu.ts";

/** Bytes read at a time. */
const MOST_STAGING = 64 * 2 ** 20;
/** Bytes written before the device is given time to take them in. */
const MOST_WRITTEN = 256 * 2 ** 20;

/** Bytes of a buffer. */
export interface Range {
  /** The buffer. */
  readonly buffer: GPUBuffer;
  /** Where they begin; any byte. */
  readonly byteOffset: number;
  /** How many there are. */
  readonly byteLength: number;
}

/** Whole words that one copy moves: `size` bytes from byte `first` on, for the range of this index. */
interface Piece {
  readonly index: number;
  readonly first: number;
  readonly size: number;
  /** Bytes of the first word that were not asked for. */
  readonly skipped: number;
  /** Bytes that were, and how many of the range's come before them. */
  readonly length: number;
  readonly done: number;
}

/** Copies in and out of buffers. */
export class Staging {
  readonly #gpu: Gpu;
  #buffer: GPUBuffer | null = null;
  #written = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Makes what small reads go through, so that no step does. */
  async prepare(): Promise<void> {
    await this.#staging(1);
  }

  /**
   * Copies of ranges of buffers. As many as there is room for are copied together and waited for once: after the
   * device has ended its work, Deno lets 10 ms pass before a buffer counts as mapped.
   */
  async read(ranges: readonly Range[]): Promise<ArrayBuffer[]> {
    const results = ranges.map((range) => new Uint8Array(range.byteLength));
    let pieces: Piece[] = [];
    let room = MOST_STAGING;
    for (const [index, { byteOffset, byteLength }] of ranges.entries()) {
      for (let done = 0; done < byteLength;) {
        const start = byteOffset + done;
        const first = start - start % 4;
        const words = Math.ceil((byteOffset + byteLength - first) / 4) * 4;
        const size = Math.min(words, room);
        const length = Math.min(first + size - start, byteLength - done);
        pieces.push({
          index,
          done,
          first,
          size,
          skipped: start - first,
          length,
        });
        done += length;
        room -= size;
        if (room > 0) continue;
        await this.#readPieces(ranges, pieces, results);
        pieces = [];
        room = MOST_STAGING;
      }
    }
    if (pieces.length > 0) await this.#readPieces(ranges, pieces, results);
    return results.map((bytes) => bytes.buffer);
  }

  async #readPieces(
    ranges: readonly Range[],
    pieces: readonly Piece[],
    results: readonly Uint8Array[],
  ): Promise<void> {
    const total = pieces.reduce((sum, { size }) => sum + size, 0);
    const staging = await this.#staging(total);
    const encoder = this.#gpu.device.createCommandEncoder();
    let at = 0;
    for (const { index, first, size } of pieces) {
      const { buffer } = ranges[index];
      encoder.copyBufferToBuffer(buffer, first, staging, at, size);
      at += size;
    }
    this.#gpu.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ, 0, total);
    const mapped = new Uint8Array(staging.getMappedRange(0, total));
    at = 0;
    for (const { index, done, size, skipped, length } of pieces) {
      const start = at + skipped;
      results[index].set(mapped.subarray(start, start + length), done);
      at += size;
    }
    staging.unmap();
  }

  /** Copies bytes into a buffer, after all that was submitted. */
  write(
    buffer: GPUBuffer,
    byteOffset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): void | Promise<void> {
    if (byteOffset % 4 !== 0 || bytes.byteLength % 4 !== 0) {
      return this.#writeAround(buffer, byteOffset, bytes);
    }
    this.#gpu.device.queue.writeBuffer(buffer, byteOffset, bytes);
    this.#written += bytes.byteLength;
    if (this.#written < MOST_WRITTEN) return;
    return this.#flush();
  }

  /** What is written is kept twice until the device has taken it in. */
  async #flush(): Promise<void> {
    this.#written = 0;
    this.#gpu.submit([]);
    await this.#gpu.device.queue.onSubmittedWorkDone();
  }

  /** Bytes that share a word with others: those are read first. */
  async #writeAround(
    buffer: GPUBuffer,
    byteOffset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const first = byteOffset - byteOffset % 4;
    const end = Math.ceil((byteOffset + bytes.byteLength) / 4) * 4;
    const whole = new Uint8Array(end - first);
    const [head, tail] = await this.read([
      { buffer, byteOffset: first, byteLength: 4 },
      { buffer, byteOffset: end - 4, byteLength: 4 },
    ]);
    whole.set(new Uint8Array(head));
    whole.set(new Uint8Array(tail), whole.length - 4);
    whole.set(bytes, byteOffset - first);
    await this.write(buffer, first, whole);
  }

  async #staging(bytes: number): Promise<GPUBuffer> {
    if (this.#buffer !== null && this.#buffer.size >= bytes) {
      return this.#buffer;
    }
    const before = this.#buffer;
    let size = 2 ** 16;
    while (size < bytes) size *= 2;
    this.#buffer = await this.#gpu.ownBuffer(
      "bytes to read",
      size,
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    );
    if (before !== null) {
      this.#gpu.counters.ownBytes -= before.size;
      before.destroy();
    }
    return this.#buffer;
  }
}
