/**
 * The rows that show findings of several rows: each names the row that it is like.
 * @module
 */
import { showCount } from "@denotune/denotune/core";
import type { Analysis } from "./analysis.ts";
import type { FindingExample } from "./types.ts";

/** The rows with the most copies. */
export function duplicateExamples(
  { train, trainTexts, settings }: Analysis,
): FindingExample[] {
  const most: { first: number; count: number }[] = [];
  for (const { first, count } of train.contents.entries()) {
    if (count > 1) keepMost(most, { first, count }, settings.examples);
  }
  return most.map(({ first, count }) => ({
    ...trainTexts.show(first),
    note: `${count} times; again at ${again(train.firstOf, first, trainTexts)}`,
  }));
}

function again(
  firstOf: Analysis["train"]["firstOf"],
  first: number,
  texts: Analysis["trainTexts"],
): string {
  for (let row = first + 1; row < firstOf.length; row++) {
    if (firstOf.at(row) === first) return texts.where(row);
  }
  return "?";
}

/** A pair of each of the largest groups of near duplicates. */
export function nearExamples(
  { near: { nearTo }, trainTexts, settings }: Analysis,
): FindingExample[] {
  const root = new Uint32Array(nearTo.length); // the earliest row of the group
  const size = new Uint32Array(nearTo.length);
  const second = new Uint32Array(nearTo.length);
  for (let row = 0; row < nearTo.length; row++) {
    root[row] = nearTo[row] === row ? row : root[nearTo[row]];
    if (root[row] !== row && size[root[row]] === 0) second[root[row]] = row;
    if (root[row] !== row) size[root[row]]++;
  }
  const most: { first: number; count: number }[] = [];
  for (let row = 0; row < size.length; row++) {
    if (size[row] > 0) {
      keepMost(most, { first: row, count: size[row] }, settings.examples);
    }
  }
  return most.map(({ first, count }) => ({
    ...trainTexts.show(second[first]),
    note: `like ${trainTexts.where(first)}${
      count > 1 ? `, and ${showCount(count - 1, "other row")} with it` : ""
    }`,
  }));
}

/** The first evaluation rows that are trained, and where. */
export function leakExamples(
  { evaluation, near, trainTexts, heldTexts, settings }: Analysis,
  how: "same" | "prompt" | "near",
): FindingExample[] {
  const found: FindingExample[] = [];
  for (
    let row = 0;
    row < evaluation.rows.length && found.length < settings.examples;
    row++
  ) {
    const trained = how === "same"
      ? evaluation.same.at(row) - 1
      : how === "prompt"
      ? evaluation.samePrompt.at(row) - 1
      : evaluation.same.at(row) === 0
      ? near.otherNearTo[row]
      : -1;
    if (trained === -1) continue;
    found.push({
      ...heldTexts.show(row),
      note: `${how === "near" ? "like" : "trained at"} ${
        trainTexts.where(trained)
      }`,
    });
  }
  return found;
}

/** Keeps the largest counts, largest first; of equal ones the earliest rows. */
function keepMost(
  most: { first: number; count: number }[],
  one: { first: number; count: number },
  limit: number,
): void {
  const isBefore = (a: typeof one, b: typeof one) =>
    a.count > b.count || (a.count === b.count && a.first < b.first);
  let at = most.length;
  while (at > 0 && isBefore(one, most[at - 1])) at--;
  if (at >= limit) return;
  most.splice(at, 0, one);
  most.length = Math.min(most.length, limit);
}
