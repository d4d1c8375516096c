/**
 * `metrics.csv`: a line for each logged step and each evaluation, for spreadsheets and `pandas.read_csv`.
 *
 * ```text
 * step,epoch,time,event,train/loss,...,eval/loss
 * 10,0.5,3.2,step,2.25,...,
 * 20,1,6.4,eval,,...,1.75
 * ```
 *
 * A figure that comes for the first time adds a column: the file is then written anew, beside and moved into place.
 * @module
 */
import {
  definePart,
  DeviceError,
  type Part,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
} from "@denotune/denotune/core";
import { z } from "zod";
import { figuresOf } from "./_figures.ts";

/** Options of {@linkcode csv}. */
export interface CsvOptions {
  readonly file: string;
}

const options: z.ZodType<CsvOptions, Partial<CsvOptions>> = z.strictObject({
  file: z.string().regex(
    /^[^/\\]+$/,
    "must be a file's name, without a folder",
  ).default("metrics.csv").describe("Name of the file in the run's folder"),
});

/** The part `csv`. */
export const csv: Part<"tracker", Partial<CsvOptions>, CsvOptions> = definePart(
  {
    kind: "tracker",
    name: "csv",
    description: "Writes steps and evaluations as lines of metrics.csv",
    options,
    create: (o: CsvOptions): Tracker => new CsvTracker(o.file),
  },
);

const PLACE = ["step", "epoch", "time", "event"];

class CsvTracker implements Tracker {
  readonly #name: string;
  #path = "";
  #columns: string[] = [...PLACE];
  #rows: string[][] = [];

  constructor(name: string) {
    this.#name = name;
  }

  start({ outputDir, resumedAt }: TrackerContext): void {
    this.#path = `${outputDir}/${this.#name}`;
    if (resumedAt > 0) this.#takeUp(resumedAt);
    this.#guarded(() => this.#writeAll());
  }

  event(event: TrackerEvent): void {
    // a line break in the name of a source is a space here, so that rows stay lines
    const figures = Object.fromEntries(
      Object.entries(figuresOf(event))
        .map(([name, value]) => [name.replaceAll(/[\r\n]+/g, " "), value]),
    );
    const names = Object.keys(figures);
    if (names.length === 0) return;
    const added = names.filter((name) => !this.#columns.includes(name));
    this.#columns.push(...added);
    const { step, epoch, time } = event;
    const values: Record<string, unknown> = {
      step,
      epoch,
      time,
      event: event.event,
      ...figures,
    };
    const row = this.#columns.map((name) => String(values[name] ?? ""));
    this.#rows.push(row);
    this.#guarded(() => {
      if (added.length > 0) this.#writeAll();
      else Deno.writeTextFileSync(this.#path, line(row), { append: true });
    });
  }

  close(): void {}

  /** The rows up to a step of a file that an earlier process wrote. */
  #takeUp(step: number): void {
    let text: string;
    try {
      text = Deno.readTextFileSync(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    // behind the last line break is at most half a line: the process was killed while it wrote
    const [header, ...rows] = text.split("\n").slice(0, -1).map(cells);
    if (header === undefined || PLACE.some((name, i) => header[i] !== name)) {
      return;
    }
    this.#columns = header;
    this.#rows = rows.filter((row) =>
      row.length <= header.length && Number(row[0]) <= step
    );
  }

  #writeAll(): void {
    const width = this.#columns.length;
    const text = [this.#columns, ...this.#rows].map((row) =>
      line([...row, ...Array(width - row.length).fill("")])
    ).join("");
    Deno.writeTextFileSync(`${this.#path}.tmp`, text);
    Deno.renameSync(`${this.#path}.tmp`, this.#path);
  }

  #guarded(write: () => void): void {
    try {
      write();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DeviceError(
        `Cannot write ${this.#path}: ${reason}. Free the disk or make the folder writable, or remove csv from \`trackers\``,
        { cause },
      );
    }
  }
}

function line(cells: readonly string[]): string {
  return `${cells.map(quoted).join(",")}\n`;
}

/** As RFC 4180 writes it. */
function quoted(cell: string): string {
  return /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

function cells(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .map(([, cell]) =>
      cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
    )
    .slice(0, -1);
}
