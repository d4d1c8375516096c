/**
 * Workers that prepare rows. Ranges go to the worker with the least work; results are returned in the
 * order of the rows, so that workers change nothing but the time.
 * @module
 */
import type { RawRecord } from "../../contracts/source.ts";
import { isData } from "../../config/schema/options_schema.ts";
import type { BridgeCommand } from "../../config/isolated/process/bridge.ts";
import { BridgeThread } from "../../config/isolated/process/bridge_thread.ts";
import { PluginError } from "../../contracts/errors.ts";
import type { PreparedRows } from "../prepared/prepare_rows.ts";
import type { DrawnRow, PreparedDraw } from "../stream/types.ts";
import { startWorker } from "../../io/start_worker.ts";
import {
  type DrawCommand,
  type ErrorData,
  type OpenCommand,
  restoreError,
  type RowsCommand,
  type WorkerAnswer,
} from "./protocol.ts";

/** How long a range should take: short enough to share out evenly, long enough for messages not to matter. */
const RANGE_MS = 100;
const FIRST_ROWS = 16;
const MAX_ROWS = 1024;
/** Ranges that are out at a time, for each worker. */
const AHEAD = 3;
/** How long this thread prepares rows before it looks what has arrived. */
const LOCAL_MS = 40;

/** Rows of one source. */
export interface PoolRequest {
  readonly source: number;
  readonly from: number;
  readonly to: number;
  /** Reads a row that workers cannot read themselves; null where they can. */
  readonly read: ((index: number) => RawRecord) | null;
  /** Prepares a range on this thread; ends it early after `limitMs`. */
  local(range: {
    readonly from: number;
    readonly to: number;
    readonly limitMs?: number;
  }): PreparedRows;
  /** Whether this thread prepares rows too. */
  readonly helps: boolean;
}

/** A range of rows, and what it gave. */
interface Answer {
  readonly rows: PreparedRows;
  /** Time of a worker; 0: of this thread. */
  readonly msPerRow: number;
}

/** A range that is out. */
interface Range {
  readonly done: Promise<Answer>;
  /** Null until it has come. */
  answer: Answer | null;
}

/** What a worker says when it has done what it was asked for. */
type Done = Extract<WorkerAnswer, { readonly id: number }>;

interface Waiting {
  resolve(done: Done): void;
  reject(error: unknown): void;
}

interface Member {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  /** Processes of isolated plugins that it has asked for, by its numbers. */
  readonly processes: Map<number, { end(): void }>;
}

/** Workers of one preparation. Dispose of it to end them, whatever they do. */
export class PreparePool implements Disposable {
  readonly #members: Member[] = [];
  readonly #bridges = new BridgeThread();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #failure: { readonly error: unknown } | null = null;
  #fail: (error: unknown) => void = () => {};
  #next = 0;
  /** When all workers have made their parts: whether their tokenizer is that of the run. */
  readonly opened: Promise<boolean>;

  /** Starts `count` workers. */
  constructor(
    count: number,
    command: OpenCommand,
    signal: AbortSignal | undefined,
  ) {
    this.#signal = signal;
    this.#onAbort = () => this.#failWith(signal?.reason);
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    const opening = Array.from({ length: count }, () => this.#start(command));
    this.opened = Promise.race([
      Promise.all(opening).then((same) => same.every((isSame) => isSame)),
      failed,
    ]);
    this.opened.catch(() => {}); // whoever awaits it gets the error
    signal?.addEventListener("abort", this.#onAbort);
  }

  /** How many workers there are. */
  get size(): number {
    return this.#members.length;
  }

  /** What went wrong with the workers themselves, or null. */
  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  /**
   * Prepares rows, in order, up to the first that is wrong. This thread prepares ranges of its own while it would wait.
   *
   * ```text
   * worker        0-16 ─► 16-32 ─► 32-48 ─► 112-144 ─► ...    asked for ahead
   * this thread   48-112 ─────────► 144-380 ─────────► ...       LOCAL_MS each; between them, answers are taken
   * given         0-16 ─► 16-32 ─► 32-48 ─► 48-112 ─► 112-144    in the order of the rows
   * ```
   */
  async *rows(request: PoolRequest): AsyncGenerator<PreparedRows> {
    const { from, to, helps } = request;
    const most = AHEAD * this.size;
    const out: Range[] = []; // in the order of the rows
    let asked = 0;
    let next = from;
    let size = FIRST_ROWS;
    while (next < to || out.length > 0) {
      for (; next < to && asked < most; asked++) {
        // the last ranges are short, so that all are done at the same time
        const share = Math.ceil((to - next) / (2 * AHEAD * (this.size + 1)));
        const end = Math.min(
          to,
          next + Math.min(size, Math.max(FIRST_ROWS, share)),
        );
        const range = this.#range(request, { from: next, to: end });
        range.done.then((answer) => {
          asked--;
          range.answer = answer;
          if (answer.msPerRow === 0) return;
          const wanted = Math.floor(RANGE_MS / answer.msPerRow);
          size = Math.max(1, Math.min(MAX_ROWS, 2 * size, wanted));
        }, () => asked--);
        out.push(range);
        next = end;
      }
      if (
        helps && out[0].answer === null && next < to && out.length < 6 * most
      ) {
        const rows = request.local({ from: next, to, limitMs: LOCAL_MS });
        const answer = { rows, msPerRow: 0 };
        out.push({ done: Promise.resolve(answer), answer });
        next = rows.failure === null ? rows.to : to;
        await new Promise<void>((resolve) => setTimeout(resolve)); // answers arrive
        if (this.#failure !== null) throw this.#failure.error;
        continue;
      }
      const first = await out.shift()?.done;
      if (first === undefined) break;
      const { rows } = first;
      yield rows;
      if (rows.failure !== null) return;
    }
  }

  /** Asks a worker for rows; those that cannot be sent are prepared here. */
  #range(
    { source, read, local }: PoolRequest,
    range: { readonly from: number; readonly to: number },
  ): Range {
    const records = read === null ? null : readAll(read, range.from, range.to);
    const isSent = records === null || records.every((r) => isData(r.value));
    const done = isSent
      ? this.#ask({ source, ...range, records })
      : Promise.resolve({ rows: local(range), msPerRow: 0 });
    done.catch(() => {}); // the error is thrown when its turn comes
    return { done, answer: null };
  }

  /** Prepares streamed rows; null where they cannot be sent. */
  draw(rows: readonly DrawnRow[]): Promise<PreparedDraw> | null {
    return rows.every((row) => isData(row.record.value))
      ? this.#draw(rows)
      : null;
  }

  /** Ends the workers. */
  [Symbol.dispose](): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    for (const { worker } of this.#members) worker.terminate();
    this.#bridges[Symbol.dispose]();
    this.#failWith(new Error("The workers of preparation were ended"));
  }

  #start(command: OpenCommand): Promise<boolean> {
    const worker = startWorker(
      "prepare",
      new URL("./worker.ts", import.meta.url),
    );
    const member: Member = {
      worker,
      waiting: new Map(),
      processes: new Map(),
    };
    this.#members.push(member);
    return new Promise((resolve) => {
      worker.addEventListener(
        "message",
        ({ data }: MessageEvent<WorkerAnswer>) => {
          switch (data.type) {
            case "ready":
              return this.#post(worker, command);
            case "opened":
              return resolve(data.isSame);
            case "bridge":
              return this.#bridge(member, data.command);
            case "failed":
              return this.#failWith(restoreError(data.error));
            case "rows":
            case "draw": {
              const waiting = member.waiting.get(data.id);
              member.waiting.delete(data.id);
              waiting?.resolve(data);
            }
          }
        },
      );
      worker.addEventListener("error", (event) => {
        event.preventDefault(); // else the main thread dies of it
        this.#failWith(
          new PluginError(
            `A worker that prepares rows has crashed: ${event.message}; data.workers=1 prepares them without workers`,
            { cause: event.error ?? undefined },
          ),
        );
      });
      worker.addEventListener("messageerror", () => {
        this.#failWith(
          new PluginError(
            "Rows that a worker prepared could not be read; data.workers=1 prepares them without workers",
          ),
        );
      });
    });
  }

  #bridge({ processes }: Member, command: BridgeCommand): void {
    const { id } = command;
    if (command.type === "start") {
      processes.set(id, this.#bridges.start(command.process));
    } else processes.get(id)?.end();
  }

  #post(
    worker: Worker,
    message: OpenCommand | RowsCommand | DrawCommand,
  ): void {
    try {
      worker.postMessage(message);
    } catch (cause) {
      this.#failWith(
        new PluginError(
          "What workers need to prepare rows cannot be sent to them; set data.workers=1",
          { cause },
        ),
      );
    }
  }

  async #ask(
    range: Omit<RowsCommand, "type" | "id">,
  ): Promise<Answer> {
    const done = await this.#send((id) => ({ type: "rows", id, ...range }));
    if (done.type !== "rows") throw new RangeError("Not what was asked for");
    const { rows, ms } = done;
    return {
      rows: { ...rows, failure: failureOf(rows) },
      msPerRow: ms / (range.to - range.from),
    };
  }

  async #draw(rows: readonly DrawnRow[]): Promise<PreparedDraw> {
    const done = await this.#send((id) => ({ type: "draw", id, rows }));
    if (done.type !== "draw") throw new RangeError("Not what was asked for");
    return { ...done.rows, failure: failureOf(done.rows) };
  }

  /** Passes work to the worker with the least work. */
  #send(make: (id: number) => RowsCommand | DrawCommand): Promise<Done> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error);
    const id = this.#next++;
    const member = this.#members.reduce((a, b) =>
      b.waiting.size < a.waiting.size ? b : a
    );
    return new Promise((resolve, reject) => {
      member.waiting.set(id, { resolve, reject });
      this.#post(member.worker, make(id));
    });
  }

  #failWith(error: unknown): void {
    this.#failure ??= { error };
    this.#fail(this.#failure.error);
    for (const { waiting } of this.#members) {
      for (const { reject } of waiting.values()) reject(this.#failure.error);
      waiting.clear();
    }
  }
}

function failureOf(
  { failure }: { readonly failure: ErrorData | null },
): { readonly error: unknown } | null {
  return failure === null ? null : { error: restoreError(failure) };
}

function readAll(
  read: (index: number) => RawRecord,
  from: number,
  to: number,
): RawRecord[] {
  return Array.from({ length: to - from }, (_, i) => read(from + i));
}
