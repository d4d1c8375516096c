import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import {
  comparable,
  shinglesOf,
  similarityOf,
} from "../../../../plugins/commands/analyze/count/min_hash.ts";
import {
  bandingFor,
  findNear,
  Sketches,
} from "../../../../plugins/commands/analyze/count/near_duplicates.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** Texts of random words. */
function texts(count: number, seed: number): string[] {
  const random = randomFrom(seed);
  const vocabulary = Array.from(
    { length: 3000 },
    () =>
      Array.from(
        { length: 2 + random.below(9) },
        () => LETTERS[random.below(26)],
      ).join(""),
  );
  return Array.from({ length: count }, () =>
    Array.from(
      { length: 15 + random.below(80) },
      () => vocabulary[Math.floor(vocabulary.length * random.next() ** 2)],
    ).join(" "));
}

/** Replaces some words, so that some edits stay above a similarity and some fall below. */
function edited(text: string, seed: number): string {
  const random = randomFrom(seed, 7);
  const share = 0.12 * random.next();
  return text.split(" ").map((word) => random.next() < share ? "edited" : word)
    .join(" ");
}

function similarity(a: string, b: string): number {
  return similarityOf(shinglesOf(comparable(a)), shinglesOf(comparable(b)));
}

async function find(rows: readonly string[], threshold = 0.8) {
  const sketches = new Sketches();
  for (const text of rows) sketches.push(text);
  return await findNear({
    sketches,
    skip: () => false,
    textOf: (row) => rows[row],
    similarity: threshold,
  });
}

Deno.test("similarity is |both| / |either| of runs of five characters", () => {
  assert.equal(similarity("abcdefg", "abcdefg"), 1);
  assert.equal(similarity("abcdefg", "abcdefh"), 2 / 4); // abcde bcdef, cdefg | cdefh
  assert.equal(similarity("Ab  C d", "ab c d"), 1); // case and blanks
  assert.equal(similarity("abcdef", "uvwxyz"), 0);
  assert.equal(similarity("ab", "ab"), 1);
  assert.equal(similarity("", ""), 1);
});

for (const threshold of [0.8, 0.6]) {
  Deno.test(`edits above a similarity of ${threshold} are found, and nothing else is`, async () => {
    const originals = texts(500, 3);
    const rows = [
      ...originals,
      ...originals.map((text, i) => edited(text, i)),
    ];
    const { nearTo } = await find(rows, threshold);
    let near = 0;
    let found = 0;
    for (let i = 0; i < 500; i++) {
      const isNear = similarity(rows[i], rows[500 + i]) >= threshold;
      if (isNear) near++;
      if (isNear && nearTo[500 + i] !== 500 + i) found++;
    }
    assert.ok(near > 200 && near < 500 + 1, `${near} edits are near`);
    // 0.99 at the threshold by the choice of bands, more above it
    assert.ok(found / near >= 0.98, `${found} of ${near} found`);
    for (const [row, to] of nearTo.entries()) {
      if (to === row) continue;
      assert.ok(to < row && similarity(rows[row], rows[to]) >= threshold);
    }
  });
}

Deno.test("short texts are compared too", async () => {
  const rows = [
    "What is the capital of France?",
    "Name three colours.",
    "What is the capital of France ?",
    "a",
    "a",
    "b",
  ];
  const { nearTo } = await find(rows, 0.75);
  assert.deepEqual([...nearTo], [0, 1, 0, 3, 3, 5]);
});

Deno.test("bands find the similarity that is asked for with probability 0.99", () => {
  assert.deepEqual(bandingFor(0.8), { bands: 16, bins: 6 });
  for (const similarity of [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1]) {
    const { bands, bins } = bandingFor(similarity);
    assert.equal(bands * bins, 96);
    assert.ok(1 - (1 - similarity ** bins) ** bands >= 0.99);
  }
});
