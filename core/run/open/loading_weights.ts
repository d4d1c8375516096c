/**
 * The weights of a run, read while its programs are compiled: this thread reads, the device's threads compile.
 * @module
 */
import type { PlannedEngine } from "../../engine/plan_engine.ts";
import type { Session } from "../../engine/session.ts";
import { beginAdapterStart, writeBaseWeights } from "./open_model.ts";
import type { OpenedModel } from "./opened_model.ts";

/** Weights that are on their way. Dispose of it to stop: where the run fails, they go nowhere. */
export class LoadingWeights implements AsyncDisposable {
  readonly #stop = new AbortController();
  #loaded: Promise<void> | null = null;

  /** Begins to write the weights of the base, and then what the adapter starts from. */
  start(
    model: OpenedModel,
    { planned, session, seed }: {
      readonly planned: PlannedEngine;
      readonly session: Session;
      readonly seed: number;
    },
  ): void {
    const load = async () => {
      const { signal } = this.#stop;
      // the device is given its programs first
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      const { weights } = planned.inventory;
      const base = writeBaseWeights(model, weights, { session, seed, signal });
      base.catch(() => {}); // it is awaited below, unless the adapter fails
      const writeRest = beginAdapterStart(model, { planned, session, seed });
      await base;
      signal.throwIfAborted();
      writeRest();
    };
    this.#loaded = load();
    this.#loaded.catch(() => {}); // whoever awaits it gets the error
  }

  /** Waits for the weights. Throws what reading them throws. */
  async loaded(): Promise<void> {
    if (this.#loaded === null) throw new RangeError("It was not started");
    await this.#loaded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loaded?.catch(() => {});
  }
}
