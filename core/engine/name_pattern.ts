/**
 * Names of weights, chosen by patterns.
 * @module
 */

/** The rule of a pattern over whole names: `*` stands for any run of characters, all else for itself. */
export function namePattern(pattern: string): RegExp {
  const parts = pattern.split("*")
    .map((text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
