/**
 * A backend runs plans. It has no opinion about models or data. Backends run in workers: every call
 * here only enqueues, in order; `read` and `idle` are the waits.
 * @module
 */
import type { Extents } from "../graph/dims.ts";
import type { Quantization } from "../graph/dtype.ts";
import type { BufferId, Plan } from "../graph/plan.ts";

/** Storage of the factors of matrix products; their sums are in float32 always. */
export type Precision = "float32" | "bfloat16" | "float16";

/** Which matrices a device reads in panels. */
export interface PanelLimits {
  /** Rows of a panel. */
  readonly rows: number;
  /** Elements of the smallest matrix. */
  readonly leastElements: number;
}

/** What a device says of itself. */
export interface DeviceInfo {
  /** Name of the backend part: `cpu`. */
  readonly backend: string;
  /** The hardware, as people know it: `Intel Xeon, 2 workers, OpenBLAS 0.3.21 (SkylakeX)`. */
  readonly description: string;
  /** Largest single buffer, bytes. */
  readonly maxBufferBytes: number;
  /** Memory that a run may use, bytes. */
  readonly memoryBytes: number;
  /**
   * Whether buffers are in the memory of this process: the process's other memory (the engine of
   * JavaScript, threads, libraries) then counts too.
   */
  readonly sharesHostMemory?: boolean;
  /**
   * Whether a read costs milliseconds however small it is, because it waits for all that is enqueued: what
   * comes step by step is then read for many steps at once.
   */
  readonly readsAreCostly?: boolean;
  /** What its user may do to make it faster; said once, where a run starts. */
  readonly advice?: string;
  /** Starts of views are multiples of this many bytes. */
  readonly alignment: number;
  /**
   * Kernels that it has; absent: all. A call of another is planned as the calls of its decomposition, where it has
   * one.
   */
  readonly kernels?: readonly string[];
  /**
   * Quantised storages that `matmul` reads as `b` and `gather_rows` as its table, without a copy in float32. Others
   * are widened by a `copy` before. None by default.
   */
  readonly storages?: readonly Quantization[];
  /**
   * Panels in which matrices of float32 that only answer are stored (`View.panelRows`), because `matmul` reads them
   * faster so as `b` of NT; `gather_rows` reads its table so. Smaller matrices are stored by rows. None by default.
   */
  readonly panels?: PanelLimits;
  /**
   * Products that take an elementwise epilogue: those of at most so many tensors (inputs and outputs), none
   * of them larger than so many bytes. Absent: none, because nothing is gained by it there.
   */
  readonly epilogues?: { readonly tensors: number; readonly bytes: number };
  /**
   * Whether the slopes of elementwise functions are computed with the functions, and kept in the place of their inputs
   * (`core/graph/fuse/keep_slopes.ts`). Set where expressions are computed in float32, so that a stored slope has the same
   * bits, and where a function costs more than reading a number. Not by default.
   */
  readonly keepsSlopes?: boolean;
  /** Precisions of matrix products besides float32, as it was opened. None by default. */
  readonly precisions?: readonly Precision[];
  /** Columns of the largest attention head that it trains; absent: any. */
  readonly largestHead?: number;
  /**
   * Everything that results depend on in the last bit (processor, BLAS and core type, adapter, driver,
   * tuner choices): recorded in checkpoints; "bit for bit" means equal fingerprints.
   */
  readonly fingerprint: string;
}

/** Number of a compiled program on its device. */
export type ProgramId = number;

/** A device: buffers and programs. Errors of enqueued work surface at the next `read` or `idle`, as `DeviceError`. */
export interface Device extends AsyncDisposable {
  /** What it says of itself. The fingerprint may change while a program is compiled, if that measures something. */
  readonly info: DeviceInfo;
  /** A zeroed buffer of `bytes` bytes. */
  allocate(bytes: number, label: string): BufferId;
  /** Gives a buffer back. */
  free(buffer: BufferId): void;
  /**
   * Copies `data` into the buffer at a byte offset, after all work enqueued before. The data are read
   * before the call returns. Views over shared memory are allowed. `isGiven`: nobody uses the memory of `data` any
   * more, so that a device may take it instead of copying.
   */
  write(
    buffer: BufferId,
    data: ArrayBufferView,
    byteOffset?: number,
    isGiven?: boolean,
  ): void;
  /** The bytes of a buffer, after all work enqueued before. */
  read(
    buffer: BufferId,
    byteOffset: number,
    byteLength: number,
  ): Promise<ArrayBuffer>;
  /**
   * The bytes of buffers themselves, after all work enqueued before: valid until a buffer is freed. Who fills them
   * enqueues nothing that uses them until they are filled. Absent where they are not in memory that threads share.
   */
  map?(buffers: readonly BufferId[]): Promise<readonly Uint8Array[]>;
  /** Makes a program ready: checks it, assembles its kernels. */
  compile(plan: Plan): Promise<ProgramId>;
  /** Runs a program once, with these extents (all within the plan's capacities). */
  run(program: ProgramId, extents: Extents): void;
  /** Waits until all enqueued work is done. */
  idle(): Promise<void>;
  /** Seconds spent in each kernel since the last call, if the backend was made with `profile`. */
  profile?(): Promise<
    readonly { kernel: string; label: string; seconds: number; calls: number }[]
  >;
}

/** The code that a backend made of a call. */
export interface KernelSource {
  /** What it is, as profiles name it: `matmul NT 64x64x16 of 4x4`. */
  readonly name: string;
  /** `WGSL`, `WebAssembly`. */
  readonly language: string;
  /** As people read it. */
  readonly text: string;
}

/** What a device is opened for. */
export interface OpenOptions {
  /** Precision of the products of its programs; absent: float32. */
  readonly precision?: Precision;
}

/** Opens devices. */
export interface Backend {
  /** Precisions of matrix products that its devices can be opened for, besides float32. None by default. */
  readonly precisions?: readonly Precision[];
  /**
   * Whether it can run here, and why not: asked before it is opened. `explicit`: the run names this backend;
   * absent or false: it is one of those that `auto` tries, and should decline where another would do better.
   * `precision`: one of `precisions` that a run asks for, which may need a library or a processor.
   */
  available(
    context?: { readonly explicit: boolean; readonly precision?: Precision },
  ): Promise<
    { ok: true; description: string } | { ok: false; reason: string }
  >;
  /** Opens the device. Throws `DeviceError` that says what to change. */
  open(options?: OpenOptions): Promise<Device>;
  /**
   * The devices among which its options choose, a line each, as `doctor` shows them where there are several. Absent:
   * there is one, or the system lists none.
   */
  devices?(): readonly string[];
  /**
   * Measures once how kernels are best run on this machine, and keeps the winners for later runs. `say` receives
   * each line to be shown. Absent: there is nothing to measure.
   */
  tune?(say: (line: string) => void): Promise<void>;
  /**
   * The code of a plan's kernels, in the order in which they run, as it would be made on this machine. Absent: the
   * backend makes none. Throws `DeviceError`.
   */
  source?(plan: Plan): Promise<readonly KernelSource[]>;
}
