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
import { bytesOf, type TensorDType } from "../graph/dtype.ts";
import { elementsOf, type Extents, showShape } from "../graph/dims.ts";
import { type Memory, memoryText } from "../graph/memory.ts";
import { PROGRAM_INPUTS } from "./inputs/program_inputs.ts";
import {
  type ElementRange,
  type StoredData,
  Variables,
} from "./memory/variables.ts";
import {
  type BufferId,
  type Plan,
  type View,
  withViews,
} from "../graph/plan.ts";
import type { PlannedProgram } from "../graph/planner.ts";

/** Data of inputs by name. */
export type InputData = Readonly<Record<string, Int32Array | Float32Array>>;

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
  #programs: ReadonlyMap<string, Ready> = new Map();
  /** Inputs of the table, and those that any program declares. */
  #known: ReadonlySet<string> = new Set();
  /** What the buffers of inputs hold: programs share those of one name. */
  readonly #written = new Map<
    BufferId,
    { readonly program: string; readonly elements: number }
  >();
  readonly #variables: Variables;

  private constructor(
    device: Device,
    memory: Memory,
    buffers: readonly BufferId[],
    mapped: readonly Uint8Array[] | null,
  ) {
    this.device = device;
    this.memory = memory;
    this.#buffers = buffers;
    this.#variables = new Variables(device, memory, { buffers, mapped });
  }

  /**
   * Allocates all planned buffers and compiles all programs. Throws `DeviceError` when they do not fit. `onAllocated`
   * is called before programs are compiled, which this thread does not take part in: variables may be written from
   * then on.
   */
  static async open(
    device: Device,
    memory: Memory,
    programs: readonly PlannedProgram[],
    onAllocated?: (session: Session) => void,
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
    let mapped: readonly Uint8Array[] | null = null;
    try {
      if (device.map === undefined) await device.idle();
      else mapped = await device.map(buffers);
    } catch (error) {
      throw new DeviceError(
        `${
          error instanceof Error ? error.message : String(error)
        }\nPlanned are ${memoryText(memory.report())}`,
        { cause: error },
      );
    }
    const session = new Session(device, memory, buffers, mapped);
    onAllocated?.(session);
    const ready = new Map<string, Ready>();
    for (const planned of programs) {
      const id = await device.compile(onDevice(planned.plan, buffers));
      ready.set(planned.plan.name, { id, planned });
    }
    await device.idle();
    session.#programs = ready;
    session.#known = new Set([
      ...Object.keys(PROGRAM_INPUTS),
      ...programs.flatMap(({ declared }) => [...declared]),
    ]);
    return session;
  }

  /**
   * Enqueues one run of a program: its inputs are written first. An input that is not given keeps what the
   * last run of the same program got. Throws `RangeError` for an input that no program has, for one of
   * another type or size than the program reads, and for one that was not written.
   */
  run(program: string, extents: Extents, inputs: InputData = {}): void {
    const { id, planned } = this.#program(program);
    this.#variables.keepMemory();
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
    const { unfinished } = this.#variables;
    if (unfinished !== null) {
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
  write(name: string, data: StoredData, start = 0, isGiven = false): void {
    this.#variables.write(name, data, start, isGiven);
  }

  /**
   * The memory of a variable itself, for the host to fill before any program runs: float32, or 16-bit patterns. Null
   * where it is elsewhere or holds another order, and where enqueued work may still use it: once programs run, or
   * after a write.
   */
  memoryOf(name: string): Float32Array | Uint16Array | null {
    return this.#variables.memoryOf(name);
  }

  /** Writes words of a quantised variable, from a byte on (both multiples of 4), as `core/graph/quantize` packs them. */
  writeWords(name: string, bytes: Uint8Array, byteOffset = 0): void {
    this.#variables.writeWords(name, bytes, byteOffset);
  }

  /**
   * Reads a variable as float32, or `range` of its elements, in the order of its file. Throws `RangeError`
   * for one of i32: see `readIntegers`.
   */
  read(name: string, range?: ElementRange): Promise<Float32Array> {
    return this.#variables.read(name, range);
  }

  /** Reads a variable of whole numbers. Throws `RangeError` for any other. */
  readIntegers(name: string): Promise<Int32Array> {
    return this.#variables.readIntegers(name);
  }

  /** Storage of a variable. */
  dtypeOf(name: string): TensorDType {
    return this.#variables.dtypeOf(name);
  }

  /** Waits until what was written is there, once it is much: writes are copies that pile up otherwise. */
  drain(): Promise<void> {
    return this.#variables.drain();
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

  #program(name: string): Ready {
    const program = this.#programs.get(name);
    if (program === undefined) {
      throw new RangeError(`There is no program ${name}`);
    }
    return program;
  }
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
  return withViews(plan, (view) => ({
    ...view,
    buffer: buffers[view.buffer],
  }));
}
