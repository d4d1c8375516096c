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

  /** A copy of bytes of a buffer. */
  async read(
    buffer: GPUBuffer,
    byteOffset: number,
    byteLength: number,
  ): Promise<ArrayBuffer> {
    const result = new Uint8Array(byteLength);
    for (let done = 0; done < byteLength;) {
      const start = byteOffset + done;
      const first = start - start % 4;
      const wanted = Math.min(
        Math.ceil((byteOffset + byteLength - first) / 4) * 4,
        MOST_STAGING,
      );
      const staging = await this.#staging(wanted);
      const encoder = this.#gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, first, staging, 0, wanted);
      this.#gpu.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ, 0, wanted);
      const bytes = new Uint8Array(staging.getMappedRange(0, wanted));
      const part = bytes.subarray(
        start - first,
        start - first + byteLength - done,
      );
      result.set(part, done);
      done += part.length;
      staging.unmap();
    }
    return result.buffer;
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
    whole.set(new Uint8Array(await this.read(buffer, first, 4)));
    whole.set(
      new Uint8Array(await this.read(buffer, end - 4, 4)),
      whole.length - 4,
    );
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
