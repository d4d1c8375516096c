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
  type Part,
  temporaryBeside,
  type Tracker,
  type TrackerContext,
  type TrackerEvent,
} from "@denotune/denotune/core";
import { figuresOf } from "./_figures.ts";
import { type FileOptions, fileOptions, withFile } from "./_run_file.ts";

/** The part `csv`. */
export const csv: Part<"tracker", Partial<FileOptions>, FileOptions> =
  definePart({
    kind: "tracker",
    name: "csv",
    description: "Writes steps and evaluations as lines of metrics.csv",
    options: fileOptions("metrics.csv"),
    create: (o: FileOptions): Tracker => new CsvTracker(o.file),
  });

const PLACE = ["step", "epoch", "time", "event"];

class CsvTracker implements Tracker {
  readonly #name: string;
  #path = "";
  #columns: string[] = [...PLACE];

  constructor(name: string) {
    this.#name = name;
  }

  start({ outputDir, resumedAt }: TrackerContext): void {
    this.#path = `${outputDir}/${this.#name}`;
    this.#guarded(() => {
      const rows = resumedAt > 0 ? this.#takeUp(resumedAt) : [];
      this.#writeAll(rows);
    });
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
    const { step, epoch, time } = event;
    const values: Record<string, unknown> = {
      step,
      epoch,
      time,
      event: event.event,
      ...figures,
    };
    this.#guarded(() => {
      const rows = added.length > 0 ? this.#read().rows : null;
      this.#columns.push(...added);
      const row = this.#columns.map((name) => String(values[name] ?? ""));
      if (rows !== null) this.#writeAll([...rows, row]);
      else Deno.writeTextFileSync(this.#path, line(row), { append: true });
    });
  }

  close(): void {}

  /** The rows up to a step of a file that an earlier process wrote. */
  #takeUp(step: number): string[][] {
    let file: { header: string[]; rows: string[][] };
    try {
      file = this.#read();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
    const { header, rows } = file;
    if (PLACE.some((name, i) => header[i] !== name)) return [];
    this.#columns = header;
    return rows.filter((row) =>
      row.length <= header.length && Number(row[0]) <= step
    );
  }

  #read(): { header: string[]; rows: string[][] } {
    // behind the last line break is at most half a line: the process was killed while it wrote
    const [header = [], ...rows] = Deno.readTextFileSync(this.#path)
      .split("\n").slice(0, -1).map(cells);
    return { header, rows };
  }

  #writeAll(rows: readonly string[][]): void {
    const width = this.#columns.length;
    const text = [this.#columns, ...rows].map((row) =>
      line([...row, ...Array(width - row.length).fill("")])
    ).join("");
    const temporary = temporaryBeside(this.#path);
    Deno.writeTextFileSync(temporary, text);
    Deno.renameSync(temporary, this.#path);
  }

  #guarded(work: () => void): void {
    withFile("csv", `write ${this.#path}`, work);
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
