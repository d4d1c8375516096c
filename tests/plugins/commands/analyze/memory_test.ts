import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { RecordStore } from "@denotune/denotune/core";
import { analyze } from "../../../../plugins/commands/analyze/analyze.ts";
import { packed, padded } from "../../../../plugins/collators/mod.ts";
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

/** Collects garbage now: else what rows leave behind is counted too. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  return () => {
    if (typeof collect === "function") collect();
  };
}

/** Most bytes that are held while so many rows are analysed. */
async function peakBytes(rows: number): Promise<number> {
  const collect = collector();
  const held = (): number => {
    collect();
    const { external, heapUsed } = Deno.memoryUsage();
    return external + heapUsed;
  };
  const before = held();
  let most = 0;
  let calls = 0;
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
    onProgress: () => {
      if (calls++ % 20 === 0) most = Math.max(most, held() - before);
    },
  });
  assert.equal(report.metrics.rows, rows);
  assert.equal(report.metrics.duplicates.count, rows / 10);
  return most;
}

Deno.test("rows take a few hundred bytes each, up to two hundred thousand of them", async () => {
  const each = await peakBytes(200_000) / 200_000;
  // hashes 64 to 200 (tables double), a sketch 96, places and lengths 16, buckets 20
  assert.ok(each < 600, `${Math.round(each)} bytes a row`);
});
