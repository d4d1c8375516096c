/**
 * The one memory that holds every buffer: shared, 64-bit, growing.
 * @module
 */
import { DeviceError } from "@denotune/denotune/device";
import { MAX_PAGES, PAGE_BYTES } from "../assembler/mod.ts";
import { HEAP_AT } from "./layout.ts";

/** Starts of blocks are multiples of this many bytes. */
export const ALIGNMENT = 64;
/** Room behind every block: kernels may read a little beyond the last element. */
export const MARGIN = 64;

/** Pages by which the memory grows at least: 16 MiB. */
const GROWTH_PAGES = 256;

/** `WebAssembly.Memory` with 64-bit addresses, as V8 has it; the library's types know 32-bit ones only. */
interface WideMemory extends WebAssembly.Memory {
  readonly buffer: ArrayBuffer & SharedArrayBuffer;
  grow(pages: number & bigint): number;
}

interface Block {
  readonly at: number;
  readonly bytes: number;
}

/** Hands out blocks of the memory: first fit, neighbours joined. Addresses are bytes. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly limit: number;
  readonly #free: Block[] = [];
  readonly #used = new Map<number, number>();
  /** Everything from here on has never been used, and is zero. */
  #fresh = HEAP_AT;
  #size = PAGE_BYTES;

  /** Throws `DeviceError` where the system has no 64-bit shared memory. */
  constructor(limitBytes: number) {
    const pages = Math.min(MAX_PAGES, Math.floor(limitBytes / PAGE_BYTES));
    this.limit = pages * PAGE_BYTES;
    const descriptor = {
      initial: 1n,
      maximum: BigInt(pages),
      shared: true,
      address: "i64",
    };
    try {
      // the library's types do not know 64-bit memories yet
      this.memory = new WebAssembly.Memory(
        descriptor as unknown as WebAssembly.MemoryDescriptor,
      );
    } catch (error) {
      throw new DeviceError(
        `Cannot make a shared 64-bit WebAssembly memory of up to ${
          megabytes(this.limit)
        }: Deno 2.9 or newer is needed, and so much address space; a lower memory_limit_gb needs less`,
        { cause: error },
      );
    }
  }

  /** The bytes in use. */
  get used(): number {
    let sum = 0;
    for (const bytes of this.#used.values()) sum += bytes;
    return sum;
  }

  /** Bytes of the memory from `at`. Valid until the device is closed: growing does not move the memory. */
  bytes(at: number, length: number): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array((this.memory as WideMemory).buffer, at, length);
  }

  /** A zeroed block. Throws `DeviceError` with the sizes when there is no room. */
  allocate(bytes: number, label: string): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new DeviceError(
        `Cannot allocate ${bytes} bytes for ${label}: not a size`,
      );
    }
    const size = Math.ceil((bytes + MARGIN) / ALIGNMENT) * ALIGNMENT;
    const found = this.#free.findIndex((block) => block.bytes >= size);
    let at: number;
    if (found >= 0) {
      const block = this.#free[found];
      at = block.at;
      if (block.bytes === size) this.#free.splice(found, 1);
      else this.#free[found] = { at: at + size, bytes: block.bytes - size };
      this.bytes(at, size).fill(0);
    } else {
      at = this.#fresh;
      this.#grow(at + size, bytes, label);
      this.#fresh = at + size;
    }
    this.#used.set(at, size);
    return at;
  }

  #grow(end: number, bytes: number, label: string): void {
    if (end <= this.#size) return;
    const refuse = (why: string, cause?: unknown): never => {
      throw new DeviceError(
        `Cannot allocate ${megabytes(bytes)} for ${label}: ${
          megabytes(this.used)
        } are in use and ${why}. ` +
          "A smaller batch, gradient checkpointing, or frozen weights in 16 bits need less.",
        { cause },
      );
    };
    if (end > this.limit) refuse(`the limit is ${megabytes(this.limit)}`);
    const wanted = Math.ceil(
      Math.max(end, this.#size + GROWTH_PAGES * PAGE_BYTES) / PAGE_BYTES,
    ) * PAGE_BYTES;
    const size = Math.min(wanted, this.limit);
    const pages = BigInt((size - this.#size) / PAGE_BYTES);
    try {
      (this.memory as WideMemory).grow(pages as number & bigint);
    } catch (error) {
      refuse("the system gives no more memory", error);
    }
    this.#size = size;
  }

  /** Gives a block back. */
  free(at: number): void {
    const bytes = this.#used.get(at);
    if (bytes === undefined) return;
    this.#used.delete(at);
    const next = this.#free.findIndex((block) => block.at > at);
    const index = next < 0 ? this.#free.length : next;
    this.#free.splice(index, 0, { at, bytes });
    this.#join(index);
    this.#join(index - 1);
  }

  /** Joins free block `i` with the one behind it, if they touch. */
  #join(i: number): void {
    const a = this.#free[i], b = this.#free[i + 1];
    if (a === undefined || b === undefined || a.at + a.bytes !== b.at) return;
    this.#free.splice(i, 2, { at: a.at, bytes: a.bytes + b.bytes });
  }
}

/** A size as people read it. */
export function megabytes(bytes: number): string {
  return bytes < 1e6
    ? `${Math.ceil(bytes / 1e3)} kB`
    : `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}
