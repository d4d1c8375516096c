/**
 * Where tensors live: numbered buffers, sized before anything is allocated.
 * @module
 */
import { quantizedWords } from "./quantize/layout.ts";
import {
  bytesOf,
  isQuantized,
  type Quantization,
  type TensorDType,
} from "./dtype.ts";
import type { BufferId } from "./plan.ts";

/** What a buffer is for, as the memory line names it. */
export type Role =
  | "weights"
  | "gradients"
  | "optimizer"
  | "activations"
  | "cache"
  | "inputs";

/** A buffer to be allocated. */
export interface PlannedBuffer {
  /** Size, a multiple of the alignment. */
  bytes: number;
  /** What it is for. */
  readonly role: Role;
  /** Its name in messages. */
  readonly label: string;
}

/** Where a tensor is stored. */
export interface Placement {
  /** Its buffer. */
  readonly buffer: BufferId;
  /** First element, in elements of `dtype`. */
  readonly offset: number;
  /** Its sizes. */
  readonly shape: readonly number[];
  /** How it is stored. */
  readonly dtype: TensorDType;
  /** Whether its file has it the other way round: matrices that answer, and quantised ones, are kept as (out, in). */
  readonly transposed?: boolean;
  /** Rows of its panels, where it is stored in panels. */
  readonly panelRows?: number;
}

/** Tensors that are contiguous in one buffer, so that one dispatch reaches all. */
export interface Arena {
  /** Name of the variable that covers it all: shape (elements). */
  readonly name: string;
  /** Elements of all members and the gaps between them. */
  readonly elements: number;
  /** The tensors, with their first elements. */
  readonly members: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly offset: number;
  }[];
}

/** Bytes by role. */
export type MemoryReport = Readonly<Record<Role, number>> & {
  readonly total: number;
};

/** What planning needs to know of a device. */
export interface MemoryLimits {
  /** Starts of views are multiples of this many bytes. */
  readonly alignment: number;
  /** Largest single buffer, bytes. */
  readonly maxBufferBytes: number;
  /** Kernels that the device has; all by default. */
  readonly kernels?: readonly string[];
  /** Quantised storages that matrix products read; others are widened before. None by default. */
  readonly storages?: readonly Quantization[];
  /** Panels in which matrices that only answer are stored. None by default. */
  readonly panels?: { readonly rows: number; readonly leastElements: number };
  /** Products that take an elementwise epilogue: most tensors, and bytes of the largest. None by default. */
  readonly epilogues?: { readonly tensors: number; readonly bytes: number };
  /** Whether slopes that the backward pass needs are computed in the forward pass. Not by default. */
  readonly keepsSlopes?: boolean;
}

/** Plans buffers, variables and the pool of activations that all programs share. */
export class Memory {
  /** Every buffer, by its number. */
  readonly buffers: PlannedBuffer[] = [];
  /** Where each variable is stored. */
  readonly variables: Map<string, Placement> = new Map();
  /** The buffer of each input. */
  readonly inputs: Map<string, BufferId> = new Map();
  /** Buffers of activations, shared by all programs. */
  readonly pool: BufferId[] = [];
  readonly #alignment: number;
  readonly #maxBufferBytes: number;
  /** Kernels that the device has; null: all. */
  readonly kernels: ReadonlySet<string> | null;
  /** Quantised storages that the device's matrix products read. */
  readonly storages: readonly Quantization[];
  /** Panels in which matrices that only answer are stored; null: none are. */
  readonly panels: NonNullable<MemoryLimits["panels"]> | null;
  /** Which products take an elementwise epilogue; null: none. */
  readonly epilogues: NonNullable<MemoryLimits["epilogues"]> | null;
  /** Whether slopes are computed in the forward pass. */
  readonly keepsSlopes: boolean;

  /** Starts empty, for a device with these limits. */
  constructor(limits: MemoryLimits) {
    this.kernels = limits.kernels === undefined
      ? null
      : new Set(limits.kernels);
    this.storages = limits.storages ?? [];
    this.panels = limits.panels ?? null;
    this.epilogues = limits.epilogues ?? null;
    this.keepsSlopes = limits.keepsSlopes ?? false;
    this.#alignment = limits.alignment;
    this.#maxBufferBytes = limits.maxBufferBytes;
  }

  /** A new buffer. */
  buffer(bytes: number, role: Role, label: string): BufferId {
    this.buffers.push({
      bytes: Math.max(this.#aligned(bytes), this.#alignment),
      role,
      label,
    });
    return this.buffers.length - 1;
  }

  /** A variable with a buffer of its own. */
  variable(
    name: string,
    shape: readonly number[],
    options: { role: Role; dtype?: TensorDType; transposed?: boolean },
  ): Placement {
    const { role, dtype = "f32", transposed } = options;
    const placement = {
      buffer: this.buffer(storedBytes(shape, dtype), role, name),
      offset: 0,
      shape,
      dtype,
      transposed,
    };
    this.#place(name, placement);
    return placement;
  }

  /** Stores a variable that has a buffer of its own in panels: programs that are planned already are changed with it. */
  storeInPanels(name: string, panelRows: number): void {
    const place = this.variables.get(name);
    if (place === undefined) throw new RangeError(`There is no ${name}`);
    this.variables.set(name, { ...place, panelRows });
  }

  /**
   * Cuts a list of float32 tensors into arenas no larger than a buffer. No tensor straddles an arena;
   * starts are aligned.
   */
  layout(
    name: string,
    tensors: readonly { name: string; shape: readonly number[] }[],
  ): Arena[] {
    const step = this.#alignment / 4;
    const limit = Math.floor(this.#maxBufferBytes / 4);
    const arenas: {
      name: string;
      elements: number;
      members: { name: string; shape: readonly number[]; offset: number }[];
    }[] = [];
    for (const { name: tensor, shape } of tensors) {
      const size = Math.ceil(count(shape) / step) * step;
      let arena = arenas[arenas.length - 1];
      if (arena === undefined || arena.elements + size > limit) {
        arena = { name: `${name}.${arenas.length}`, elements: 0, members: [] };
        arenas.push(arena);
      }
      arena.members.push({ name: tensor, shape, offset: arena.elements });
      arena.elements += size;
    }
    return arenas;
  }

  /** Allocates an arena and, with `memberName`, places its members as variables. */
  place(
    arena: Arena,
    options: {
      name: string;
      role: Role;
      memberName: ((name: string) => string) | null;
    },
  ): void {
    const buffer = this.buffer(arena.elements * 4, options.role, options.name);
    this.#place(options.name, {
      buffer,
      offset: 0,
      shape: [arena.elements],
      dtype: "f32",
    });
    if (options.memberName === null) return;
    for (const { name, shape, offset } of arena.members) {
      this.#place(options.memberName(name), {
        buffer,
        offset,
        shape,
        dtype: "f32",
      });
    }
  }

  /** Places part of a float32 variable as a variable of its own, in the same memory. */
  part(
    of: string,
    { name, start, width }: {
      readonly name: string;
      readonly start: number;
      readonly width: number;
    },
  ): void {
    const whole = this.variables.get(of);
    if (whole === undefined) throw new RangeError(`There is no ${of}`);
    this.#place(name, {
      buffer: whole.buffer,
      offset: whole.offset + start,
      shape: [width],
      dtype: "f32",
    });
  }

  /** The buffer of an input, large enough for all programs that use the name. */
  input(name: string, bytes: number): BufferId {
    const before = this.inputs.get(name);
    if (before === undefined) {
      const buffer = this.buffer(bytes, "inputs", name);
      this.inputs.set(name, buffer);
      return buffer;
    }
    this.#grow(before, bytes);
    return before;
  }

  /** The best buffer of the pool for `bytes` among those that are free: grown, or added, where none is enough. */
  poolBuffer(bytes: number, free: readonly BufferId[]): BufferId {
    let best: BufferId | null = null;
    let largest: BufferId | null = null;
    for (const id of free) {
      const size = this.buffers[id].bytes;
      if (size >= bytes && (best === null || size < this.buffers[best].bytes)) {
        best = id;
      }
      if (largest === null || size > this.buffers[largest].bytes) largest = id;
    }
    const chosen = best ?? largest;
    if (chosen !== null) {
      this.#grow(chosen, bytes);
      return chosen;
    }
    const added = this.buffer(
      bytes,
      "activations",
      `activations.${this.pool.length}`,
    );
    this.pool.push(added);
    return added;
  }

  /** Bytes by role. */
  report(): MemoryReport {
    const report = {
      weights: 0,
      gradients: 0,
      optimizer: 0,
      activations: 0,
      cache: 0,
      inputs: 0,
      total: 0,
    };
    for (const { bytes, role } of this.buffers) {
      report[role] += bytes;
      report.total += bytes;
    }
    return report;
  }

  /** The largest planned buffer. */
  largest(): PlannedBuffer | null {
    return this.buffers.reduce<PlannedBuffer | null>(
      (a, b) => a === null || b.bytes > a.bytes ? b : a,
      null,
    );
  }

  #place(name: string, placement: Placement): void {
    if (this.variables.has(name)) {
      throw new RangeError(`Two variables are called ${name}`);
    }
    this.variables.set(name, placement);
  }

  #grow(id: BufferId, bytes: number): void {
    const buffer = this.buffers[id];
    buffer.bytes = Math.max(buffer.bytes, this.#aligned(bytes));
  }

  #aligned(bytes: number): number {
    return Math.ceil(bytes / this.#alignment) * this.#alignment;
  }
}

/** A report as people read it: `weights 513.0 MB, gradients 47.0 MB, ... in all 1012.3 MB`. */
export function memoryText({ total, ...roles }: MemoryReport): string {
  const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
  const parts = Object.entries(roles).filter(([, bytes]) => bytes > 0)
    .map(([role, bytes]) => `${role} ${megabytes(bytes)}`);
  return [...parts, `in all ${megabytes(total)}`].join(", ");
}

/** Number of elements of a fixed shape. */
export function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Bytes of a tensor as it is stored. Throws `RangeError` for a quantised one that is no matrix. */
export function storedBytes(
  shape: readonly number[],
  dtype: TensorDType,
): number {
  if (!isQuantized(dtype)) return count(shape) * bytesOf(dtype);
  if (shape.length !== 2) {
    throw new RangeError(
      `Only matrices are stored as ${dtype}, found (${shape.join(", ")})`,
    );
  }
  const [rows, columns] = shape;
  return 4 * quantizedWords({ format: dtype, rows, columns });
}
