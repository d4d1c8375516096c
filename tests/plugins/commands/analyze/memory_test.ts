import assert from "node:assert/strict";
import type { RecordStore } from "@denotune/denotune/core";
import { analyze } from "../../../../plugins/commands/analyze/analyze.ts";
import { packed, padded } from "../../../../plugins/collators/mod.ts";
import { heldBytes } from "../../../held_bytes.ts";
import { bytes, make } from "../../../core/data/_support.ts";
import { sourceOf } from "./_analyze.ts";

/** Rows that are made when they are asked for: each tenth repeats an earlier one. */
function generated(length: number): RecordStore {
  return {
    length,
    fingerprint: "generated",
    at(index) {
      const i = index % 10 === 9 ? index - 9 : index;
      const value = {
        prompt: `Question ${i * 7919}?`,
        completion: `No. ${(i * 104729).toString(36)} ${i}`,
      };
      return { value, where: { path: "generated", index } };
    },
    [Symbol.dispose]() {},
  };
}

/** Most bytes that are held while so many rows are analysed. */
async function peakBytes(rows: number): Promise<number> {
  const held = (): number => {
    const { heap, arrays } = heldBytes();
    return heap + arrays;
  };
  const before = held();
  let most = 0;
  let looked = "";
  const report = await analyze({
    name: "generated",
    train: [await sourceOf("generated", [{}], { store: generated(rows) })],
    held: [],
    tokenizer: bytes(),
    tokenizerName: "bytes",
    approximateTokens: false,
    options: { max_length: 64 },
    collators: {
      padded: await make("collator", padded),
      packed: await make("collator", packed),
    },
    onProgress: ({ task, done, of }) => {
      const tenth = `${task} ${Math.floor(10 * done / of)}`;
      if (tenth === looked) return;
      looked = tenth;
      most = Math.max(most, held() - before);
    },
  });
  assert.equal(report.metrics.rows, rows);
  assert.equal(report.metrics.duplicates.count, rows / 10);
  return most;
}

const FEW = 10_000;
const MANY = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 200_000 : 60_000;

Deno.test(`rows take a few hundred bytes each, up to ${MANY} of them`, async () => {
  const few = await peakBytes(FEW);
  const each = (await peakBytes(MANY) - few) / (MANY - FEW);
  // hashes 64 to 200 (tables double), a sketch 96, places and lengths 16, buckets 20
  assert.ok(each > 100 && each < 600, `${Math.round(each)} bytes a row`);
});
