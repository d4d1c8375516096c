/**
 * What evaluators give besides numbers, in a folder: a table as a file with one JSON object a line, and other
 * files. A resumed run comes by the same steps and writes the same files again.
 * @module
 */
import { join } from "node:path";
import type { Json } from "../../contracts/json.ts";
import { writeFileAtomic } from "../../io/atomic.ts";

/** The folder of a run that has them. */
export const EVALUATIONS = "evaluations";

/** Writes a table and gives its path. */
export function writeRecords(
  folder: string,
  { name, records }: {
    /** Name of the file without its end. */
    readonly name: string;
    readonly records: readonly Readonly<Record<string, Json>>[];
  },
): string {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`);
  const [path] = writeFiles(folder, {
    name,
    files: { ".jsonl": lines.join("") },
  });
  return path;
}

/** Writes files by the ends of their names, and gives their paths. */
export function writeFiles(
  folder: string,
  { name, files }: {
    readonly name: string;
    readonly files: Readonly<Record<string, string>>;
  },
): string[] {
  return Object.entries(files).map(([end, text]) => {
    Deno.mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name}${end}`);
    writeFileAtomic(path, text);
    return path;
  });
}
