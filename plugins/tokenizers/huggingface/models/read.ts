/**
 * The model of a tokenizer.json, by its type.
 * @module
 */
import type { Fields } from "../fields.ts";
import { readBpe } from "./bpe.ts";
import type { Model } from "./model.ts";
import { readUnigram } from "./unigram.ts";
import { readWordLevel, readWordPiece } from "./words.ts";

const READERS: Readonly<Record<string, (section: Fields) => Model>> = {
  BPE: readBpe,
  WordPiece: readWordPiece,
  Unigram: readUnigram,
  WordLevel: readWordLevel,
};

/** Reads the section `model`. Throws `DataError` for one that is broken or not known. */
export function readModel(section: Fields): Model {
  // absent in old files
  const type = section.raw("type") ??
    (Array.isArray(section.raw("vocab")) ? "Unigram" : "BPE");
  if (typeof type !== "string" || !Object.hasOwn(READERS, type)) {
    return section.refuse(
      `its model is of type ${JSON.stringify(type)}; known: ${
        Object.keys(READERS).join(", ")
      }`,
    );
  }
  if (!section.has("vocab")) section.refuse("it has no `vocab`");
  return READERS[type](section);
}
