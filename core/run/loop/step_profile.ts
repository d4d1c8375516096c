/**
 * What the steps of a run spent on the device, where the backend measures (`profile: true`). The first step
 * compiles and warms up: it is left out, and so is what is no step (evaluation, samples, saving).
 * @module
 */
import type { Device } from "../../contracts/backend.ts";
import type { KernelShare } from "../../contracts/tracker.ts";

/** Kernels whose calls are counted, not timed, have this name. */
const COUNTED = "(counted)";

/** What was measured. */
export interface MeasuredSteps {
  /** Steps that it is a sum over. */
  readonly steps: number;
  /** Time of all kernels, most first. */
  readonly kernels: readonly KernelShare[];
  /** What else was counted a step: dispatches, submits, bind groups made. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Gathers the profile of steps. */
export class StepProfile {
  readonly #read: NonNullable<Device["profile"]>;
  readonly #times = new Map<
    string,
    { kernel: string; label: string; seconds: number; calls: number }
  >();
  readonly #counts = new Map<string, number>();
  #steps = 0;
  #warm = false;

  private constructor(read: NonNullable<Device["profile"]>) {
    this.#read = read;
  }

  /** The profile of a device, or null where it measures nothing. */
  static of(device: Device): StepProfile | null {
    return device.profile === undefined
      ? null
      : new StepProfile(() => device.profile!());
  }

  /** A step has been enqueued. */
  async step(): Promise<void> {
    if (this.#warm) {
      this.#steps++;
      return;
    }
    this.#warm = true;
    await this.drop();
  }

  /** Adds what was measured since the last call. */
  async take(): Promise<void> {
    for (const { kernel, label, seconds, calls } of await this.#read()) {
      if (kernel === COUNTED) {
        this.#counts.set(label, (this.#counts.get(label) ?? 0) + calls);
        continue;
      }
      const key = `${kernel} ${label}`;
      const time = this.#times.get(key);
      if (time === undefined) {
        this.#times.set(key, { kernel, label, seconds, calls });
      } else {
        time.seconds += seconds;
        time.calls += calls;
      }
    }
  }

  /** Forgets what was measured since the last call. */
  async drop(): Promise<void> {
    await this.#read();
  }

  /** The profile so far; null before the second step. */
  measured(): MeasuredSteps | null {
    if (this.#steps === 0) return null;
    const counts = [...this.#counts].map(([name, n]) =>
      [name, n / this.#steps] as const
    );
    return {
      steps: this.#steps,
      kernels: [...this.#times.values()].sort((a, b) => b.seconds - a.seconds),
      counts: Object.fromEntries(counts),
    };
  }
}
