/**
 * Names of weights, chosen by patterns.
 * @module
 */

/**
 * The rule of a pattern over whole names: `*` stands for any run of characters, all else for itself. Each part is
 * looked for behind the one before, and never again: time grows as the name does, whatever the pattern.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return (name) => name === pattern;
  const [first, last] = [parts[0], parts[parts.length - 1]];
  const middle = parts.slice(1, -1);
  return (name) => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of middle) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - last.length >= at && name.endsWith(last);
  };
}
