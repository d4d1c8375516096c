/**
 * Names of weights, chosen by patterns.
 * @module
 */

/**
 * The rule of a pattern over whole names: `*` matches any run of characters, all else matches itself. Each part is
 * searched once, behind the one before: time is linear in the name's length, whatever the pattern.
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
