/**
 * Which files of a data set are read, in which order: by its card, else by names.
 * @module
 */
import { DataError } from "../../../contracts/errors.ts";
import { some } from "../../model_folder.ts";
import type { CardConfig, SplitFiles } from "./card.ts";
import { defaultSplits } from "./default_splits.ts";
import { globMatcher, isPattern } from "./glob.ts";
import { parseSplit, type SplitSlice } from "./split_expression.ts";

/** What an entry of a run says about its data set. */
export interface DataChoice {
  /** Configuration; null: the default one. */
  readonly name: string | null;
  /** Split, slices, sums of them; null: that of the side. */
  readonly split: string | null;
  /** Files instead of splits: paths and patterns; null: as the data set says. */
  readonly dataFiles: readonly string[] | null;
  /** What it is for, which decides the split where none is named. */
  readonly side: "train" | "eval";
}

/** Files of one split, or a slice of them; a run's rows are the parts' rows in order. */
export interface PlannedPart {
  /** The split's name. */
  readonly split: string;
  /** Paths within the data set, in order. */
  readonly files: readonly string[];
  /** Counted over the rows of all files; null: all. */
  readonly slice: SplitSlice | null;
}

/** The files of a data set that are read. */
export interface DataPlan {
  /** In order. */
  readonly parts: readonly PlannedPart[];
  /** Worth saying: files that were left out. */
  readonly notices: readonly string[];
}

/** The files of a data set in a repository or a folder. */
export interface DataSetFiles {
  /** How errors name it: `The data set owner/name`. */
  readonly label: string;
  /** Last step of its id: a script of that name makes its rows. */
  readonly name: string;
  /** Every file, with slashes. */
  readonly paths: readonly string[];
  readonly card: readonly CardConfig[];
}

const IGNORED = new Set([
  "README.md",
  "config.json",
  "dataset_info.json",
  "dataset_infos.json",
  "dummy_data.zip",
  "dataset_dict.json",
]);

/** Kinds of data files as the Hub's tools tell them apart: files of one kind make a data set. */
const KINDS: readonly (readonly [string, RegExp])[] = [
  ["parquet", /\.parquet$/],
  ["JSON", /\.(json|jsonl|ndjson|jsonlines)$/],
  ["CSV", /\.csv$/],
  ["TSV", /\.tsv$/],
  ["text", /\.txt$/],
  ["Arrow", /\.arrow$/],
  ["WebDataset", /\.tar$/],
];

/** Plans what is read. Throws `DataError` that names what there is. */
export function planData(files: DataSetFiles, choice: DataChoice): DataPlan {
  const { label } = files;
  if (choice.dataFiles !== null) {
    if (choice.name !== null) {
      throw new DataError(
        `${label}: \`name\` and \`data_files\` both say which files are read; remove one`,
      );
    }
    const found = filesOf(files, choice.dataFiles, "");
    const splits = new Map([["train", found]]);
    return { parts: partsOf(splits, choice, label), notices: [] };
  }
  const { splits, notices } = oneKind(files, splitsOf(files, choice.name));
  return { parts: partsOf(splits, choice, label), notices };
}

type Splits = ReadonlyMap<string, readonly string[]>;

function splitsOf(files: DataSetFiles, name: string | null): Splits {
  const { label } = files;
  const config = chooseConfig(files, name);
  if (config === null) return defaultSplits(visible(files.paths));
  if (config.splits === null) {
    const folder = config.dataDir.replace(/^\.?\/+|\/+$/g, "");
    const within = visible(files.paths).filter((p) =>
      folder === "" || p.startsWith(`${folder}/`)
    );
    if (within.length === 0) {
      throw new DataError(
        `${label}: the configuration ${config.name} has no files${
          folder === "" ? "" : `: there is no folder ${folder}`
        }`,
      );
    }
    const cut = folder === "" ? 0 : folder.length + 1;
    const splits = defaultSplits(within.map((p) => p.slice(cut)));
    return new Map(
      [...splits].map(([s, paths]) => [
        s,
        paths.map((p) => within[0].slice(0, cut) + p),
      ]),
    );
  }
  return new Map(
    config.splits.map(({ split, patterns }: SplitFiles) => [
      split,
      filesOf(files, patterns, config.dataDir),
    ]),
  );
}

function chooseConfig(
  { card, label }: DataSetFiles,
  name: string | null,
): CardConfig | null {
  const names = card.map((c) => c.name).join(", ");
  if (name !== null) {
    const found = card.find((c) => c.name === name);
    if (found !== undefined) return found;
    if (card.length === 0 && name === "default") return null;
    throw new DataError(
      card.length === 0
        ? `${label} has no configuration ${name}: its card describes none; leave \`name\` out, or name files with \`data_files\``
        : `${label} has no configuration ${name}; it has ${names}`,
    );
  }
  if (card.length === 0) return null;
  const chosen = card.length === 1 ? card[0] : card.find((c) => c.isDefault);
  if (chosen === undefined) {
    throw new DataError(
      `${label} has several configurations; set \`name\` to one of ${names}`,
    );
  }
  return chosen;
}

/** Files that patterns mean, each once, pattern by pattern, sorted within one. */
function filesOf(
  { label, paths }: DataSetFiles,
  patterns: readonly string[],
  dataDir: string,
): string[] {
  const found = new Set<string>();
  for (const written of patterns) {
    const pattern = normal(written, dataDir);
    if (pattern === null) {
      throw new DataError(
        `${label}: ${
          JSON.stringify(written)
        } leads out of the data set; name files within it`,
      );
    }
    const isFile = paths.includes(pattern);
    const matches = globMatcher(pattern);
    const own = isFile ? [pattern] : paths.filter((path) => {
      if (isPattern(pattern)) {
        return matches(path) && !isHidden(path, pattern) &&
          !IGNORED.has(path.slice(path.lastIndexOf("/") + 1));
      }
      return path.startsWith(`${pattern}/`) && !isHidden(path, pattern);
    }).sort();
    if (own.length === 0) {
      throw new DataError(
        `${label}: no file fits ${JSON.stringify(written)}; it has ${
          some(visible(paths)) || "no files"
        }`,
      );
    }
    for (const path of own) found.add(path);
  }
  return [...found];
}

/** A pattern from the data set's root, or null where it leads out. */
function normal(written: string, dataDir: string): string | null {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(written) || written.startsWith("/")) {
    return null;
  }
  const steps = `${dataDir}/${written}`.split("/").filter((s) =>
    s !== "" && s !== "."
  );
  return steps.includes("..") ? null : steps.join("/");
}

/** Hidden files and `__pycache__` and the like, which only an explicit pattern means. */
function isHidden(path: string, pattern: string): boolean {
  const count = (text: string) => {
    const steps = text.split("/");
    return steps.filter((s, i) =>
      s.startsWith(".") || (i < steps.length - 1 && s.startsWith("__"))
    ).length;
  };
  return count(path) !== count(pattern);
}

function visible(paths: readonly string[]): string[] {
  return paths.filter((p) =>
    !isHidden(p, "") && !IGNORED.has(p.slice(p.lastIndexOf("/") + 1))
  );
}

/** Keeps the files of the most common kind, as a card that names none means them. */
function oneKind(
  files: DataSetFiles,
  splits: Splits,
): { splits: Splits; notices: string[] } {
  const { label } = files;
  const all = [...new Set([...splits.values()].flat())];
  const counts = KINDS.map(([kind, name]) => ({
    kind,
    count: all.filter((p) => name.test(unpacked(p))).length,
    name,
  })).filter((k) => k.count > 0);
  if (counts.length === 0) throw noData(files, all);
  const most = counts.reduce((a, b) => b.count > a.count ? b : a);
  const kept = new Map<string, readonly string[]>();
  const left = new Set(all);
  for (const [split, paths] of splits) {
    const own = paths.filter((p) => most.name.test(unpacked(p))).sort();
    for (const path of own) left.delete(path);
    if (own.length > 0) kept.set(split, own);
  }
  const others = [...left].filter((p) =>
    counts.some((k) => k.name.test(unpacked(p)))
  );
  return {
    splits: kept,
    notices: others.length === 0 ? [] : [
      `${label}: ${most.count} files are ${most.kind}; left out because they are of another kind: ${
        some(others)
      } (name them with \`data_files\` if they are meant)`,
    ],
  };
}

function unpacked(path: string): string {
  return path.toLowerCase().replace(/\.(gz|zst|bz2|xz|lz4|zip)$/, "");
}

function noData(
  { label, name, paths }: DataSetFiles,
  found: readonly string[],
): DataError {
  const script = paths.find((p) => p === `${name}.py`);
  if (script !== undefined) {
    return new DataError(
      `${label} has no data files of its own: the script ${script} makes its rows, and scripts of strangers are not run here. Look for a copy in Parquet (the Hub often keeps one as the revision refs/convert/parquet), or write the rows to a file in Python: datasets.load_dataset(...).to_json("rows.jsonl")`,
    );
  }
  return new DataError(
    `${label} has no files that rows can be read from: JSON, JSON Lines, CSV, TSV, text or Parquet (it has ${
      some(found.length > 0 ? found : paths) || "no files"
    })`,
  );
}

function partsOf(
  splits: Splits,
  { split, side }: DataChoice,
  label: string,
): PlannedPart[] {
  const names = [...splits.keys()];
  const terms = split === null
    ? [{ split: splitFor(side, names, label), slice: null }]
    : parseSplit(split);
  return terms.map((term) => {
    const files = splits.get(term.split) ??
      (term.split === "all" ? [...splits.values()].flat() : undefined);
    if (files === undefined) {
      throw new DataError(
        `${label} has no split ${term.split}; it has ${names.join(", ")}`,
      );
    }
    return { ...term, files };
  });
}

function splitFor(
  side: DataChoice["side"],
  names: readonly string[],
  label: string,
): string {
  if (names.length === 1) return names[0];
  const wanted = side === "train" ? ["train"] : ["validation", "test"];
  const found = wanted.find((name) => names.includes(name));
  if (found === undefined) {
    throw new DataError(
      `${label} has the splits ${
        names.join(", ")
      }; set \`split\` to one of them`,
    );
  }
  return found;
}
