/**
 * The device of a run, opened while the run is planned: its workers load their modules in threads of their own. What is
 * wrong with the plan is reported first; the device is closed then.
 *
 * ```text
 * this thread       start the workers ─► plan ─► (wait) ─► plan again, for this device
 * device's threads  load their modules ──────────► open
 * ```
 * @module
 */
import type { Creating } from "../../config/parts/create_part.ts";
import type { LoadedRun } from "../../config/load.ts";
import { type ChosenDevice, openDevice } from "./choose_backend.ts";

/** A device that may be open already. Dispose of it to close it. */
export class WakingDevice implements AsyncDisposable {
  #chosen: Promise<ChosenDevice> | null = null;

  /** Begins to open the device of a run; returns when its threads had time to start. */
  async start(run: LoadedRun, creating: Creating): Promise<void> {
    this.#chosen = openDevice(run, creating);
    this.#chosen.catch(() => {}); // whoever awaits it gets the error
    await new Promise((resolve) => setTimeout(resolve));
  }

  /** The device. Throws what `openDevice` throws. */
  async opened(): Promise<ChosenDevice> {
    if (this.#chosen === null) throw new RangeError("It was not started");
    return await this.#chosen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const chosen = await this.#chosen?.catch(() => null);
    await chosen?.device[Symbol.asyncDispose]();
  }
}
