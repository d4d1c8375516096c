/**
 * `metrics.jsonl`: one object an event, in the run's folder; tables of evaluators have files of their own. Each line is written whole and at once, so that
 * a killed process leaves at most one half line; it is cut off when the run is resumed.
 *
 * ```text
 * {"event":"step","step":40,...}
 * {"event":"save","step":40,"kind":"checkpoint",...}    <- resumed at step 40: all behind this line goes
 * {"event":"step","step":41,...}
 * {"event":"step","st
 * ```
 * @module
 */
import {
  definePart,
  type Part,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
  writeAll,
} from "@denotune/denotune/core";
import { type FileOptions, fileOptions, withFile } from "./_run_file.ts";

/** The part `jsonl`. */
export const jsonl: Part<"tracker", Partial<FileOptions>, FileOptions> =
  definePart({
    kind: "tracker",
    name: "jsonl",
    description: "Writes every event as a line of metrics.jsonl",
    options: fileOptions("metrics.jsonl"),
    create: (o: FileOptions): Tracker => new JsonlTracker(o.file),
  });

class JsonlTracker implements Tracker {
  readonly #name: string;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile | null = null;
  #path = "";

  constructor(name: string) {
    this.#name = name;
  }

  start({ outputDir, resumedAt }: TrackerContext): void {
    this.#path = `${outputDir}/${this.#name}`;
    withFile("jsonl", `open ${this.#path}`, () => {
      this.#file = Deno.openSync(this.#path, {
        read: true,
        write: true,
        create: true,
      });
      const keep = resumedAt === 0 ? 0 : linesUpTo(this.#readAll(), resumedAt);
      this.#file.truncateSync(keep);
      this.#file.seekSync(keep, Deno.SeekMode.Start);
    });
  }

  event(event: TrackerEvent): void {
    if (event.event === "progress") return;
    const file = this.#file;
    if (file === null) throw new RangeError("jsonl was not started");
    const kept = event.event === "result" && event.path !== null
      ? { ...event, records: event.records.length }
      : event;
    const line = this.#encoder.encode(`${JSON.stringify(kept, finite)}\n`);
    withFile("jsonl", `write ${this.#path}`, () => {
      writeAll(file, line);
      // what a checkpoint promises must not be lost with the power either
      if (event.event === "save" || event.event === "end") {
        file.syncDataSync();
      }
    });
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #readAll(): Uint8Array {
    const file = this.#file!;
    const bytes = new Uint8Array(file.statSync().size);
    let at = 0;
    while (at < bytes.length) {
      const read = file.readSync(bytes.subarray(at));
      if (read === null) break;
      at += read;
    }
    return bytes.subarray(0, at);
  }
}

/** JSON has no infinity and no NaN: null replaces them. */
function finite(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

/**
 * Bytes of the lines that were written when the checkpoint of `step` was: up to its own `save`, or where
 * that is missing up to the last event of the step. A line that is not whole ends what is kept.
 */
export function linesUpTo(bytes: Uint8Array, step: number): number {
  const decoder = new TextDecoder();
  let kept = 0;
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(10, start);
    if (newline < 0) break;
    const line = parse(decoder.decode(bytes.subarray(start, newline)));
    if (line === null || line.step > step) break;
    start = kept = newline + 1;
    if (line.saved && line.step === step) break;
  }
  return kept;
}

function parse(line: string): { step: number; saved: boolean } | null {
  try {
    const { step, event, kind } = JSON.parse(line);
    if (typeof step !== "number") return null;
    return { step, saved: event === "save" && kind === "checkpoint" };
  } catch {
    return null; // half a line: the process was killed while it wrote
  }
}
