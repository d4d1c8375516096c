/**
 * What tokenizer files look for: a text, or a regular expression in Oniguruma's notation.
 * @module
 */
import { compileRegularExpression } from "@denotune/denotune/core";
import type { Fields } from "./fields.ts";
import { KNOWN_PATTERNS } from "./known_patterns.ts";
import { type Finder, findText, stretchesOf } from "./split.ts";

/** The finder of `pattern: {String: ...}` or `{Regex: ...}`. Throws `DataError` for what cannot be used. */
export function patternOf(section: Fields): Finder {
  const given = section.raw("pattern");
  // old files have the text itself
  if (typeof given === "string") return findText(given);
  const pattern = section.section("pattern");
  if (pattern.has("String")) return findText(pattern.text("String"));
  const source = pattern.text("Regex");
  const known = KNOWN_PATTERNS.get(source);
  if (known !== undefined) return known;
  const expression = compileRegularExpression(source, {
    dialect: "oniguruma",
    where: pattern.file,
  });
  return (text) =>
    stretchesOf(text, text === "" ? [] : expression.matches(text));
}
