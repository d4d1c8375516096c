/**
 * Two `tokenizer.json`, entry by entry: the token, merge rule or setting that differs is named.
 * @module
 */
import { isPlainObject } from "../../config/parse/tree.ts";
import { canonical, show } from "./show_values.ts";

/** Differences of one list that are reported. */
const MOST = 3;

/** Compares; `faults` gets a sentence for what differs. Nothing where one of them is absent. */
export function compareTokenizerJson(
  found: string | undefined,
  wanted: string | undefined,
  faults: string[],
): void {
  if (found === undefined || wanted === undefined || found === wanted) return;
  const [a, b] = [parse(found), parse(wanted)];
  if (a === null || b === null) {
    faults.push("tokenizer.json of the file is no JSON object");
    return;
  }
  const { model: modelA, added_tokens: addedA, ...restA } = a;
  const { model: modelB, added_tokens: addedB, ...restB } = b;
  const partsA = isPlainObject(modelA) ? modelA : {};
  const partsB = isPlainObject(modelB) ? modelB : {};
  const { vocab: vocabA, merges: mergesA, ...otherA } = partsA;
  const { vocab: vocabB, merges: mergesB, ...otherB } = partsB;
  compareVocabulary(vocabA, vocabB, faults);
  compareMerges(mergesOf(mergesA), mergesOf(mergesB), faults);
  compareList("added token", listOf(addedA), listOf(addedB), faults);
  compareSettings("model.", otherA, otherB, faults);
  compareSettings("", restA, restB, faults);
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isPlainObject(value) ? value : null;
  } catch {
    return null;
  }
}

function compareVocabulary(a: unknown, b: unknown, faults: string[]): void {
  if (Array.isArray(a) && Array.isArray(b)) {
    return compareList("piece", a.map(canonical), b.map(canonical), faults);
  }
  if (!isPlainObject(a) || !isPlainObject(b)) {
    if (canonical(a) !== canonical(b)) {
      faults.push("the vocabulary of the file has another shape");
    }
    return;
  }
  let count = 0;
  for (const token of new Set([...Object.keys(b), ...Object.keys(a)])) {
    if (a[token] === b[token]) continue;
    if (++count > MOST) continue;
    faults.push(
      `token ${show(token)} has id ${show(a[token])} in the file, ${
        show(b[token])
      } as trained`,
    );
  }
  sayMore(count, "tokens", faults);
}

/** Merge rules as `left right`: files write them as texts or as pairs. */
function mergesOf(merges: unknown): string[] {
  return (Array.isArray(merges) ? merges : []).map((rule) =>
    Array.isArray(rule) ? rule.join(" ") : String(rule)
  );
}

function listOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : []).map(canonical);
}

function compareMerges(
  a: readonly string[],
  b: readonly string[],
  faults: string[],
): void {
  compareList("merge rule", a, b, faults);
}

function compareList(
  what: string,
  a: readonly string[],
  b: readonly string[],
  faults: string[],
): void {
  if (a.length !== b.length) {
    faults.push(
      `the file has ${a.length} ${what}s, ${b.length} were trained with`,
    );
  }
  let count = 0;
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] === b[i] || ++count > MOST) continue;
    faults.push(
      `${what} ${i + 1} is ${show(a[i])} in the file, ${show(b[i])} as trained`,
    );
  }
  sayMore(count, `${what}s`, faults);
}

function compareSettings(
  prefix: string,
  a: Record<string, unknown>,
  b: Record<string, unknown>,
  faults: string[],
): void {
  for (const key of new Set([...Object.keys(b), ...Object.keys(a)])) {
    if (canonical(a[key] ?? null) === canonical(b[key] ?? null)) continue;
    faults.push(
      `${prefix}${key} of tokenizer.json is ${show(a[key])} in the file, ${
        show(b[key])
      } as trained`,
    );
  }
}

function sayMore(count: number, what: string, faults: string[]): void {
  if (count > MOST) faults.push(`${count - MOST} more ${what} differ`);
}
