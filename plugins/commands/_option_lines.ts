/**
 * The options of a part, a line each.
 * @module
 */
import {
  harmless,
  isPlainObject,
  type ListedPart,
} from "@denotune/denotune/core";

/** `learning_rate = 0.00005: Step size.` */
export function optionLines(
  optionsSchema: ListedPart["optionsSchema"],
): string[] {
  const { properties } = optionsSchema;
  if (!isPlainObject(properties)) return [];
  return Object.entries(properties).map(([name, schema]) => {
    if (!isPlainObject(schema)) return name;
    const value = schema.default === undefined
      ? " (required)"
      : ` = ${JSON.stringify(schema.default)}`;
    const description = typeof schema.description === "string"
      ? `: ${schema.description}`
      : "";
    return harmless(`${name}${value}${description}`);
  });
}
