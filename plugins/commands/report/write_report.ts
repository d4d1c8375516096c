/**
 * The report that a run leaves behind when it ends.
 * @module
 */
import { join } from "node:path";
import { DataError, messageOf, type Output } from "@denotune/denotune/core";
import { writePage } from "../pages/write_page.ts";
import { readReport } from "./facts.ts";
import { reportPage } from "./page.ts";

/** Name of the page in a run's folder. */
export const REPORT_FILE = "report.html";

/**
 * Writes the page into a run's folder and gives its path. The run is over and saved: what fails here is said and
 * changes nothing. Null: there is no report, because the run wrote no metrics.jsonl or the disk is full.
 */
export async function writeReport(
  folder: string,
  err: Output,
): Promise<string | null> {
  const path = join(folder, REPORT_FILE);
  try {
    await writePage(path, reportPage(await readReport(folder)));
    return path;
  } catch (error) {
    err.line(`There is no report: ${reasonOf(error)}`);
    return null;
  }
}

/** `DataError`: the run is without the tracker `jsonl`, whose file the report is made from. */
function reasonOf(error: unknown): string {
  return error instanceof DataError
    ? "it is made from metrics.jsonl, which this run did not write. `ui` needs the file too: keep `jsonl` among `trackers`"
    : messageOf(error);
}
