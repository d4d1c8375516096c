/**
 * The Porter stemmer (1980) with the changes of NLTK, which ROUGE uses: `running` and `runs` become `run`. Words are
 * of a to z and 0 to 9.
 * @module
 */

/** The stem of a word. */
export function stem(word: string): string {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  if (word.length <= 2) return word;
  const steps = [plural, past, finalY, second, third, fourth, finalE, doubleL];
  return steps.reduce((left, step) => step(left), word);
}

const IRREGULAR: ReadonlyMap<string, string> = new Map([
  ["skies", "sky"],
  ["sky", "sky"],
  ["dying", "die"],
  ["lying", "lie"],
  ["tying", "tie"],
  ["news", "news"],
  ["innings", "inning"],
  ["inning", "inning"],
  ["outings", "outing"],
  ["outing", "outing"],
  ["cannings", "canning"],
  ["canning", "canning"],
  ["howe", "howe"],
  ["proceed", "proceed"],
  ["exceed", "exceed"],
  ["succeed", "succeed"],
]);

/** For each letter whether it is a consonant: a `y` is one where the letter before it is none. */
function consonants(word: string): boolean[] {
  const flags: boolean[] = [];
  for (const [i, c] of [...word].entries()) {
    flags.push("aeiou".includes(c) ? false : c !== "y" || !flags[i - 1]);
  }
  return flags;
}

/** How often a vowel is followed by a consonant. */
function measure(word: string): number {
  const flags = consonants(word);
  return flags.filter((is, i) => is && flags[i - 1] === false).length;
}

const hasVowel = (word: string) => consonants(word).includes(false);

function endsDouble(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) &&
    consonants(word).at(-1) === true;
}

/** Consonant, vowel, consonant that is not w, x or y; or two letters, vowel and consonant. */
function endsShort(word: string): boolean {
  const flags = consonants(word);
  if (flags.length === 2) return !flags[0] && flags[1];
  const [third, second, last] = flags.slice(-3);
  return flags.length >= 3 && third && !second && last && !/[wxy]$/.test(word);
}

/** A suffix, what takes its place, and the condition on what is left. */
type Rule = readonly [string, string, (left: string) => boolean];

/** The first rule whose suffix is there decides, also where its condition does not hold. */
function apply(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, condition] of rules) {
    if (!word.endsWith(suffix)) continue;
    const left = word.slice(0, word.length - suffix.length);
    return condition(left) ? left + replacement : word;
  }
  return word;
}

const always = () => true;
const positive = (left: string) => measure(left) > 0;
const long = (left: string) => measure(left) > 1;

function plural(word: string): string {
  if (word.endsWith("ies") && word.length === 4) return word.slice(0, -1);
  return apply(word, [
    ["sses", "ss", always],
    ["ies", "i", always],
    ["ss", "ss", always],
    ["s", "", always],
  ]);
}

function past(word: string): string {
  if (word.endsWith("ied")) {
    return word.slice(0, word.length === 4 ? -1 : -2);
  }
  if (word.endsWith("eed")) {
    return positive(word.slice(0, -3)) ? word.slice(0, -1) : word;
  }
  const left = ["ed", "ing"].filter((end) => word.endsWith(end))
    .map((end) => word.slice(0, -end.length)).find(hasVowel);
  if (left === undefined) return word;
  if (/(at|bl|iz)$/.test(left)) return `${left}e`;
  if (endsDouble(left)) return /[lsz]$/.test(left) ? left : left.slice(0, -1);
  return measure(left) === 1 && endsShort(left) ? `${left}e` : left;
}

function finalY(word: string): string {
  const behindConsonant = (left: string) =>
    left.length > 1 && consonants(left).at(-1) === true;
  return apply(word, [["y", "i", behindConsonant]]);
}

function second(word: string): string {
  if (word.endsWith("alli") && positive(word.slice(0, -4))) {
    return second(word.slice(0, -2));
  }
  const rules = SECOND.map(([suffix, to]): Rule => [suffix, to, positive]);
  return apply(word, [
    ...rules,
    // the l counts to what is left: `geologi`
    ["logi", "log", (left) => positive(`${left}l`)],
  ]);
}

const SECOND = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["bli", "ble"],
  ["alli", "al"],
  ["entli", "ent"],
  ["eli", "e"],
  ["ousli", "ous"],
  ["ization", "ize"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["biliti", "ble"],
  ["fulli", "ful"],
] as const;

function third(word: string): string {
  return apply(word, [
    ["icate", "ic", positive],
    ["ative", "", positive],
    ["alize", "al", positive],
    ["iciti", "ic", positive],
    ["ical", "ic", positive],
    ["ful", "", positive],
    ["ness", "", positive],
  ]);
}

const FOURTH =
  "al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize"
    .split(" ");

function fourth(word: string): string {
  return apply(
    word,
    FOURTH.map((suffix): Rule => [
      suffix,
      "",
      suffix === "ion" ? (left) => long(left) && /[st]$/.test(left) : long,
    ]),
  );
}

function finalE(word: string): string {
  if (!word.endsWith("e")) return word;
  const left = word.slice(0, -1);
  const m = measure(left);
  return m > 1 || m === 1 && !endsShort(left) ? left : word;
}

function doubleL(word: string): string {
  return word.endsWith("ll") && long(word.slice(0, -1))
    ? word.slice(0, -1)
    : word;
}
