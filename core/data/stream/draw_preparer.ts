/**
 * Who prepares drawn rows: workers, or this thread between other things that it does.
 * @module
 */
import { setImmediate } from "node:timers";
import type { PrepareWorkers } from "../prepare.ts";
import { MAX_WORKERS } from "../prepare_content.ts";
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
  readonly #pool: PreparePool | null;
  #canShare: Promise<boolean> = Promise.resolve(false);
  #before: Promise<unknown> = Promise.resolve();
  #isEnded = false;

  constructor(of: DrawPreparerInit) {
    this.#of = of;
    const count = countOf(of.workers?.count ?? 1);
    if (of.workers === null || count === 1) {
      this.#pool = null;
      return;
    }
    this.#pool = new PreparePool(count, of.workers.command, of.signal);
    this.#canShare = this.#pool.opened.then((isSame) => {
      if (!isSame) {
        of.onNotice(
          "Rows are prepared without workers: they cannot make the run's tokenizer as it is",
        );
      }
      return isSame;
    });
    this.#canShare.catch(() => {}); // whoever awaits it is told
  }

  /** Ranges that should be out at a time, so that everybody has something to do. */
  get ranges(): number {
    return this.#pool === null ? 2 : 3 * this.#pool.size;
  }

  /** Prepares rows. Ranges may be asked for before those that came earlier are done. */
  async prepare(rows: readonly DrawnRow[]): Promise<PreparedDraw> {
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

  /** One range after the other; in between the thread does what else there is. */
  #local(rows: readonly DrawnRow[]): Promise<PreparedDraw> {
    const turn = this.#before.then(() =>
      new Promise<void>((resolve) => setImmediate(resolve))
    );
    const done = turn.then(() => {
      if (this.#isEnded) throw new Error("Preparation was ended");
      return prepareDraw(rows, this.#of.pipelines);
    });
    this.#before = done.catch(() => {});
    return done;
  }
}

function countOf(count: PrepareWorkers["count"]): number {
  return count === "auto"
    ? Math.min(MAX_WORKERS, navigator.hardwareConcurrency)
    : count;
}
