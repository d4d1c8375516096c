/**
 * The reference device: buffers, programs, and the order of calls exactly as a plan gives them.
 * @module
 */
import {
  type BufferSize,
  DeviceError,
  type DeviceInfo,
  type Executor,
  type Extents,
  type KernelTime,
  type Plan,
  QUANTIZATIONS,
  validatePlan,
} from "@denotune/denotune/device";
import { type ReferenceOptions, referenceOptions } from "./options.ts";
import { callsOf } from "./program.ts";
import { Store } from "./store.ts";

const GB = 1e9;
/** A buffer's doubles are one array: half of what V8 allows one. */
const MAX_BUFFER_BYTES = 2 ** 32;

/** Runs plans with plain loops in double precision. */
export class ReferenceExecutor implements Executor {
  readonly info: DeviceInfo;
  /** Seconds and calls of each kernel and label; present where asked for. */
  readonly profile?: () => readonly KernelTime[];
  readonly #buffers = new Map<number, Store>();
  readonly #programs = new Map<number, Plan>();
  #times:
    | Map<
      string,
      { kernel: string; label: string; seconds: number; calls: number }
    >
    | null = null;
  #bytes = 0;

  constructor(options: Partial<ReferenceOptions> = {}) {
    const { memory_gb, profile } = referenceOptions.parse(options);
    this.info = {
      backend: "reference",
      description: "plain loops in double precision, one thread",
      maxBufferBytes: Math.min(MAX_BUFFER_BYTES, memory_gb * GB),
      memoryBytes: memory_gb * GB,
      alignment: 4,
      storages: QUANTIZATIONS,
      precisions: ["bfloat16", "float16"],
      epilogues: { tensors: Infinity, bytes: Infinity },
      // exp, tanh and the like are V8's own, so its version counts and the processor does not.
      fingerprint: `reference 1, V8 ${Deno.version.v8}`,
    };
    if (profile) {
      this.#times = new Map();
      this.profile = () => {
        const times = [...this.#times?.values() ?? []];
        this.#times?.clear();
        return times;
      };
    }
  }

  allocate(id: number, bytes: number, label: string): void {
    if (
      !Number.isInteger(bytes) || bytes < 0 || bytes > this.info.maxBufferBytes
    ) {
      throw new DeviceError(
        `Cannot allocate ${bytes} bytes for "${label}": a buffer holds 0 to ${this.info.maxBufferBytes}`,
      );
    }
    if (this.#bytes + bytes > this.info.memoryBytes) {
      throw new DeviceError(
        `Cannot allocate ${bytes} bytes for "${label}": ${this.#bytes} of ${this.info.memoryBytes} are in use; raise memory_gb of the reference backend`,
      );
    }
    try {
      this.#buffers.set(id, new Store(label, bytes));
    } catch (error) {
      throw new DeviceError(
        `The system has no memory for "${label}" of ${bytes} bytes`,
        { cause: error },
      );
    }
    this.#bytes += bytes;
  }

  free(id: number): void {
    this.#bytes -= this.#store(id, "free").byteLength;
    this.#buffers.delete(id);
  }

  write(id: number, byteOffset: number, bytes: Uint8Array): void {
    this.#range(id, "write", byteOffset, bytes.byteLength).write(
      byteOffset,
      bytes,
    );
  }

  read(id: number, byteOffset: number, byteLength: number): ArrayBuffer {
    return this.#range(id, "read", byteOffset, byteLength).read(
      byteOffset,
      byteLength,
    );
  }

  compile(id: number, plan: Plan): void {
    validatePlan(plan, this.#sizes());
    this.#programs.set(id, plan);
  }

  run(id: number, extents: Extents): void {
    const plan = this.#programs.get(id);
    if (plan === undefined) {
      throw new DeviceError(`Cannot run program ${id}: it was never compiled`);
    }
    for (const [name, capacity] of Object.entries(plan.capacities)) {
      const extent = extents[name];
      if (!Number.isInteger(extent) || extent < 0 || extent > capacity) {
        throw new DeviceError(
          `${plan.name}: the extent of ${name} is ${extent}: must be 0 to ${capacity}`,
        );
      }
    }
    for (const call of callsOf(plan, extents, this.#buffers)) {
      const start = this.#times === null ? 0 : performance.now();
      call.run();
      if (this.#times !== null) {
        this.#count(call, (performance.now() - start) / 1000);
      }
    }
  }

  idle(): void {}

  close(): void {
    this.#buffers.clear();
    this.#programs.clear();
  }

  #count(
    { kernel, label }: { kernel: string; label: string },
    seconds: number,
  ): void {
    const key = `${kernel} ${label}`;
    const time = this.#times?.get(key) ??
      { kernel, label, seconds: 0, calls: 0 };
    time.seconds += seconds;
    time.calls++;
    this.#times?.set(key, time);
  }

  #sizes(): Map<number, BufferSize> {
    return new Map(
      [...this.#buffers].map(([id, { byteLength, label }]) => [
        id,
        { bytes: byteLength, label },
      ]),
    );
  }

  #store(id: number, what: string): Store {
    const store = this.#buffers.get(id);
    if (store === undefined) {
      throw new DeviceError(`Cannot ${what} buffer ${id}: it is not allocated`);
    }
    return store;
  }

  #range(id: number, what: string, start: number, length: number): Store {
    const store = this.#store(id, what);
    if (
      !Number.isInteger(start) || start < 0 || length < 0 ||
      start + length > store.byteLength
    ) {
      throw new DeviceError(
        `Cannot ${what} bytes ${start} to ${
          start + length
        } of buffer "${store.label}": it has ${store.byteLength}`,
      );
    }
    return store;
  }
}
