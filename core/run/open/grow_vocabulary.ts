/**
 * Rows for tokens that a run adds to the vocabulary: spare rows of the model's tables first, then new ones.
 * They all start as the mean of the rows that were in use.
 *
 * ```text
 * tokenizer   0 .. 31999 | 32000 32001            two tokens added
 * file        0 .. 31999 | (spare rows, if any)
 * table       0 .. 31999 | mean  mean             used  fresh
 * ```
 * @module
 */
import type { ModelSpec } from "../../contracts/model.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { ConfigError } from "../../contracts/errors.ts";
import { inventoryOf } from "../../engine/model/build_model.ts";
import type { OpenedModel } from "./opened_model.ts";

/** The model with a row for every token that its run has added; as it is where there are none. */
export function fitTokens(
  model: OpenedModel,
  { vocabSize, ownVocabSize: used = vocabSize }: Tokenizer,
): OpenedModel {
  const count = vocabSize - used;
  // a tokenizer of another model is refused later, whatever was added to it
  if (count === 0 || used > model.spec.vocabSize) return model;
  return withRows(model, { used, count });
}

/** The model with at least so many rows; those that its files lack are fresh. */
export function fitRows(model: OpenedModel, rows: number): OpenedModel {
  const used = model.spec.vocabSize;
  return rows <= used ? model : withRows(model, { used, count: rows - used });
}

/** Names of the weights that have a row for each token. Throws `ConfigError` where they cannot be determined. */
export function vocabularyTables(model: OpenedModel): ReadonlySet<string> {
  const { tables } = resized(model, model.spec.vocabSize + 1);
  return tables;
}

function withRows(
  model: OpenedModel,
  { used, count }: { used: number; count: number },
): OpenedModel {
  const stored = model.spec.vocabSize;
  const grown = resized(model, Math.max(stored, used + count));
  const tables = grown.tables.size > 0 ? grown.tables : vocabularyTables(model);
  return {
    ...model,
    spec: grown.spec,
    fresh: { tables, used, count, stored },
  };
}

/** The same model with another number of rows, and the weights in which they differ. */
function resized(
  { spec, architecture, name }: OpenedModel,
  rows: number,
): { spec: ModelSpec; tables: ReadonlySet<string> } {
  const other = architecture.describe({ ...spec.config, vocab_size: rows });
  if (other.vocabSize !== rows) {
    throw new ConfigError(
      `Cannot add tokens to ${name}: the size of its vocabulary does not stand under vocab_size in its config`,
    );
  }
  const shapes = new Map(
    inventoryOf(spec, 2).weights.map((w) => [w.name, w.shape]),
  );
  const tables = inventoryOf(other, 2).weights.filter((w) =>
    shapes.get(w.name)?.[0] !== w.shape[0]
  );
  return { spec: other, tables: new Set(tables.map((w) => w.name)) };
}

/** What is said of added tokens and their rows; null where there are none. */
export function describeAdded(
  { fresh, folder }: OpenedModel,
  { addedTokens = new Map() }: Tokenizer,
): string | null {
  if (addedTokens.size === 0) return null;
  const tokens = [...addedTokens].map(([text, id]) => `${text} (${id})`);
  if (fresh === null) {
    return `Made special tokens, which the vocabulary has already: ${
      tokens.join(", ")
    }`;
  }
  const { tables, used, count, stored } = fresh;
  const rows = used + count;
  const names = [...tables].join(" and ");
  const space = rows > stored
    ? `${names} grow${
      tables.size === 1 ? "s" : ""
    } from ${stored} to ${rows} rows`
    : `their rows are spare ones of ${names}, which keep${
      tables.size === 1 ? "s" : ""
    } ${stored} rows`;
  const start = folder === null
    ? "random numbers"
    : `the mean of the ${used} rows in use`;
  return `Added to the vocabulary: ${
    tokens.join(", ")
  }; ${space}, and the new tokens start as ${start}`;
}
