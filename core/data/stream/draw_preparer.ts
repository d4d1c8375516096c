/**
 * Prepares drawn rows: in workers, or in this thread between its other work.
 * @module
 */
import { setImmediate } from "node:timers";
import { CallQueue } from "../../call_queue.ts";
import type { PrepareWorkers } from "../prepared/request.ts";
import { MAX_WORKERS } from "../prepared/prepare_content.ts";
import type { DataOptions } from "../types.ts";
import { PreparePool } from "../workers/pool.ts";
import type { OpenCommand } from "../workers/protocol.ts";
import { type DrawPipeline, prepareDraw } from "./prepare_draw.ts";
import type { DrawnRow, PreparedDraw } from "./types.ts";

/** What drawn rows are prepared with. */
export interface DrawPreparerInit {
  /** By index of the source. */
  readonly pipelines: readonly DrawPipeline[];
  readonly options: DataOptions;
  /** How workers make the same; null: all rows stay on this thread. */
  readonly workers: {
    readonly count: PrepareWorkers["count"];
    readonly command: OpenCommand;
  } | null;
  readonly signal?: AbortSignal;
  readonly onNotice: (message: string) => void;
}

/** Prepares drawn rows. Dispose of it to end its workers. */
export class DrawPreparer implements Disposable {
  readonly #of: DrawPreparerInit;
  readonly #workers: number;
  #pool: PreparePool | null = null;
  #canShare: Promise<boolean> = Promise.resolve(false);
  readonly #calls = new CallQueue();
  #isEnded = false;

  constructor(of: DrawPreparerInit) {
    this.#of = of;
    this.#workers = countOf(of.workers?.count ?? 1);
  }

  /** Ranges that should be out at a time, so that everybody has something to do. */
  get ranges(): number {
    return this.#workers === 1 ? 2 : 3 * this.#workers;
  }

  /** Prepares rows. Ranges may be asked for before those that came earlier are done. */
  async prepare(rows: readonly DrawnRow[]): Promise<PreparedDraw> {
    this.#start();
    if (this.#pool !== null && await this.#canShare) {
      const { recipe } = this.#of.workers?.command ?? {};
      const isShared = rows.every((row) => recipe?.sources[row.source] != null);
      const shared = isShared ? this.#pool.draw(rows) : null;
      if (shared !== null) return await shared;
    }
    return await this.#local(rows);
  }

  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#pool?.[Symbol.dispose]();
  }

  /** Starts the workers with the first rows: a run that is only inspected starts none. */
  #start(): void {
    const { workers, signal, onNotice } = this.#of;
    if (this.#pool !== null || this.#isEnded) return;
    if (workers === null || this.#workers === 1) return;
    this.#pool = new PreparePool(this.#workers, workers.command, signal);
    this.#canShare = this.#pool.opened.then((isSame) => {
      if (!isSame) {
        onNotice(
          "Rows are prepared without workers: they cannot make the run's tokenizer as it is",
        );
      }
      return isSame;
    });
    this.#canShare.catch(() => {}); // whoever awaits it gets the error
  }

  /** One range after the other; in between the thread does what else there is. */
  #local(rows: readonly DrawnRow[]): Promise<PreparedDraw> {
    return this.#calls.run(async () => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#isEnded) throw new Error("Preparation was ended");
      return prepareDraw(rows, this.#of.pipelines);
    });
  }
}

function countOf(count: PrepareWorkers["count"]): number {
  return count === "auto"
    ? Math.min(MAX_WORKERS, navigator.hardwareConcurrency)
    : count;
}
