/**
 * An open WebGPU device with what goes wrong on it: every error of WebGPU becomes a `DeviceError` that
 * says what to change.
 * @module
 */
import { DeviceError } from "@denotune/denotune/device";
import { SubmissionBudget } from "./budget.ts";
import { type Counters, noCounts } from "./counters.ts";
import type { AdapterLimits } from "./adapter_limits.ts";

/** A device and its state. */
export class Gpu {
  readonly device: GPUDevice;
  readonly limits: AdapterLimits;
  readonly counters: Counters = noCounts();
  /** How much one submission may ask. */
  readonly budget: SubmissionBudget;
  #failure: DeviceError | null = null;
  #closed = false;

  constructor(
    device: GPUDevice,
    limits: AdapterLimits,
    budget: SubmissionBudget = new SubmissionBudget(),
  ) {
    this.budget = budget;
    this.device = device;
    this.limits = limits;
    device.lost.then(({ reason, message }) => {
      if (this.#closed) return;
      this.#failure = new DeviceError(
        `The GPU device was lost (${reason}${
          message === "" ? "" : `: ${firstLines(message)}`
        }). Systems take a GPU away that does not answer for some seconds, when its driver is changed, or when the machine sleeps. If it happens again, lower training.batch_size or data.max_length`,
      );
    });
    device.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#failure ??= new DeviceError(
        `The GPU refused a command: ${firstLines(error.message)}`,
        { cause: error },
      );
    });
  }

  /**
   * Waits for the device. What is pending on a device that is lost fails in words of its own, and before the
   * loss is reported: here it becomes the loss.
   */
  async wait<T>(what: string, work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.budget.done(performance.now() / 1000);
      this.check();
      return result;
    } catch (error) {
      await Promise.race([this.device.lost, sleep(LOSS_REPORT_MS)]);
      this.check();
      if (error instanceof DeviceError) throw error;
      throw new DeviceError(
        `Cannot ${what}: ${error instanceof Error ? error.message : error}`,
        { cause: error },
      );
    }
  }

  /** Throws the error recorded since the last call; a lost device stays lost. */
  check(): void {
    const failure = this.#failure;
    if (failure === null) return;
    if (!failure.message.includes("was lost")) this.#failure = null;
    throw failure;
  }

  /**
   * Does something in error scopes. `what` names it: `allocate 64 bytes for "x"`; `advice` is for a lack of
   * memory. Throws `DeviceError`.
   */
  async guarded<T>(what: string, advice: string, body: () => T): Promise<T> {
    this.device.pushErrorScope("validation");
    this.device.pushErrorScope("out-of-memory");
    this.device.pushErrorScope("internal");
    let result: T | undefined;
    let thrown: unknown;
    try {
      result = body();
    } catch (error) {
      thrown = error ?? new Error("nothing was thrown");
    }
    const internal = await this.device.popErrorScope();
    const memory = await this.device.popErrorScope();
    const validation = await this.device.popErrorScope();
    if (memory !== null) {
      throw new DeviceError(
        `Cannot ${what}: the GPU has no memory left. ${advice}`,
        { cause: memory },
      );
    }
    const error = validation ?? internal;
    if (error !== null) {
      throw new DeviceError(`Cannot ${what}: ${firstLines(error.message)}`, {
        cause: error,
      });
    }
    if (thrown !== undefined) {
      throw new DeviceError(
        `Cannot ${what}: ${
          thrown instanceof Error ? thrown.message : String(thrown)
        }`,
        { cause: thrown },
      );
    }
    return result as T;
  }

  /** A buffer of the backend's own. */
  ownBuffer(label: string, size: number, usage: number): Promise<GPUBuffer> {
    this.counters.buffers++;
    this.counters.ownBytes += size;
    return this.guarded(
      `allocate ${size} bytes for ${label}`,
      MEMORY_ADVICE,
      () => this.device.createBuffer({ label, size, usage }),
    );
  }

  /** Submits, and counts it; `operations`: about how many. */
  submit(commands: GPUCommandBuffer[], operations = 0): void {
    this.counters.submits++;
    this.budget.submit(operations, performance.now() / 1000);
    this.device.queue.submit(commands);
  }

  /** Destroys the device; that it is lost then is no error. */
  close(): void {
    this.#closed = true;
    this.device.destroy();
  }
}

/** Advice for a lack of memory. */
export const MEMORY_ADVICE =
  "Lower training.batch_size or data.max_length, set training.gradient_checkpointing: true, or train an adapter on a base of model.dtype: bfloat16";

/** How long after a failure its device may be reported lost. */
const LOSS_REPORT_MS = 200;

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function firstLines(message: string): string {
  return message.trim().split("\n").slice(0, 12).join("\n");
}
