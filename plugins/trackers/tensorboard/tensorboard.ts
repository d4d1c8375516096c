/**
 * Event files for TensorBoard: curves, samples and settings as text, histograms of losses, the table of
 * hyperparameters. `tensorboard --logdir outputs` shows all runs of a folder.
 *
 * A resumed run writes a file of its own, which begins by saying from which step on the older ones do not count.
 * @module
 */
import { join } from "node:path";
import {
  definePart,
  type Part,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
  writeAll,
} from "@denotune/denotune/core";
import { z } from "zod";
import type * as Events from "./event.ts";
import { figuresOf } from "../_figures.ts";
import { withFile } from "../_run_file.ts";
import { flatSettings } from "../_settings.ts";
import { frameRecord } from "./record.ts";

/** Options of {@linkcode tensorboard}. */
export interface TensorboardOptions {
  readonly folder: string;
}

const options: z.ZodType<TensorboardOptions, Partial<TensorboardOptions>> = z
  .strictObject({
    folder: z.string().regex(
      /^[^/\\]+$/,
      "must be a folder's name: it is made in the run's folder",
    ).default("tensorboard").describe(
      "Name of the folder in the run's folder; `.` is the run's folder itself",
    ),
  });

/** The part `tensorboard`. */
export const tensorboard: Part<
  "tracker",
  Partial<TensorboardOptions>,
  TensorboardOptions
> = definePart({
  kind: "tracker",
  name: "tensorboard",
  description: "Writes event files for TensorBoard",
  options,
  create: async (o: TensorboardOptions): Promise<Tracker> =>
    new TensorboardTracker(o.folder, await import("./event.ts")),
});

/** Curves that the table of hyperparameters compares runs by. */
const COMPARED = ["train/loss", "eval/loss", "eval/token_accuracy"];

class TensorboardTracker implements Tracker {
  readonly #folder: string;
  readonly #events: typeof Events;
  #file: Deno.FsFile | null = null;
  #path = "";
  /** Of the steps since the last epoch. */
  #losses: number[] = [];

  constructor(folder: string, events: typeof Events) {
    this.#folder = folder;
    this.#events = events;
  }

  start({ outputDir, resumedAt, settings }: TrackerContext): void {
    const folder = join(outputDir, this.#folder);
    const seconds = Date.now() / 1000;
    const unique = `${Math.floor(seconds)}.${Deno.pid}.${resumedAt}`;
    this.#path = join(folder, `events.out.tfevents.${unique}.denotune`);
    this.#guarded(() => {
      Deno.mkdirSync(folder, { recursive: true });
      this.#file = Deno.openSync(this.#path, { create: true, append: true });
    });
    const { eventBytes, fileVersion, sessionStart } = this.#events;
    this.#write(eventBytes({ seconds, step: 0 }, fileVersion));
    if (resumedAt > 0) {
      this.#write(eventBytes({ seconds, step: resumedAt + 1 }, sessionStart));
    }
    const flat = flatSettings(settings);
    this.#add(0, this.#events.experiment(flat, { metrics: COMPARED, seconds }));
    this.#add(
      0,
      this.#events.hyperparameters(flat, { name: outputDir, seconds }),
    );
    this.#add(0, this.#events.text("settings", table(Object.entries(flat))));
  }

  event(event: TrackerEvent): void {
    const { step } = event;
    for (const [name, value] of Object.entries(figuresOf(event))) {
      this.#add(step, this.#events.scalar(name, value));
    }
    if (event.event === "step" && event.loss !== null) {
      this.#losses.push(event.loss);
    }
    if (event.event === "epoch" && this.#losses.length > 0) {
      this.#add(
        step,
        this.#events.histogram("train/losses_of_the_epoch", this.#losses),
      );
      this.#losses = [];
    }
    if (event.event === "sample") {
      this.#add(
        step,
        this.#events.text(
          `samples/${event.index}`,
          `${block(event.prompt)}\n\n${block(event.text)}`,
        ),
      );
    }
    if (event.event === "result" && event.records.length > 0) {
      const shown = event.records.slice(0, 100);
      const columns = Object.keys(shown[0]);
      this.#add(
        step,
        this.#events.text(
          `results/${event.evaluator}`,
          table(shown.map((row) => columns.map((c) => show(row[c]))), columns),
        ),
      );
    }
    if (event.event === "notice") {
      this.#add(step, this.#events.text("notices", block(event.message)));
    }
    if (event.event === "end") {
      this.#add(step, this.#events.sessionEnd(event.status, Date.now() / 1000));
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #add(step: number, fields: Parameters<typeof Events.eventBytes>[1]): void {
    this.#write(
      this.#events.eventBytes({ seconds: Date.now() / 1000, step }, fields),
    );
  }

  /** At once and whole: readers follow the file while it grows, and a killed process leaves half a record at most. */
  #write(data: Uint8Array): void {
    const framed = frameRecord(data);
    this.#guarded(() => writeAll(this.#file!, framed));
  }

  #guarded(work: () => void): void {
    withFile("tensorboard", `write ${this.#path}`, work);
  }
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

/** Text as it is, whatever marks of Markdown or HTML it holds. */
function block(text: string): string {
  return text.split("\n").map((line) => `    ${line}`).join("\n");
}

function table(
  rows: readonly (readonly unknown[])[],
  header: readonly string[] = ["setting", "value"],
): string {
  const line = (cells: readonly unknown[]) =>
    `| ${cells.map((cell) => escaped(String(cell))).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join(
    "\n",
  );
}

function escaped(cell: string): string {
  return cell.replaceAll(/[\r\n]+/g, " ").replaceAll(
    /[\\|`*_<>[\]]/g,
    (mark) => `\\${mark}`,
  );
}
