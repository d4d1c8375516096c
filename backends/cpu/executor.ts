/**
 * Worker 0 of a cpu device: holds the memory, compiles plans, leads the other workers.
 * @module
 */
import {
  type BufferId,
  type BufferSize,
  DeviceError,
  type DeviceInfo,
  type Extents,
  type Plan,
  type ProgramId,
  QUANTIZATIONS,
  validatePlan,
} from "@denotune/denotune/device";
import { type Bfloat16Found, findBfloat16 } from "./blas/bfloat16.ts";
import type { BlasChoice } from "./blas/blas.ts";
import {
  describeProducts,
  findProducts,
  machineCodeIn,
} from "./blas/opened.ts";
import { ONEDNN_PANELS } from "./kernels/matmul/panels.ts";
import { loweringFor, type LowerOptions } from "./lower.ts";
import { WideLoops } from "./machine_code/wide/make.ts";
import { describeProcessor } from "./machine.ts";
import { compilePlan, type FunctionTable } from "./runtime/compile.ts";
import { ALIGNMENT, Heap } from "./runtime/heap.ts";
import { useHugePages } from "./runtime/huge_pages.ts";
import { argumentCount } from "./runtime/program.ts";
import { Team } from "./runtime/team.ts";

/** Changes when kernels give other bits. */
const KERNEL_VERSION = 9;

/** The arguments that open a cpu device. */
export interface CpuOptions {
  readonly blas: BlasChoice;
  /** A library to use and no other, or null. */
  readonly blasPath: string | null;
  /** Whether products of bf16 factors are asked for. */
  readonly bfloat16: boolean;
  /** A library for them and no other, or null. */
  readonly bfloat16Path: string | null;
  readonly profile: boolean;
  /** Largest size of the memory, bytes. */
  readonly memoryBytes: number;
}

interface Buffer extends BufferSize {
  readonly at: number;
}

interface Program {
  readonly name: string;
  readonly names: readonly string[];
  readonly capacities: Extents;
  readonly buffers: ReadonlySet<BufferId>;
}

/** The executor of a cpu device, as `serve` of the core runs it. */
export class CpuExecutor {
  readonly info: DeviceInfo;
  readonly #heap: Heap;
  readonly #team: Team;
  readonly #workers: number;
  readonly #lowering: LowerOptions;
  readonly #buffers = new Map<BufferId, Buffer>();
  readonly #programs = new Map<ProgramId, Program>();
  readonly #functions: FunctionTable = new Map();
  readonly #loops: WideLoops | null;
  #scratch: number[] = [];
  #scratchBytes = 0;
  /** Seconds in each kernel since the last call; only where profiling is on. */
  readonly profile?: () => readonly {
    kernel: string;
    label: string;
    seconds: number;
    calls: number;
  }[];

  private constructor(
    parts: {
      heap: Heap;
      profile: boolean;
      workers: number;
      team: Team;
      info: DeviceInfo;
      lowering: LowerOptions;
      loops: WideLoops | null;
    },
  ) {
    this.#heap = parts.heap;
    this.#team = parts.team;
    this.#workers = parts.workers;
    this.#lowering = parts.lowering;
    this.#loops = parts.loops;
    this.info = parts.info;
    if (parts.profile) this.profile = () => this.#team.takeTimes();
  }

  /** Opens a device. Throws `DeviceError` that says what to change. */
  static async open(
    options: CpuOptions,
    helpers: readonly MessagePort[],
  ): Promise<CpuExecutor> {
    const { profile } = options;
    const workers = helpers.length + 1;
    const heap = new Heap(options.memoryBytes);
    useHugePages(heap.memory, heap.limit);
    const { blas, small } = findProducts(options.blas, options.blasPath);
    const bfloat16 = options.bfloat16
      ? bfloat16Library(options.bfloat16Path)
      : null;
    const libraries = { blas, small, bfloat16 };
    const team = await Team.start({
      memory: heap.memory,
      helpers,
      libraries,
      profile,
    });
    const arithmetic = [
      describeProducts({ blas, small }),
      ...(bfloat16 === null ? [] : [`${bfloat16.description} in bfloat16`]),
    ].join(", ");
    const processor = describeProcessor();
    const machineCode = machineCodeIn({ blas, small });
    const info: DeviceInfo = {
      backend: "cpu",
      description: `${processor}, ${workers} ${
        workers === 1 ? "worker" : "workers"
      }, ${arithmetic}`,
      maxBufferBytes: heap.limit,
      memoryBytes: heap.limit,
      sharesHostMemory: true,
      alignment: ALIGNMENT,
      storages: QUANTIZATIONS,
      keepsSlopes: true,
      ...(blas?.library === "oneDNN" ? { panels: ONEDNN_PANELS } : {}),
      ...(bfloat16 === null ? {} : { precisions: ["bfloat16"] }),
      // the number of workers is not part of it: results do not depend on it
      fingerprint:
        `cpu ${KERNEL_VERSION}; ${processor}; ${Deno.build.arch}; ${arithmetic}`,
    };
    return new CpuExecutor({
      heap,
      profile,
      workers,
      team,
      info,
      lowering: loweringFor(libraries, workers),
      loops: machineCode === null ? null : new WideLoops(machineCode),
    });
  }

  /** A zeroed buffer. */
  allocate(id: BufferId, bytes: number, label: string): void {
    this.#buffers.set(id, {
      at: this.#heap.allocate(bytes, `buffer "${label}"`),
      bytes,
      label,
    });
  }

  /** Gives a buffer back. */
  free(id: BufferId): void {
    const buffer = this.#buffers.get(id);
    if (buffer === undefined) return;
    this.#buffers.delete(id);
    this.#heap.free(buffer.at);
  }

  /** Copies bytes into a buffer. */
  write(id: BufferId, byteOffset: number, bytes: Uint8Array): void {
    this.#range(id, byteOffset, bytes.byteLength, "write").set(bytes);
  }

  /** A copy of bytes of a buffer. */
  read(id: BufferId, byteOffset: number, byteLength: number): ArrayBuffer {
    const copy = new Uint8Array(byteLength);
    copy.set(this.#range(id, byteOffset, byteLength, "read"));
    return copy.buffer;
  }

  #range(
    id: BufferId,
    offset: number,
    length: number,
    what: string,
  ): Uint8Array<SharedArrayBuffer> {
    const buffer = this.#buffers.get(id);
    if (buffer === undefined) {
      throw new DeviceError(`Cannot ${what} buffer ${id}: it is not allocated`);
    }
    if (offset < 0 || length < 0 || offset + length > buffer.bytes) {
      throw new DeviceError(
        `Cannot ${what} bytes ${offset} .. ${
          offset + length
        } of buffer "${buffer.label}": it has ${buffer.bytes}`,
      );
    }
    return this.#heap.bytes(buffer.at + offset, length);
  }

  /** The bytes of buffers themselves: the memory is shared, and growing does not move it. */
  map(ids: readonly BufferId[]): readonly Uint8Array<SharedArrayBuffer>[] {
    return ids.map((id) =>
      this.#range(id, 0, this.#buffers.get(id)?.bytes ?? 0, "map")
    );
  }

  /** Checks a plan and makes it ready on every worker. */
  async compile(id: ProgramId, plan: Plan): Promise<void> {
    validatePlan(plan, this.#buffers, this.info.panels?.rows);
    const compiled = compilePlan(id, plan, {
      functions: this.#functions,
      addressOf: (buffer) => this.#buffers.get(buffer)?.at ?? 0,
      reserve: (bytes) =>
        this.#heap.allocate(bytes, `temporary memory of program ${plan.name}`),
      options: this.#lowering,
      loops: this.#loops,
    });
    const { program, binary, newNames } = compiled;
    const module = binary === null ? null : new WebAssembly.Module(binary);
    this.#reserveScratch(compiled.scratchBytes, plan.name);
    const argumentBytes = 8 * argumentCount(program);
    const argumentsAt = Array.from(
      { length: this.#workers },
      () =>
        this.#heap.allocate(argumentBytes, `arguments of program ${plan.name}`),
    );
    await this.#team.add((worker) => ({
      program,
      functions: { module, names: newNames },
      argumentsAt: argumentsAt[worker],
      scratchAt: this.#scratch[worker],
    }));
    const views = plan.segments.flatMap((s) =>
      s.calls.flatMap((c) => [...c.inputs, ...c.outputs])
    );
    this.#programs.set(id, {
      name: plan.name,
      names: program.names,
      capacities: plan.capacities,
      buffers: new Set(views.map((v) => v.buffer)),
    });
  }

  #reserveScratch(bytes: number, name: string): void {
    if (this.#scratch.length > 0 && bytes <= this.#scratchBytes) return;
    for (const at of this.#scratch) this.#heap.free(at);
    this.#scratch = [];
    this.#scratchBytes = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      this.#scratch.push(
        this.#heap.allocate(bytes, `scratch memory for program ${name}`),
      );
    }
    this.#scratchBytes = bytes;
  }

  /** Runs a program and waits for it. */
  run(id: ProgramId, extents: Extents): void {
    const program = this.#programs.get(id);
    if (program === undefined) {
      throw new DeviceError(
        `Cannot run program ${id}: it has not been compiled`,
      );
    }
    for (const buffer of program.buffers) {
      if (!this.#buffers.has(buffer)) {
        throw new DeviceError(
          `Cannot run program ${program.name}: buffer ${buffer}, which it uses, has been freed`,
        );
      }
    }
    const values = program.names.map((name) => {
      const capacity = program.capacities[name];
      if (capacity === undefined) return 0; // the chunk of a repeated segment
      const extent = extents[name];
      if (
        extent === undefined || !Number.isInteger(extent) || extent < 0 ||
        extent > capacity
      ) {
        throw new DeviceError(
          `Cannot run program ${program.name}: extent ${name} is ${extent}, expected 0 to ${capacity}`,
        );
      }
      return extent;
    });
    this.#team.run(id, values);
  }

  /** Nothing is ever unfinished: `run` waits. */
  idle(): void {}

  /** Ends the workers. */
  close(): void {
    this.#team.close();
    this.#loops?.close();
  }
}

function bfloat16Library(path: string | null): Bfloat16Found {
  const { found, reason } = findBfloat16(path);
  if (found === null) throw new DeviceError(reason);
  return found;
}
