/**
 * A session: planned memory made real on a device, and programs that the host can run by name.
 *
 * 1. make a {@linkcode Memory}, place variables, `planProgram` each graph;
 * 2. look at `memory.report()`;
 * 3. `Session.open(device, memory, programs)`;
 * 4. `session.write`, `session.run`, `session.read`.
 * @module
 */
import type { Device, ProgramId } from "../contracts/backend.ts";
import { DeviceError } from "../contracts/errors.ts";
import { bf16ToF32, f16ToF32 } from "../io/half.ts";
import { dequantize } from "../graph/quantize/dequantize.ts";
import { transposed } from "../graph/quantize/transposed.ts";
import {
  bytesOf,
  type DType,
  isQuantized,
  type TensorDType,
} from "../graph/dtype.ts";
import { elementsOf, type Extents, showShape } from "../graph/dims.ts";
import {
  count,
  type Memory,
  memoryText,
  type Placement,
  storedBytes,
} from "../graph/memory.ts";
import { PROGRAM_INPUTS } from "./inputs/program_inputs.ts";
import {
  type StoredNumbers,
  transposedMatrix,
  TransposedWrites,
} from "./memory/transposed_writes.ts";
import type { BufferId, Plan, View } from "../graph/plan.ts";
import type { PlannedProgram } from "../graph/planner.ts";

/** Data of inputs by name. */
export type InputData = Readonly<Record<string, Int32Array | Float32Array>>;

/** Bytes that may be on their way to the device. */
const MOST_IN_FLIGHT = 32 * 2 ** 20;

interface Ready {
  readonly id: ProgramId;
  readonly planned: PlannedProgram;
}

/** Memory and programs on a device. */
export class Session implements AsyncDisposable {
  /** Where it runs. */
  readonly device: Device;
  /** What was planned. */
  readonly memory: Memory;
  readonly #buffers: readonly BufferId[];
  readonly #programs: ReadonlyMap<string, Ready>;
  /** Inputs of the table, and those that any program declares. */
  readonly #known: ReadonlySet<string>;
  /** What the buffers of inputs hold: programs share those of one name. */
  readonly #written = new Map<
    BufferId,
    { readonly program: string; readonly elements: number }
  >();
  /** Matrices that are transposed on their way. */
  readonly #transposed = new TransposedWrites();
  /** Bytes written since the last {@linkcode drain} that waited. */
  #inFlight = 0;

  private constructor(
    device: Device,
    memory: Memory,
    buffers: readonly BufferId[],
    programs: ReadonlyMap<string, Ready>,
  ) {
    this.device = device;
    this.memory = memory;
    this.#buffers = buffers;
    this.#programs = programs;
    this.#known = new Set([
      ...Object.keys(PROGRAM_INPUTS),
      ...[...programs.values()].flatMap(({ planned }) => [...planned.declared]),
    ]);
  }

  /** Allocates all planned buffers and compiles all programs. Throws `DeviceError` when they do not fit. */
  static async open(
    device: Device,
    memory: Memory,
    programs: readonly PlannedProgram[],
  ): Promise<Session> {
    const largest = memory.largest();
    if (largest !== null && largest.bytes > device.info.maxBufferBytes) {
      throw new DeviceError(
        `${largest.label} needs a buffer of ${largest.bytes} bytes; ${device.info.description} allows ${device.info.maxBufferBytes}`,
      );
    }
    const buffers = memory.buffers.map((b) =>
      device.allocate(b.bytes, b.label)
    );
    try {
      await device.idle();
    } catch (error) {
      throw new DeviceError(
        `${
          error instanceof Error ? error.message : String(error)
        }\nPlanned are ${memoryText(memory.report())}`,
        { cause: error },
      );
    }
    const ready = new Map<string, Ready>();
    for (const planned of programs) {
      const id = await device.compile(onDevice(planned.plan, buffers));
      ready.set(planned.plan.name, { id, planned });
    }
    await device.idle();
    return new Session(device, memory, buffers, ready);
  }

  /**
   * Enqueues one run of a program: its inputs are written first. An input that is not given keeps what the
   * last run of the same program got. Throws `RangeError` for an input that no program has, for one of
   * another type or size than the program reads, and for one that was not written.
   */
  run(program: string, extents: Extents, inputs: InputData = {}): void {
    const { id, planned } = this.#program(program);
    for (const [name, data] of Object.entries(inputs)) {
      const view = planned.inputs.get(name);
      if (view === undefined) {
        this.#checkKnown(program, name); // one that another program reads is left out
        continue;
      }
      checkInput(`${program}: the input ${name}`, { view, extents, data });
      this.device.write(this.#buffers[view.buffer], data);
      this.#written.set(view.buffer, { program, elements: data.length });
    }
    const [unfinished] = this.#transposed.unfinished;
    if (unfinished !== undefined) {
      throw new RangeError(`${program}: ${unfinished} was written in part`);
    }
    for (const [name, view] of planned.inputs) {
      this.#checkWritten(program, name, elementsOf(view.shape, extents), view);
    }
    this.device.run(id, extents);
  }

  #checkWritten(
    program: string,
    name: string,
    read: number,
    { buffer }: View,
  ): void {
    const written = this.#written.get(buffer);
    const isOwn = written?.program === program;
    if (read === 0 || (isOwn && written.elements === read)) return;
    const found = written === undefined
      ? ""
      : isOwn
      ? ` for this run's sizes: it holds ${written.elements} elements, and ${read} are read`
      : `: it holds what ${written.program} read`;
    throw new RangeError(
      `${program}: the input ${name} was not written${found}`,
    );
  }

  #checkKnown(program: string, name: string): void {
    if (this.#known.has(name)) return;
    throw new RangeError(
      `${program}: there is no input ${name}; known: ${
        [...this.#known].join(", ")
      }`,
    );
  }

  /** Whether a program reads an input of that name. */
  needs(program: string, input: string): boolean {
    return this.#program(program).planned.inputs.has(input);
  }

  /** An output of a program's last run, cut to the extents. */
  async output(
    program: string,
    name: string,
    extents: Extents,
  ): Promise<Float32Array | Int32Array> {
    const view = this.#program(program).planned.outputs.get(name);
    if (view === undefined) {
      throw new RangeError(`Program ${program} has no output ${name}`);
    }
    const bytes = await this.#readView(view, extents);
    return view.dtype === "i32"
      ? new Int32Array(bytes)
      : new Float32Array(bytes);
  }

  /**
   * Writes a variable, or part of it from element `start`, in the order of its file: float32 or i32 data, 16-bit
   * patterns for 16-bit storage, or bytes for i8. `isGiven`: nobody uses the memory of `data` any more. Parts of a
   * matrix that memory has transposed come in order, and before the next run. Throws `RangeError` for data that do
   * not fit.
   */
  write(
    name: string,
    data: Float32Array | Int32Array | Uint16Array | Int8Array,
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
    if (place.transposed === true) {
      return this.#writeTransposed(name, place, { data, start });
    }
    this.device.write(
      this.#buffers[place.buffer],
      data,
      (place.offset + start) * size,
      isGiven,
    );
  }

  #writeTransposed(
    name: string,
    { buffer, offset, shape, dtype }: Placement,
    { data, start }: {
      readonly data: StoredNumbers | Int32Array | Int8Array;
      readonly start: number;
    },
  ): void {
    if (data instanceof Int32Array || data instanceof Int8Array) {
      throw new RangeError(
        `${name} is stored as ${dtype}, given whole numbers`,
      );
    }
    const all = this.#transposed.add({ name, shape, start, data });
    if (all === null) return;
    this.device.write(
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
    this.device.write(this.#buffers[buffer], bytes, byteOffset);
  }

  /**
   * Reads a variable as float32, or `range` of its elements, in the order of its file. Throws `RangeError`
   * for one of i32: see `readIntegers`.
   */
  async read(
    name: string,
    range?: { readonly start: number; readonly count: number },
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
      return widened(await this.device.read(buffer, at, many * size), dtype);
    };
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
      await this.device.read(
        this.#buffers[buffer],
        offset * 4,
        count(shape) * 4,
      ),
    );
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
    const words = await this.device.read(
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
    await this.device.idle();
  }

  /** Waits for all enqueued work. */
  idle(): Promise<void> {
    return this.device.idle();
  }

  /** Frees the buffers; the device stays open. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const buffer of this.#buffers) this.device.free(buffer);
    return Promise.resolve();
  }

  #readView(view: View, extents: Extents): Promise<ArrayBuffer> {
    const size = bytesOf(view.dtype);
    return this.device.read(
      this.#buffers[view.buffer],
      view.offset * size,
      elementsOf(view.shape, extents) * size,
    );
  }

  #variable(name: string): Placement {
    const place = this.memory.variables.get(name);
    if (place === undefined) {
      throw new RangeError(`There is no variable ${name}`);
    }
    return place;
  }

  #program(name: string): Ready {
    const program = this.#programs.get(name);
    if (program === undefined) {
      throw new RangeError(`There is no program ${name}`);
    }
    return program;
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

/** Throws `RangeError` for data of another type or size than a program reads. */
function checkInput(
  what: string,
  { view, extents, data }: {
    readonly view: View;
    readonly extents: Extents;
    readonly data: Int32Array | Float32Array;
  },
): void {
  const found = data instanceof Int32Array ? "i32" : "f32";
  if (found !== view.dtype) {
    throw new RangeError(`${what} is ${view.dtype}, given ${found}`);
  }
  const elements = elementsOf(view.shape, extents);
  if (data.length !== elements) {
    throw new RangeError(
      `${what} has ${elements} elements ${
        showShape(view.shape)
      }, given ${data.length}`,
    );
  }
}

/** The plan with the device's own buffer numbers. */
function onDevice(plan: Plan, buffers: readonly BufferId[]): Plan {
  const move = (view: View): View => ({
    ...view,
    buffer: buffers[view.buffer],
  });
  return {
    ...plan,
    segments: plan.segments.map((segment) => ({
      ...segment,
      calls: segment.calls.map((call) => ({
        ...call,
        inputs: call.inputs.map(move),
        outputs: call.outputs.map(move),
      })),
    })),
  };
}
