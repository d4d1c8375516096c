/**
 * The messages between a device's host and the worker that holds it. Plain data only: errors cross as
 * name, message, stack and cause.
 * @module
 */
import type { DeviceInfo, ProgramId } from "../contracts/backend.ts";
import { DeviceError, messageOf, withCauses } from "../contracts/errors.ts";
import type { Extents } from "../graph/dims.ts";
import type { BufferId, Plan } from "../graph/plan.ts";
import type { KernelTime } from "./executor.ts";

/** Host to worker. Commands with a `request` number are answered; the others only done, in order. */
export type Command =
  | {
    readonly type: "allocate";
    readonly id: BufferId;
    readonly bytes: number;
    readonly label: string;
  }
  | { readonly type: "free"; readonly id: BufferId }
  | {
    readonly type: "write";
    readonly id: BufferId;
    readonly byteOffset: number;
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | { readonly type: "run"; readonly id: ProgramId; readonly extents: Extents }
  | {
    readonly type: "read";
    readonly request: number;
    readonly id: BufferId;
    readonly byteOffset: number;
    readonly byteLength: number;
  }
  | {
    readonly type: "map";
    readonly request: number;
    readonly ids: readonly BufferId[];
  }
  | {
    readonly type: "compile";
    readonly request: number;
    readonly id: ProgramId;
    readonly plan: Plan;
  }
  | { readonly type: "idle"; readonly request: number }
  | { readonly type: "profile"; readonly request: number }
  | { readonly type: "close"; readonly request: number };

/** The first message to a worker: opens its executor. `shared` is described at {@linkcode SharedState}. */
export interface OpenCommand {
  readonly type: "open";
  readonly options: unknown;
  readonly shared: SharedArrayBuffer;
  /** A port to each of its helpers. */
  readonly helpers: readonly MessagePort[];
}

/** What an answered command gives. */
export type AnswerValue =
  | ArrayBuffer
  | readonly Uint8Array<SharedArrayBuffer>[]
  | readonly KernelTime[]
  | undefined;

/**
 * Worker to host. `ready` comes when the worker's module has been loaded, before `open`. `thread`: the folder that
 * Linux has for the worker's thread as long as that lives; null where it cannot be looked up.
 */
export type Answer =
  | { readonly type: "ready"; readonly thread: string | null }
  | {
    readonly type: "opened";
    readonly info: DeviceInfo;
    readonly profiles: boolean;
    readonly maps: boolean;
  }
  | { readonly type: "open-failed"; readonly error: ErrorData }
  | {
    readonly type: "answer";
    readonly request: number;
    readonly value: AnswerValue;
  }
  | {
    readonly type: "failed";
    readonly request: number;
    readonly error: ErrorData;
  }
  /** What the device says of itself has changed; comes before the answer of what changed it. */
  | { readonly type: "changed"; readonly info: DeviceInfo }
  /** Something was thrown that nobody caught. */
  | { readonly type: "crashed"; readonly error: ErrorData };

/**
 * Two numbers that host and worker share, so that nothing is sent for them: how many commands are done,
 * and whether the host is closing the device (what is still queued is then skipped).
 */
export class SharedState {
  readonly #cells: Int32Array<SharedArrayBuffer>;

  constructor(readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.#cells = new Int32Array(buffer); // [done, closing]
  }

  /** Commands done so far, modulo 2^32. */
  get done(): number {
    return Atomics.load(this.#cells, 0);
  }

  /** Counts one more command as done. */
  countDone(): void {
    Atomics.add(this.#cells, 0, 1);
  }

  /** Whether the host is closing the device. */
  get closing(): boolean {
    return Atomics.load(this.#cells, 1) !== 0;
  }

  /** Says that the device is closing. */
  close(): void {
    Atomics.store(this.#cells, 1, 1);
  }
}

/** An error as data. */
export interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorData;
}

/** An error, or whatever was thrown, as data. */
export function errorToData(error: unknown): ErrorData {
  const [inner, ...outer] = withCauses(error).map(dataOf).reverse();
  if (inner === undefined) return { name: "Error", message: messageOf(error) };
  return outer.reduce<ErrorData>((cause, data) => ({ ...data, cause }), inner);
}

function dataOf(error: Error): ErrorData {
  const message = messageOf(error);
  try {
    const { name, stack } = error;
    if (typeof name === "string" && typeof stack === "string") {
      return { name, message, stack };
    }
  } catch {
    // what a plugin throws may throw when it is looked at
  }
  return { name: "Error", message };
}

/** The `DeviceError` that an error of the worker becomes on the host; the original is its cause. */
export function deviceErrorOf(data: ErrorData): DeviceError {
  return new DeviceError(data.message, { cause: restore(data) });
}

function restore(data: ErrorData): Error {
  const error = new Error(
    data.message,
    data.cause === undefined ? undefined : { cause: restore(data.cause) },
  );
  error.name = data.name;
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}
