/**
 * The host's side of a device: turns calls into commands, chooses ids so that enqueuing never waits, and
 * matches answers with their callers. It does not know whether the executor is in a worker.
 * @module
 */
import type { Device, DeviceInfo, ProgramId } from "../contracts/backend.ts";
import { DeviceError } from "../contracts/errors.ts";
import type { Extents } from "../graph/dims.ts";
import type { BufferId, Plan } from "../graph/plan.ts";
import type { KernelTime } from "./executor.ts";
import {
  type Answer,
  type AnswerValue,
  type Command,
  deviceErrorOf,
  type SharedState,
} from "./protocol.ts";

/** A device that takes more commands than it has done. */
export interface QueuedDevice extends Device {
  /** Commands enqueued and not yet done. Nothing limits it: a caller that enqueues far ahead uses more memory. */
  readonly pending: number;
}

/** A command that is answered, before it has its number. */
type Question = Extract<Command, { request: number }> extends infer C
  ? C extends Command ? Omit<C, "request"> : never
  : never;

/** Where commands go. */
export interface Channel {
  post(command: Command, transfer: Transferable[]): void;
  /** Called once, when the device is closed or has failed. */
  shut(): void;
  /** Waits until what `shut` ended is gone, as far as a process that ends then needs it; `isWell`: nothing failed. */
  ended?(isWell: boolean): Promise<void>;
}

/** What an executor said when it was opened. */
export interface Opened {
  readonly info: DeviceInfo;
  readonly profiles: boolean;
  readonly maps: boolean;
}

/** A device over a channel. */
export class HostDevice implements QueuedDevice {
  #info: DeviceInfo;
  /** Present where the executor measures. */
  readonly profile?: () => Promise<readonly KernelTime[]>;
  /** Present where the executor's memory is shared. */
  readonly map?: (
    buffers: readonly BufferId[],
  ) => Promise<readonly Uint8Array[]>;
  readonly #channel: Channel;
  readonly #shared: SharedState;
  readonly #requests = new Map<
    number,
    { resolve(value: AnswerValue): void; reject(error: DeviceError): void }
  >();
  #lastBuffer = 0;
  #lastProgram = 0;
  #lastRequest = 0;
  #sent = 0;
  #broken: DeviceError | null = null;
  #closing: Promise<void> | null = null;
  /** Whether something has failed. */
  #unwell = false;

  constructor(opened: Opened, shared: SharedState, channel: Channel) {
    this.#info = opened.info;
    this.#shared = shared;
    this.#channel = channel;
    if (opened.profiles) {
      this.profile = async () => {
        const times = await this.#ask({ type: "profile" });
        return isTimes(times) ? times : [];
      };
    }
    if (opened.maps) {
      this.map = async (ids) => {
        const mapped = await this.#ask({ type: "map", ids });
        if (!isMapped(mapped) || mapped.length !== ids.length) {
          throw new DeviceError(
            `Backend ${this.info.backend} did not map its buffers`,
          );
        }
        return mapped;
      };
    }
  }

  get info(): DeviceInfo {
    return this.#info;
  }

  get pending(): number {
    return this.#broken === null && this.#closing === null
      ? (this.#sent - this.#shared.done) | 0
      : 0;
  }

  allocate(bytes: number, label: string): BufferId {
    const id = ++this.#lastBuffer;
    this.#post({ type: "allocate", id, bytes, label });
    return id;
  }

  free(buffer: BufferId): void {
    this.#post({ type: "free", id: buffer });
  }

  write(
    buffer: BufferId,
    data: ArrayBufferView,
    byteOffset = 0,
    isGiven = false,
  ): void {
    const bytes = isGiven ? ownBytes(data) : copyOf(data);
    this.#post({ type: "write", id: buffer, byteOffset, bytes }, [
      bytes.buffer,
    ]);
  }

  async read(
    buffer: BufferId,
    byteOffset: number,
    byteLength: number,
  ): Promise<ArrayBuffer> {
    const bytes = await this.#ask({
      type: "read",
      id: buffer,
      byteOffset,
      byteLength,
    });
    if (!(bytes instanceof ArrayBuffer)) {
      throw new DeviceError(
        `Backend ${this.info.backend} answered a read without bytes`,
      );
    }
    return bytes;
  }

  async compile(plan: Plan): Promise<ProgramId> {
    const id = ++this.#lastProgram;
    await this.#ask({ type: "compile", id, plan });
    return id;
  }

  run(program: ProgramId, extents: Extents): void {
    this.#post({ type: "run", id: program, extents });
  }

  async idle(): Promise<void> {
    await this.#ask({ type: "idle" });
  }

  /** Takes an answer of the executor. */
  receive(answer: Answer): void {
    if (answer.type === "changed") this.#info = answer.info;
    if (answer.type !== "answer" && answer.type !== "failed") return;
    const request = this.#requests.get(answer.request);
    if (request === undefined) return; // rejected already, by a close
    this.#requests.delete(answer.request);
    if (answer.type === "answer") request.resolve(answer.value);
    else {
      this.#unwell = true;
      request.reject(deviceErrorOf(answer.error));
    }
  }

  /** Ends the device for good: everything pending and every later wait is rejected with this error. */
  fail(error: DeviceError): void {
    if (this.#broken !== null) return;
    this.#unwell = true;
    this.#broken = error;
    this.#rejectAll(error);
    this.#channel.shut();
  }

  /** Closes the executor; what is pending is rejected, what is queued is skipped. Throws what closing throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    try {
      await this.#closing;
    } finally {
      await this.#channel.ended?.(!this.#unwell);
    }
  }

  async #close(): Promise<void> {
    if (this.#broken !== null) return;
    this.#shared.close();
    this.#rejectAll(
      new DeviceError(
        `The ${this.info.backend} device was closed while work was pending`,
      ),
    );
    try {
      await this.#ask({ type: "close" });
    } finally {
      if (this.#broken === null) this.#channel.shut();
    }
  }

  #rejectAll(error: DeviceError): void {
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of requests) request.reject(error);
  }

  #post(command: Command, transfer: Transferable[] = []): void {
    if (this.#closing !== null && command.type !== "close") {
      throw new DeviceError(
        `Cannot ${command.type} on the ${this.info.backend} device: it has been closed`,
      );
    }
    if (this.#broken !== null) return; // said at the next wait
    try {
      this.#channel.post(command, transfer);
    } catch (error) {
      throw new DeviceError(
        `Cannot send ${command.type} to the ${this.info.backend} device: it must be plain data`,
        {
          cause: error,
        },
      );
    }
    this.#sent++;
  }

  // deno-lint-ignore require-await -- a throw of #post must become a rejection
  async #ask(question: Question): Promise<AnswerValue> {
    if (this.#broken !== null) throw this.#broken;
    const request = ++this.#lastRequest;
    return new Promise((resolve, reject) => {
      this.#requests.set(request, { resolve, reject });
      try {
        this.#post({ ...question, request });
      } catch (error) {
        this.#requests.delete(request);
        reject(error);
      }
    });
  }
}

function isTimes(value: AnswerValue): value is readonly KernelTime[] {
  return Array.isArray(value) && !isMapped(value);
}

function isMapped(
  value: AnswerValue,
): value is readonly Uint8Array<SharedArrayBuffer>[] {
  return Array.isArray(value) &&
    value.every((one) => one instanceof Uint8Array);
}

/** The bytes of an array that nobody else uses; copied where other memory would be sent with them. */
function ownBytes(data: ArrayBufferView): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = data;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    ? new Uint8Array(buffer)
    : copyOf(data);
}

/** Copied: the caller keeps using its array, which may also be shared memory. */
function copyOf(data: ArrayBufferView): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return bytes;
}
