/**
 * Times every dispatch by timestamps around a pass of its own.
 * @module
 */
import type { KernelTime } from "@denotune/denotune/device";
import type { ReadyDispatch } from "./compile.ts";
import type { Gpu } from "./gpu.ts";

/** Passes between two readings. */
const PASSES = 2048;

/** Takes the times of dispatches. */
export class Stopwatch {
  readonly #gpu: Gpu;
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;
  #pending: ReadyDispatch[] = [];
  /** Copied and not yet read: only one batch at a time. */
  #waiting: ReadyDispatch[][] = [];
  readonly #times = new Map<
    string,
    { kernel: string; label: string; seconds: number; calls: number }
  >();

  private constructor(
    gpu: Gpu,
    set: GPUQuerySet,
    resolved: GPUBuffer,
    staging: GPUBuffer,
  ) {
    this.#gpu = gpu;
    this.#set = set;
    this.#resolved = resolved;
    this.#staging = staging;
  }

  /** A stopwatch, or null where the adapter has no timestamps. */
  static async open(gpu: Gpu): Promise<Stopwatch | null> {
    if (!gpu.device.features.has("timestamp-query")) return null;
    const bytes = PASSES * 16;
    const resolved = await gpu.ownBuffer(
      "timestamps",
      bytes,
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
    const staging = await gpu.ownBuffer(
      "timestamps to read",
      bytes,
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    );
    const set = gpu.device.createQuerySet({
      type: "timestamp",
      count: PASSES * 2,
    });
    return new Stopwatch(gpu, set, resolved, staging);
  }

  /** Whether no further pass can be timed before {@linkcode collect}. */
  get full(): boolean {
    return this.#pending.length >= PASSES;
  }

  /** Passes that can still be timed. */
  get room(): number {
    return this.#waiting.length > 0 ? 0 : PASSES - this.#pending.length;
  }

  /** The descriptor of a pass with one dispatch; untimed where there is no room. */
  pass(dispatch: ReadyDispatch): GPUComputePassDescriptor {
    if (this.full) return {};
    const i = this.#pending.length;
    this.#pending.push(dispatch);
    return {
      timestampWrites: {
        querySet: this.#set,
        beginningOfPassWriteIndex: i * 2,
        endOfPassWriteIndex: i * 2 + 1,
      },
    };
  }

  /** Copies the times so far, at the end of an encoder. */
  resolve(encoder: GPUCommandEncoder): void {
    if (this.#pending.length === 0 || this.#waiting.length > 0) return;
    const count = this.#pending.length;
    encoder.resolveQuerySet(this.#set, 0, count * 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, count * 16);
    this.#waiting.push(this.#pending);
    this.#pending = [];
  }

  /** Waits for the resolved timestamps and adds them up. */
  async collect(): Promise<void> {
    const dispatches = this.#waiting.shift();
    if (dispatches === undefined) return;
    await this.#staging.mapAsync(GPUMapMode.READ, 0, dispatches.length * 16);
    const times = new BigUint64Array(
      this.#staging.getMappedRange(0, dispatches.length * 16).slice(0),
    );
    this.#staging.unmap();
    for (const [i, { kernel, label, name }] of dispatches.entries()) {
      const key = `${name} ${label}`;
      const time = this.#times.get(key) ??
        { kernel: name || kernel, label, seconds: 0, calls: 0 };
      time.seconds += Number(times[i * 2 + 1] - times[i * 2]) * 1e-9;
      time.calls++;
      this.#times.set(key, time);
    }
  }

  /** Times since the last call. */
  take(): KernelTime[] {
    const times = [...this.#times.values()];
    this.#times.clear();
    return times;
  }
}
