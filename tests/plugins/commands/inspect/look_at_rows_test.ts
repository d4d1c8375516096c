import assert from "node:assert/strict";
import type { DataOptions } from "../../../../core/data/types.ts";
import {
  findRows,
  lookAtRows,
} from "../../../../plugins/commands/inspect/look_at_rows.ts";
import { bytes, words } from "../../../core/data/_support.ts";
import { pair, sourceOf } from "../analyze/_analyze.ts";

const rows = [
  pair("short", "answer"),
  pair("p".repeat(50), "never seen"),
  pair("q", "x".repeat(45)),
  pair("short", "again"),
];

async function request(options: Partial<DataOptions>, tokenizer = bytes()) {
  return {
    train: [await sourceOf("rows", rows)],
    tokenizer,
    options: { max_length: 30, ...options },
  };
}

Deno.test("rows that train nothing, are cut or are dropped are shown, with the reason", async () => {
  const kept = await request({ truncation: "keep-start" });
  const zero = findRows("zero-loss", { ...kept, count: 5 });
  assert.deepEqual(zero.map((row) => row.record), [1]);
  assert.match(
    zero[0].note ?? "",
    /61 tokens before truncation, 30 after; all that is trained was cut away/,
  );
  assert.equal(zero[0].tokens.length, 30);
  const truncated = findRows("truncated", { ...kept, count: 5 });
  assert.deepEqual(truncated.map((row) => row.record), [1, 2]);
  const dropped = [...lookAtRows(await request({ truncation: "drop" }))];
  assert.deepEqual(dropped.map((row) => row.flags), [
    [],
    ["truncated", "dropped"],
    ["truncated", "dropped"],
    [],
  ]);
  assert.equal(dropped[1].tokens.length, 61, "shown whole");
});

Deno.test("the longest rows come longest first, however many are asked for", async () => {
  const kept = await request({ truncation: "keep-start" });
  assert.deepEqual(
    findRows("longest", { ...kept, count: 3 }).map((
      row,
    ) => [row.record, row.uncut]),
    [
      [1, 61],
      [2, 47],
      [0, 12],
    ],
  );
  assert.deepEqual(findRows("longest", { ...kept, count: 0 }), []);
});

Deno.test("pieces of a split row stand one after the other", async () => {
  const looked = [...lookAtRows(await request({ truncation: "split" }))];
  const pieces = looked.filter((row) => row.record === 2);
  assert.equal(pieces.length, 2);
  assert.match(pieces[1].note ?? "", /piece 2 of 2/);
  assert.equal(pieces[0].tokens.length + pieces[1].tokens.length, 47);
});

Deno.test("tokens over trained and untrained text are pointed at", async () => {
  const train = [await sourceOf("rows", [pair("Answer:", " yes")])];
  const found = findRows("straddle", { train, tokenizer: words(), count: 9 });
  assert.equal(
    found.length,
    0,
    "a blank that the completion starts with is trained with it",
  );
  const cut = [
    await sourceOf("rows", [pair("Answer ", "yes"), pair("Ans", "wer")]),
  ];
  const straddled = findRows("straddle", {
    train: cut,
    tokenizer: words(),
    count: 9,
  });
  assert.deepEqual(straddled.map((row) => [row.record, row.straddling]), [[0, [
    1,
  ]], [1, [0]]]);
  assert.equal(straddled[0].tokens[1].text, " yes");
});
