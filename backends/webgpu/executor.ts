/**
 * The WebGPU device: buffers and compiled programs.
 * @module
 */
import {
  DeviceError,
  type DeviceInfo,
  type Executor,
  type Extents,
  isGranted,
  type KernelTime,
  type Plan,
  QUANTIZATIONS,
  type ReadRange,
} from "@denotune/denotune/device";
import { type WebGpuOptions, webGpuOptions } from "./options.ts";
import { factsOf, findAdapter, openGpu } from "./runtime/adapter.ts";
import {
  compilePlan,
  type HostBuffer,
  type ReadyProgram,
} from "./runtime/compile.ts";
import type { Counters } from "./runtime/counters.ts";
import { type Gpu, MEMORY_ADVICE } from "./runtime/gpu.ts";
import { Pipelines } from "./runtime/pipelines.ts";
import { replay } from "./runtime/replay.ts";
import type { AdapterLimits } from "./runtime/adapter_limits.ts";
import { Staging } from "./runtime/staging.ts";
import { Stopwatch } from "./runtime/stopwatch.ts";
import { largestHead } from "./kernels/attention/tile.ts";
import { shapeKey } from "./kernels/matmul/choice.ts";
import type { ProductShape, Tile } from "./kernels/matmul/tiles.ts";
import { adviceFor } from "./tune/advice.ts";
import { openTiles } from "./tune/cache.ts";
import { productsOf } from "./tune/products.ts";
import { PRECISIONS } from "./precisions.ts";

/** Views start at multiples of this many bytes: enough for every adapter. */
const ALIGNMENT = 256;

/** Measures products on an adapter opened with these options: the best tile of each, by its key. */
export type MeasureTiles = (
  shapes: readonly ProductShape[],
  options: WebGpuOptions,
) => Promise<ReadonlyMap<string, Tile>>;

/** Runs plans on a GPU. */
export class WebGpuExecutor implements Executor {
  readonly #info: Omit<DeviceInfo, "fingerprint">;
  readonly #fingerprint: () => string;
  /** Kernel times, if the adapter measures them, and counters; present if profiling was requested. */
  readonly profile?: () => Promise<readonly KernelTime[]>;
  readonly #gpu: Gpu;
  readonly #pipelines: Pipelines;
  readonly #staging: Staging;
  readonly #stopwatch: Stopwatch | null;
  readonly #identity: string;
  /** Measures the products of a plan that have not been measured. */
  readonly #tuning: ((plan: Plan) => Promise<void>) | null;
  readonly #buffers = new Map<number, HostBuffer>();
  readonly #programs = new Map<number, ReadyProgram>();
  #scratch: GPUBuffer | null = null;
  #reported: Counters;

  private constructor(
    gpu: Gpu,
    info: Omit<DeviceInfo, "fingerprint">,
    options: {
      fingerprint: () => string;
      profile: boolean;
      stopwatch: Stopwatch | null;
      identity: string;
      tuning: ((plan: Plan) => Promise<void>) | null;
    },
  ) {
    this.#tuning = options.tuning;
    this.#identity = options.identity;
    this.#gpu = gpu;
    this.#info = info;
    this.#fingerprint = options.fingerprint;
    this.#pipelines = new Pipelines(gpu);
    this.#staging = new Staging(gpu);
    this.#stopwatch = options.stopwatch;
    this.#reported = { ...gpu.counters };
    if (options.profile) this.profile = () => this.#profile();
  }

  /**
   * Opens the adapter that the options ask for. Throws `DeviceError` where there is none. `pretend` changes
   * what kernels believe of the adapter, within what it can do: so that tests on one adapter reach the
   * kernels of another. `measure` is asked for the tiles of products that were not measured before, under
   * `tune: now`.
   */
  static async open(
    given: Partial<WebGpuOptions> = {},
    pretend: Partial<AdapterLimits> = {},
    measure: MeasureTiles | null = null,
  ): Promise<WebGpuExecutor> {
    const options = webGpuOptions.parse(given);
    const adapter = await findAdapter(options);
    if ("reason" in adapter) {
      throw new DeviceError(`Cannot open a GPU: ${adapter.reason}`);
    }
    const facts = factsOf(adapter);
    const tiles = await openTiles(facts.identity, options.tune);
    const gpu = await openGpu(adapter, { options, tiles, pretend });
    const stopwatch = options.profile ? await Stopwatch.open(gpu) : null;
    const tuning = measure === null || options.tune !== "now"
      ? null
      : async (plan: Plan) => {
        const shapes = productsOf(plan).filter((shape) =>
          !tiles.all.has(shapeKey(shape))
        );
        if (shapes.length === 0) return;
        await tiles.add(await measure(shapes, options));
      };
    const executor = new WebGpuExecutor(gpu, {
      backend: "webgpu",
      description: `${facts.description}, ${
        gpu.limits.halves ? "" : "no "
      }shader-f16`,
      maxBufferBytes: Math.min(
        gpu.device.limits.maxBufferSize,
        gpu.limits.maxBindingBytes * slicesOf(gpu.limits),
      ),
      memoryBytes: memoryBytes(options, facts.software),
      readsAreCostly: true,
      alignment: ALIGNMENT,
      storages: QUANTIZATIONS,
      precisions: PRECISIONS,
      epilogues: {
        tensors: gpu.limits.maxBindings,
        bytes: gpu.limits.maxBindingBytes,
      },
      largestHead: largestHead(gpu.limits),
      advice: adviceFor({
        software: facts.software,
        measured: tiles.all.size,
        tune: options.tune,
      }),
    }, {
      fingerprint: () =>
        `webgpu 1; ${facts.identity}; subgroups ${
          gpu.limits.subgroup === null
            ? "off"
            : `${gpu.limits.subgroup.min} to ${gpu.limits.subgroup.max}`
        }; tiles ${tiles.fingerprint}`,
      profile: options.profile,
      stopwatch,
      identity: facts.identity,
      tuning,
    });
    await executor.#staging.prepare();
    return executor;
  }

  /** The device's description; tuning during compilation changes the fingerprint. */
  get info(): DeviceInfo {
    return { ...this.#info, fingerprint: this.#fingerprint() };
  }

  /** The counters so far. */
  get counters(): Readonly<Counters> {
    return this.#gpu.counters;
  }

  /** Adapter and driver, by which tunings are kept. */
  get identity(): string {
    return this.#identity;
  }

  /** The device, for the tuner. */
  get gpu(): Gpu {
    return this.#gpu;
  }

  async allocate(id: number, bytes: number, label: string): Promise<void> {
    this.#gpu.check();
    const { info } = this;
    if (
      !Number.isInteger(bytes) || bytes < 0 || bytes > info.maxBufferBytes
    ) {
      throw new DeviceError(
        `Cannot allocate ${bytes} bytes for "${label}": a buffer of ${info.description} holds 0 to ${info.maxBufferBytes}`,
      );
    }
    const { counters } = this.#gpu;
    if (counters.allocatedBytes + bytes > info.memoryBytes) {
      throw new DeviceError(
        `Cannot allocate ${bytes} bytes for "${label}": ${counters.allocatedBytes} of ${info.memoryBytes} are in use. ${MEMORY_ADVICE}; or raise memory_gb of the webgpu backend`,
      );
    }
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const gpu = await this.#gpu.guarded(
      `allocate ${bytes} bytes for "${label}" (${counters.allocatedBytes} are in use)`,
      MEMORY_ADVICE,
      () =>
        this.#gpu.device.createBuffer({
          label,
          size,
          usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
            GPUBufferUsage.COPY_DST,
        }),
    );
    counters.buffers++;
    counters.allocatedBytes += bytes;
    this.#buffers.set(id, { gpu, label, bytes });
  }

  free(id: number): void {
    const { gpu, bytes } = this.#buffer(id, "free");
    this.#gpu.counters.allocatedBytes -= bytes;
    this.#buffers.delete(id);
    gpu.destroy();
  }

  write(
    id: number,
    byteOffset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): void | Promise<void> {
    const { gpu } = this.#range(id, "write", byteOffset, bytes.byteLength);
    return this.#staging.write(gpu, byteOffset, bytes);
  }

  async read(
    id: number,
    byteOffset: number,
    byteLength: number,
  ): Promise<ArrayBuffer> {
    const [bytes] = await this.readMany([{ id, byteOffset, byteLength }]);
    return bytes;
  }

  async readMany(
    ranges: readonly ReadRange[],
  ): Promise<readonly ArrayBuffer[]> {
    const bytes = ranges.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return await this.#gpu.wait(
      `read ${bytes} bytes`,
      this.#staging.read(ranges.map(({ id, byteOffset, byteLength }) => ({
        buffer: this.#range(id, "read", byteOffset, byteLength).gpu,
        byteOffset,
        byteLength,
      }))),
    );
  }

  async compile(id: number, plan: Plan): Promise<void> {
    this.#gpu.check();
    if (this.#tuning !== null) await this.#tuning(plan);
    const program = await compilePlan(plan, {
      gpu: this.#gpu,
      pipelines: this.#pipelines,
      buffers: this.#buffers,
      scratch: (bytes) => this.#scratchOf(bytes),
    });
    this.#programs.set(id, program);
  }

  run(id: number, extents: Extents): void | Promise<void> {
    this.#gpu.check();
    const program = this.#programs.get(id);
    if (program === undefined) {
      throw new DeviceError(`Cannot run program ${id}: it was never compiled`);
    }
    replay(this.#gpu, program, extents, this.#stopwatch);
    if (this.#stopwatch !== null) return this.#stopwatch.collect();
  }

  async idle(): Promise<void> {
    await this.#gpu.wait(
      "finish what was submitted",
      this.#gpu.device.queue.onSubmittedWorkDone(),
    );
  }

  close(): void {
    for (const { gpu } of this.#buffers.values()) gpu.destroy();
    this.#buffers.clear();
    this.#programs.clear();
    this.#gpu.close();
  }

  async #profile(): Promise<readonly KernelTime[]> {
    await this.#gpu.device.queue.onSubmittedWorkDone();
    const before = this.#reported;
    const now = { ...this.#gpu.counters };
    this.#reported = now;
    const counted = (
      [
        "runs",
        "dispatches",
        "submits",
        "bindGroups",
        "pipelines",
        "buffers",
      ] as const
    ).map((label) => ({
      kernel: "(counted)",
      label,
      seconds: 0,
      calls: now[label] - before[label],
    }));
    return [...this.#stopwatch?.take() ?? [], ...counted];
  }

  async #scratchOf(bytes: number): Promise<GPUBuffer> {
    if (this.#scratch !== null && this.#scratch.size >= bytes) {
      return this.#scratch;
    }
    // Programs compiled before keep the smaller one.
    this.#scratch = await this.#gpu.ownBuffer(
      "scratch",
      Math.ceil(bytes / 2 ** 16) * 2 ** 16,
      GPUBufferUsage.STORAGE,
    );
    return this.#scratch;
  }

  #buffer(id: number, what: string): HostBuffer {
    const buffer = this.#buffers.get(id);
    if (buffer === undefined) {
      throw new DeviceError(`Cannot ${what} buffer ${id}: it is not allocated`);
    }
    return buffer;
  }

  #range(id: number, what: string, start: number, length: number): HostBuffer {
    const buffer = this.#buffer(id, what);
    if (
      !Number.isInteger(start) || start < 0 || length < 0 ||
      start + length > buffer.bytes
    ) {
      throw new DeviceError(
        `Cannot ${what} bytes ${start} to ${
          start + length
        } of buffer "${buffer.label}": it has ${buffer.bytes}`,
      );
    }
    return buffer;
  }
}

/**
 * Slices that a tensor may be bound in: an optimizer's step has five of the largest (parameters, gradients
 * and three slots) and three short ones.
 */
function slicesOf({ maxBindings }: AdapterLimits): number {
  return Math.max(1, Math.min(16, Math.floor((maxBindings - 3) / 5)));
}

/** A software adapter's memory is the system's; of others WebGPU says nothing. */
function memoryBytes(options: WebGpuOptions, software: boolean): number {
  if (options.memory_gb !== null) return options.memory_gb * 1e9;
  const isKnown = software &&
    isGranted({ name: "sys", kind: "systemMemoryInfo" });
  return isKnown ? Deno.systemMemoryInfo().total : Infinity;
}
