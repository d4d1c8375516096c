/**
 * What is wrong with the rows of a run whose model cannot be opened: found without a model, so that one mistake does
 * not hide the other.
 * @module
 */
import { chosenAt } from "../../config/chosen_at.ts";
import type { LoadedRun } from "../../config/load.ts";
import { makeByName, makeRecorded } from "../../data/workers/recipe.ts";
import type { Creating } from "../../config/parts/create_part.ts";
import { isDenotuneError } from "../../contracts/errors.ts";
import type { RecordStore } from "../../contracts/source.ts";
import { parseRecord } from "../../data/examples/build_examples.ts";
import { detectFormat } from "../../data/examples/detect_format.ts";
import { openDataPath } from "../../data/open_path.ts";
import { rowsStore } from "../../data/rows_store.ts";
import { isHubId } from "../../io/hub/hub_cache.ts";
import { kindAt } from "../../io/hub/local.ts";

/** Rows of each source that are looked at. */
const LOOKED_AT = 10_000;

/** The first problem with the rows of `data.train` on this disk; null: none was found. */
export async function rowProblem(
  run: LoadedRun,
  { creating, cacheDir }: {
    readonly creating: Creating;
    readonly cacheDir: string;
  },
): Promise<string | null> {
  const { data } = run.config;
  if (data.on_bad_row === "skip") return null;
  for (const [index, entry] of data.train.entries()) {
    const key = `data.train.${index}`;
    const { path, rows } = entry;
    // what is on the Hub would be downloaded, and an entry with choices of its own is left to the run
    const isPlain = entry.split === null && entry.data_files === null &&
      entry.name === null && chosenAt(run, "source", `${key}.source`) === null;
    if (!isPlain) continue;
    if (path !== null && isHubId(path) && await kindAt(path) === null) continue;
    try {
      const chosen = chosenAt(run, "format", `${key}.format`);
      const { value } = chosen === null
        ? await makeByName("format", "auto", creating)
        : await makeRecorded(chosen, creating);
      if ((value.sources ?? []).length > 0) continue;
      using store: RecordStore = rows !== null
        ? rowsStore(rows, { name: `${key}.rows` })
        : (await openDataPath(path ?? "", creating, { cacheDir })).store;
      const { format } = detectFormat(value, store);
      const count = Math.min(
        store.length,
        entry.max_rows ?? Infinity,
        LOOKED_AT,
      );
      for (let i = 0; i < count; i++) parseRecord(store.at(i), format);
    } catch (error) {
      if (isDenotuneError(error)) return error.message;
      throw error;
    }
  }
  return null;
}
