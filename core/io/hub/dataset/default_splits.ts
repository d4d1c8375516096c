/**
 * Splits by the names of files and folders, for data sets whose card says nothing: the first of these
 * rules that finds a split decides.
 *
 * ```text
 * data/<split>-00000-of-00005-*.parquet      any split's name
 * train/a.json  my-test-set/b.json           a folder named after a split
 * train.json  my_data.test.csv               a file named after a split
 * everything else                            train
 * ```
 * @module
 */

const KEYWORDS: readonly (readonly [string, readonly string[]])[] = [
  ["train", ["train", "training"]],
  ["validation", ["validation", "valid", "dev", "val"]],
  ["test", ["test", "testing", "eval", "evaluation"]],
];

/** Paths by split. */
export function defaultSplits(
  paths: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const sharded = Map.groupBy(
    paths,
    (p) =>
      /^data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]*$/.exec(p)?.[1] ?? "",
  );
  sharded.delete("");
  if (sharded.size > 0) return inOrder(sharded);
  const byFolder = byKeyword(
    paths,
    (path, word) =>
      path.split("/").slice(0, -1).some((s) => word.folder.test(s)),
  );
  if (byFolder.size > 0) return byFolder;
  const byName = byKeyword(
    paths,
    (path, word) => word.file.test(path.slice(path.lastIndexOf("/") + 1)),
  );
  if (byName.size > 0) return byName;
  return paths.length === 0 ? new Map() : new Map([["train", paths]]);
}

interface Word {
  readonly folder: RegExp;
  readonly file: RegExp;
}

function byKeyword(
  paths: readonly string[],
  has: (path: string, word: Word) => boolean,
): Map<string, string[]> {
  const splits = new Map<string, string[]>();
  for (const [split, keywords] of KEYWORDS) {
    const words = keywords.map((word): Word => ({
      folder: new RegExp(`(^|[-._ 0-9])${word}($|[-._ 0-9])`),
      file: new RegExp(`(^|[-._ 0-9])${word}[-._ 0-9]`),
    }));
    const found = paths.filter((path) => words.some((w) => has(path, w)));
    if (found.length > 0) splits.set(split, found);
  }
  return splits;
}

function inOrder(splits: Map<string, string[]>): Map<string, string[]> {
  const known = KEYWORDS.map(([split]) => split);
  const rank = (split: string) =>
    known.includes(split) ? known.indexOf(split) : known.length;
  return new Map(
    [...splits].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1)),
  );
}
