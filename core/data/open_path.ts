/**
 * The rows of a path as an entry of `data.train` would read them, for commands that look before there is a run.
 * @module
 */
import type { Creating } from "../config/parts/create_part.ts";
import type { RecordStore } from "../contracts/source.ts";
import { openParts } from "./open_parts.ts";
import { sourceFor } from "./source_for.ts";

/** Rows of a path. Dispose of `store` to close its files. */
export interface OpenedPath {
  /** The rows of all files. */
  readonly store: RecordStore;
  /** Absolute paths of the files that are read, in order. */
  readonly files: readonly string[];
  /** Worth saying: files that are left out. */
  readonly notices: readonly string[];
}

/** Opens a file, a folder or a pattern. Throws `DataError` that names what there is. */
export async function openDataPath(
  path: string,
  creating: Creating,
  { cacheDir }: { readonly cacheDir: string },
): Promise<OpenedPath> {
  const { fetchData, locateData } = await import("../io/hub/locate_data.ts");
  const located = await locateData({
    path,
    base: Deno.cwd(),
    revision: "main",
    name: null,
    split: null,
    dataFiles: null,
    side: "train",
  });
  const parts = await fetchData(located);
  const store = await openParts(parts, async (file) => {
    const source = await sourceFor(file, creating);
    return await source.open({ path: file, cacheDir });
  });
  return {
    store,
    files: parts.flatMap((part) => part.files),
    notices: located.plan.notices,
  };
}
