/**
 * The tables that evaluators give, in the run folder: a file an evaluation, one JSON object a line. A resumed run
 * comes by the same steps and writes the same files again.
 * @module
 */
import { join } from "node:path";
import type { Json } from "../../contracts/json.ts";
import { writeFileAtomic } from "../../io/atomic.ts";

/** Folder of the tables. */
const FOLDER = "evaluations";

/** Writes a table and gives its path. */
export function writeRecords(
  outputDir: string,
  { evaluator, step, records }: {
    readonly evaluator: string;
    readonly step: number;
    readonly records: readonly Readonly<Record<string, Json>>[];
  },
): string {
  const folder = join(outputDir, FOLDER);
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, `${evaluator}-${step}.jsonl`);
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  writeFileAtomic(path, lines.join(""));
  return path;
}
