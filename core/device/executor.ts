/**
 * What a backend's worker does: the side of a device that holds memory and runs kernels. The order of
 * commands, errors and messages are dealt with by {@linkcode serve} and the host's `Device`; an executor
 * is called with one thing at a time and throws when it cannot do it.
 * @module
 */
import type { DeviceInfo, ProgramId } from "../contracts/backend.ts";
import type { Extents } from "../graph/dims.ts";
import type { BufferId, Plan } from "../graph/plan.ts";

/** Seconds that one kernel of one label took since the last profile. */
export interface KernelTime {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Label of its calls in the plan. */
  readonly label: string;
  /** Time of all calls together. */
  readonly seconds: number;
  /** How often it ran. */
  readonly calls: number;
}

/** Bytes of one buffer that are read. */
export interface ReadRange {
  /** The buffer. */
  readonly id: BufferId;
  /** Where they begin in it. */
  readonly byteOffset: number;
  /** How many there are. */
  readonly byteLength: number;
}

/**
 * Holds the buffers and programs of one device. Ids are chosen by the caller. A method that returns a
 * promise is awaited before the next is called. Everything that goes wrong is thrown, with the label of
 * the buffer or of the kernel call in the message.
 */
export interface Executor {
  /** What the device says of itself. */
  readonly info: DeviceInfo;
  /** Makes a zeroed buffer of `bytes` bytes under this id. */
  allocate(id: BufferId, bytes: number, label: string): void | Promise<void>;
  /** Gives a buffer back. */
  free(id: BufferId): void | Promise<void>;
  /** Copies bytes into a buffer; `bytes` may be kept, it is nobody else's. */
  write(
    id: BufferId,
    byteOffset: number,
    bytes: Uint8Array<ArrayBuffer>,
  ): void | Promise<void>;
  /** A copy of bytes of a buffer: it will be transferred away. */
  read(
    id: BufferId,
    byteOffset: number,
    byteLength: number,
  ): ArrayBuffer | Promise<ArrayBuffer>;
  /**
   * Copies of several ranges, in their order, where each wait for the device is long: reads that were asked for
   * one after the other share a wait. If it throws, each of them is read alone. Absent: they always are.
   */
  readMany?(ranges: readonly ReadRange[]): Promise<readonly ArrayBuffer[]>;
  /** The bytes of buffers themselves, over shared memory; absent where they are elsewhere. */
  map?(ids: readonly BufferId[]): readonly Uint8Array<SharedArrayBuffer>[];
  /** Makes a plan ready under this id. */
  compile(id: ProgramId, plan: Plan): void | Promise<void>;
  /** Runs a program once. */
  run(id: ProgramId, extents: Extents): void | Promise<void>;
  /** Waits for what was started and not yet finished; executors that finish each call return at once. */
  idle(): void | Promise<void>;
  /** Time spent in each kernel since the last call; absent where nothing is measured. */
  profile?(): readonly KernelTime[] | Promise<readonly KernelTime[]>;
  /** Gives everything back. */
  close(): void | Promise<void>;
}
