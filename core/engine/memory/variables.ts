/**
 * The variables of a session's memory: written and read by name, in the order and the numbers of their files, however
 * memory stores them (16 bits, quantised, transposed, in panels).
 * @module
 */
import type { Device } from "../../contracts/backend.ts";
import { bf16ToF32, f16ToF32 } from "../../io/half.ts";
import { dequantize } from "../../graph/quantize/dequantize.ts";
import { transposed } from "../../graph/quantize/transposed.ts";
import {
  bytesOf,
  type DType,
  isQuantized,
  type TensorDType,
} from "../../graph/dtype.ts";
import {
  count,
  type Memory,
  type Placement,
  storedBytes,
} from "../../graph/memory.ts";
import { panelMatrix, panelsOf, PanelWrites, readPanels } from "./panels.ts";
import {
  type StoredNumbers,
  transposedMatrix,
  TransposedWrites,
} from "./transposed_writes.ts";
import type { BufferId } from "../../graph/plan.ts";

/** Bytes that may be on their way to the device. */
const MOST_IN_FLIGHT = 32 * 2 ** 20;

/** Data as a variable stores them. */
export type StoredData = StoredNumbers | Int32Array | Int8Array;

/** Elements of a variable. */
export interface ElementRange {
  readonly start: number;
  readonly count: number;
}

/** The variables that lie in a device's buffers. */
export class Variables {
  readonly #device: Device;
  readonly #places: Memory["variables"];
  readonly #buffers: readonly BufferId[];
  /** The bytes of each buffer, where the host may fill them; null once programs run. */
  #mapped: readonly Uint8Array[] | null;
  /** Buffers that enqueued writes are on their way to. */
  readonly #enqueued = new Set<BufferId>();
  /** Matrices that are transposed on their way. */
  readonly #transposed = new TransposedWrites();
  /** Matrices that are put into panels on their way. */
  readonly #panels = new PanelWrites();
  /** Bytes written since the last {@linkcode drain} that waited. */
  #inFlight = 0;

  /** `buffers`: the device's own numbers of the memory's; `mapped`: their bytes, where the device shares them. */
  constructor(
    device: Device,
    memory: Memory,
    { buffers, mapped }: {
      readonly buffers: readonly BufferId[];
      readonly mapped: readonly Uint8Array[] | null;
    },
  ) {
    this.#device = device;
    this.#places = memory.variables;
    this.#buffers = buffers;
    this.#mapped = mapped;
  }

  /** The memory of a variable itself, as the session says of it. */
  memoryOf(name: string): Float32Array | Uint16Array | null {
    const place = this.#variable(name);
    const { buffer, offset, shape, dtype } = place;
    if (
      this.#mapped === null || this.#enqueued.has(this.#buffers[buffer]) ||
      place.transposed === true || panelMatrix(place) !== null ||
      isQuantized(dtype)
    ) return null;
    const bytes = this.#mapped[buffer];
    const at = bytes.byteOffset + offset * bytesOf(dtype);
    if (dtype === "f32") {
      return new Float32Array(bytes.buffer, at, count(shape));
    }
    return dtype === "f16" || dtype === "bf16"
      ? new Uint16Array(bytes.buffer, at, count(shape))
      : null;
  }

  /** Programs use the memory from here on: nobody else fills it. */
  keepMemory(): void {
    this.#mapped = null;
  }

  /**
   * Writes a variable, or part of it from element `start`, in the order of its file: float32 or i32 data, 16-bit
   * patterns for 16-bit storage, or bytes for i8. `isGiven`: nobody uses the memory of `data` any more. Parts of a
   * matrix that memory has transposed or in panels come in order, and before the next run. Throws `RangeError` for data
   * that do not fit.
   */
  write(
    name: string,
    data: StoredData,
    start = 0,
    isGiven = false,
  ): void {
    const place = this.#variable(name);
    if (isQuantized(place.dtype)) {
      throw new RangeError(
        `${name} is stored as ${place.dtype}: write its words with writeWords`,
      );
    }
    const size = bytesOf(place.dtype);
    if (start < 0 || start + data.length > count(place.shape)) {
      throw new RangeError(
        `${name} has ${
          count(place.shape)
        } elements, given ${data.length} from ${start}`,
      );
    }
    if (data.BYTES_PER_ELEMENT !== size) {
      throw new RangeError(
        `${name} is stored as ${place.dtype}, given ${data.BYTES_PER_ELEMENT} bytes an element`,
      );
    }
    this.#inFlight += data.byteLength;
    this.#enqueued.add(this.#buffers[place.buffer]);
    if (place.transposed === true) {
      return this.#writeTransposed(name, place, { data, start });
    }
    const matrix = panelMatrix(place);
    if (matrix !== null && data instanceof Float32Array) {
      const whole = this.#panels.add({ name, matrix, start, data });
      if (whole.values.length === 0) return;
      const buffer = this.#buffers[place.buffer];
      this.#device.write(buffer, whole.values, whole.start * size, true);
      return;
    }
    this.#device.write(
      this.#buffers[place.buffer],
      data,
      (place.offset + start) * size,
      isGiven,
    );
  }

  #writeTransposed(
    name: string,
    place: Placement,
    { data, start }: {
      readonly data: StoredData;
      readonly start: number;
    },
  ): void {
    const { buffer, offset, shape, dtype } = place;
    if (data instanceof Int32Array || data instanceof Int8Array) {
      throw new RangeError(
        `${name} is stored as ${dtype}, given whole numbers`,
      );
    }
    const matrix = panelMatrix(place);
    const turn = matrix === null
      ? undefined
      : (values: Float32Array) => panelsOf(values, matrix);
    const all = this.#transposed.add({ name, shape, start, data, turn });
    if (all === null) return;
    this.#device.write(
      this.#buffers[buffer],
      all,
      offset * all.BYTES_PER_ELEMENT,
      true,
    );
  }

  /** Writes words of a quantised variable, from a byte on (both multiples of 4), as `core/graph/quantize` packs them. */
  writeWords(name: string, bytes: Uint8Array, byteOffset = 0): void {
    const { buffer, shape, dtype } = this.#variable(name);
    if (!isQuantized(dtype)) {
      throw new RangeError(`${name} is stored as ${dtype}, not quantised`);
    }
    if (byteOffset + bytes.length > storedBytes(shape, dtype)) {
      throw new RangeError(
        `${name} has ${
          storedBytes(shape, dtype)
        } bytes, given ${bytes.length} from ${byteOffset}`,
      );
    }
    this.#device.write(this.#buffers[buffer], bytes, byteOffset);
  }

  /**
   * Reads a variable as float32, or `range` of its elements, in the order of its file. Throws `RangeError`
   * for one of i32: see `readIntegers`.
   */
  async read(
    name: string,
    range?: ElementRange,
  ): Promise<Float32Array> {
    const place = this.#variable(name);
    const { dtype } = place;
    if (dtype === "i32") throw new RangeError(`${name} holds whole numbers`);
    const { start, count: n } = range ??
      { start: 0, count: count(place.shape) };
    if (isQuantized(dtype)) return await this.#readQuantized(place, start, n);
    const size = bytesOf(dtype);
    const read = async (from: number, many: number) => {
      const at = (place.offset + from) * size;
      const buffer = this.#buffers[place.buffer];
      return widened(await this.#device.read(buffer, at, many * size), dtype);
    };
    const matrix = panelMatrix(place);
    if (matrix !== null) return await readPanels(matrix, { start, n, read });
    if (place.transposed !== true) return await read(start, n);
    const [rows, columns] = place.shape;
    const all = await read(0, rows * columns);
    return transposedMatrix(all, { rows, columns }).slice(start, start + n);
  }

  /** Reads a variable of whole numbers. Throws `RangeError` for any other. */
  async readIntegers(name: string): Promise<Int32Array> {
    const { buffer, offset, shape, dtype } = this.#variable(name);
    if (dtype !== "i32") {
      throw new RangeError(`${name} is stored as ${dtype}, not as i32`);
    }
    return new Int32Array(
      await this.#device.read(
        this.#buffers[buffer],
        offset * 4,
        count(shape) * 4,
      ),
    );
  }

  /** A matrix of which only a part was written so far; null: there is none. */
  get unfinished(): string | null {
    const [name = null] = [
      ...this.#transposed.unfinished,
      ...this.#panels.unfinished,
    ];
    return name;
  }

  /** Storage of a variable. */
  dtypeOf(name: string): TensorDType {
    return this.#variable(name).dtype;
  }

  async #readQuantized(
    { buffer, shape, dtype, transposed: turned }: Placement,
    start: number,
    n: number,
  ): Promise<Float32Array> {
    if (!isQuantized(dtype)) throw new RangeError(`${dtype} is not quantised`);
    const [rows, columns] = shape;
    const words = await this.#device.read(
      this.#buffers[buffer],
      0,
      storedBytes(shape, dtype),
    );
    const bytes = new Uint8Array(words);
    const read = (from: number, many: number) =>
      dequantize({ format: dtype, rows, columns }, bytes, {
        start: from,
        count: many,
      });
    // the file has (columns, rows) where it is turned: its lines are our columns
    return turned === true
      ? transposed({ rows: columns, columns: rows }, read)(start, n)
      : read(start, n);
  }

  /** Waits until what was written is there, once it is much: writes are copies that pile up otherwise. */
  async drain(): Promise<void> {
    if (this.#inFlight < MOST_IN_FLIGHT) return;
    this.#inFlight = 0;
    await this.#device.idle();
  }

  #variable(name: string): Placement {
    const place = this.#places.get(name);
    if (place === undefined) {
      throw new RangeError(`There is no variable ${name}`);
    }
    return place;
  }
}

/** Stored numbers in float32. */
function widened(
  bytes: ArrayBuffer,
  dtype: Exclude<DType, "i32">,
): Float32Array {
  if (dtype === "f32") return new Float32Array(bytes);
  if (dtype === "i8") return Float32Array.from(new Int8Array(bytes));
  const bits = new Uint16Array(bytes);
  return dtype === "f16" ? f16ToF32(bits) : bf16ToF32(bits);
}
