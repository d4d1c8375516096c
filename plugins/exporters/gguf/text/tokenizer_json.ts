/**
 * Reads a `tokenizer.json` by its sections.
 * @module
 */
import { ConfigError, type ExportText } from "@denotune/denotune/core";

/** Types of tokens, by the numbers that GGUF has for them. */
export const TOKEN_TYPES = {
  normal: 1,
  unknown: 2,
  control: 3,
  user: 4,
  unused: 5,
  byte: 6,
} as const;

/** An object of JSON. */
export type Section = { readonly [key: string]: unknown };

/** Whether a value is an object. */
export function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object within another, or null. */
export function sectionIn(from: Section, key: string): Section | null {
  const value = from[key];
  return isSection(value) ? value : null;
}

/** Steps of a `Sequence`, or the one step itself. */
export function partsOf(
  section: Section | null,
  key: string,
): readonly Section[] {
  if (section === null) return [];
  const list = section.type === "Sequence" ? section[key] : [section];
  return Array.isArray(list) ? list.filter(isSection) : [];
}

/** The object in `tokenizer.json`. */
export function tokenizerJson(files: ExportText["files"]): Section {
  const text = files["tokenizer.json"];
  const parsed: unknown = text === undefined ? null : JSON.parse(text);
  if (!isSection(parsed)) {
    throw new ConfigError(
      "Cannot export this tokenizer as GGUF: it has no tokenizer.json to read",
    );
  }
  return parsed;
}

/** Merge rules as `left right`. */
export function mergesOf(model: Section): string[] {
  const { merges } = model;
  return (Array.isArray(merges) ? merges : []).map((rule) =>
    Array.isArray(rule) ? rule.join(" ") : String(rule)
  );
}

/** Refuses a tokenizer with what was found. */
export function refusal(found: string): ConfigError {
  return new ConfigError(
    `Cannot export this tokenizer as GGUF: ${found}, which llama.cpp cannot follow`,
  );
}
