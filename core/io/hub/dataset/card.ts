/**
 * The card of a data set: the configurations that the YAML at the top of its README.md describes.
 * @module
 */
import { parse } from "yaml";
import { withoutEnvironment } from "../../../permissions.ts";
import { DataError } from "../../../contracts/errors.ts";
import { isObject } from "../../json_file.ts";

/** Files of one split, by patterns. */
export interface SplitFiles {
  readonly split: string;
  readonly patterns: readonly string[];
}

/** A configuration of a data set. */
export interface CardConfig {
  readonly name: string;
  /** Taken where none is named. */
  readonly isDefault: boolean;
  /** Folder that patterns start from; empty: the repository. */
  readonly dataDir: string;
  /** Null: by the names of files and folders. */
  readonly splits: readonly SplitFiles[] | null;
}

/** Settings of a configuration that say how files are read, which nothing here does. */
const READING = [
  "sep",
  "delimiter",
  "field",
  "names",
  "column_names",
  "header",
  "skiprows",
];

/**
 * The configurations of a card, none where it has no `configs`. `where` names the card in errors. Throws
 * `DataError` for what is no YAML or says something that is not understood.
 */
export function readCard(text: string, where: string): CardConfig[] {
  const front = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(\r?\n|$)/.exec(
    text,
  );
  if (front === null) return [];
  let card: unknown;
  try {
    card = withoutEnvironment(() =>
      parse(front[1], { logLevel: "error", uniqueKeys: false })
    );
  } catch (cause) {
    throw new DataError(
      `${where}: the YAML at its top is broken: ${
        cause instanceof Error ? cause.message.split("\n")[0] : cause
      }; name the files with \`data_files\``,
      { cause },
    );
  }
  if (!isObject(card) || card.configs == null) return [];
  const fail = (what: string): never => {
    throw new DataError(
      `${where}: \`configs\` ${what}; name the files with \`data_files\``,
    );
  };
  if (!Array.isArray(card.configs)) return fail("is no list");
  return card.configs.map((config) => {
    if (!isObject(config)) return fail("has an entry that is no mapping");
    const name = typeof config.config_name === "string"
      ? config.config_name
      : "default";
    const unread = READING.find((key) => config[key] != null);
    if (unread !== undefined) {
      return fail(
        `of ${name} sets \`${unread}\`, which is not read here`,
      );
    }
    return {
      name,
      isDefault: config.default === true || name === "default",
      dataDir: typeof config.data_dir === "string" ? config.data_dir : "",
      splits: config.data_files == null ? null : splitsOf(config.data_files) ??
        fail(`of ${name} has \`data_files\` that are not understood`),
    };
  });
}

/** A pattern, a list of patterns (all train), a mapping by split, or a list of `{split, path}`. */
function splitsOf(written: unknown): SplitFiles[] | null {
  const plain = patternsOf(written);
  if (plain !== null) return [{ split: "train", patterns: plain }];
  const pairs: [unknown, unknown][] = Array.isArray(written)
    ? written.map((w) => isObject(w) ? [w.split, w.path] : [null, null])
    : isObject(written)
    ? Object.entries(written)
    : [];
  const splits: SplitFiles[] = [];
  for (const [split, path] of pairs) {
    const patterns = patternsOf(path);
    if (typeof split !== "string" || patterns === null) return null;
    splits.push({ split, patterns });
  }
  return splits.length === 0 ? null : splits;
}

function patternsOf(written: unknown): string[] | null {
  if (typeof written === "string") return [written];
  if (!Array.isArray(written) || written.length === 0) return null;
  const patterns = written.filter((w) => typeof w === "string");
  return patterns.length === written.length ? patterns : null;
}
