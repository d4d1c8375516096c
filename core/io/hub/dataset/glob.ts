/**
 * Which paths a pattern means: `*` and `?` within a name, `**` across folders, `[0-9]`, `[!a]`.
 * Matching takes time in proportion to the lengths multiplied, whatever a stranger's pattern says.
 * @module
 */

/** Whether a text is a pattern rather than a path. */
export function isPattern(text: string): boolean {
  return /[*?[]/.test(text);
}

/** A function that returns whether a path (with slashes) matches a pattern. */
export function globMatcher(pattern: string): (path: string) => boolean {
  const steps = pattern.split("/").filter((s) => s !== "" && s !== ".").map(
    (step) => step === "**" ? null : tokensOf(step),
  );
  return (path) =>
    wildcard(
      path.split("/"),
      steps,
      (step) => step === null,
      (name, step) => step !== null && matchName(name, step),
    );
}

/** A character, a set of characters, any character, or any number of them (null). */
type Token = ((character: string) => boolean) | null;

function matchName(name: string, tokens: readonly Token[]): boolean {
  return wildcard(
    [...name],
    tokens,
    (token) => token === null,
    (c, token) => token !== null && token(c),
  );
}

/**
 * Whether items match patterns, some of which match any run of items. Going back to the latest such
 * pattern is enough: what an earlier one could take besides, the latest can take too.
 */
function wildcard<I, P>(
  items: readonly I[],
  patterns: readonly P[],
  isRun: (pattern: P) => boolean,
  fits: (item: I, pattern: P) => boolean,
): boolean {
  let i = 0;
  let p = 0;
  let run = -1; // the latest run's pattern, and the item from which it is tried again
  let from = 0;
  while (i < items.length) {
    if (p < patterns.length && isRun(patterns[p])) {
      run = p++;
      from = i;
    } else if (p < patterns.length && fits(items[i], patterns[p])) {
      i++;
      p++;
    } else if (run >= 0) {
      p = run + 1;
      i = ++from;
    } else return false;
  }
  while (p < patterns.length && isRun(patterns[p])) p++;
  return p === patterns.length;
}

function tokensOf(step: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...step];
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i];
    if (c === "*") {
      if (tokens.length === 0 || tokens[tokens.length - 1] !== null) {
        tokens.push(null);
      }
    } else if (c === "?") tokens.push(() => true);
    else if (c === "[") {
      const end = characters.indexOf("]", i + 2); // `[]a]` holds a bracket
      if (end < 0) tokens.push((x) => x === "[");
      else {
        tokens.push(setOf(characters.slice(i + 1, end)));
        i = end;
      }
    } else tokens.push((x) => x === c);
  }
  return tokens;
}

function setOf(inside: readonly string[]): (character: string) => boolean {
  const negated = inside[0] === "!" || inside[0] === "^";
  const members = negated ? inside.slice(1) : inside;
  const ranges: [string, string][] = [];
  for (let i = 0; i < members.length; i++) {
    if (members[i + 1] === "-" && i + 2 < members.length) {
      ranges.push([members[i], members[i + 2]]);
      i += 2;
    } else ranges.push([members[i], members[i]]);
  }
  return (c) => ranges.some(([a, b]) => a <= c && c <= b) !== negated;
}
