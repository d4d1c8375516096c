import assert from "node:assert/strict";
import { tokenizeExample } from "../../core/data/examples/tokenize_example.ts";
import { truncate } from "../../core/data/examples/truncate.ts";
import { DATA_DEFAULTS, type DataOptions } from "../../core/data/types.ts";
import { pretokenized } from "../../formats/mod.ts";
import { completionOnly } from "../../plugins/maskers/mod.ts";
import { testFormat } from "../conformance/format.ts";
import { bytes, chatTemplate, make } from "../core/data/_support.ts";

interface Case {
  readonly row: Readonly<Record<string, unknown>>;
  /** Ids and labels of each document. */
  readonly documents: readonly (readonly [number[], number[]])[];
}

/** The examples that a row trains. */
async function examplesOf(
  row: unknown,
  options: Partial<DataOptions> = {},
): Promise<{ ids: number[]; weights: number[] }[]> {
  const format = await make("format", pretokenized);
  const example = format.parse({
    value: row,
    where: { path: "rows", index: 0, line: 1 },
  });
  const pipeline = {
    tokenizer: bytes(),
    template: chatTemplate,
    masker: await make("masker", completionOnly),
    options: { ...DATA_DEFAULTS, ...options },
  };
  return truncate(tokenizeExample(example, pipeline), pipeline)
    .map(({ ids, weights }) => ({ ids: [...ids], weights: [...weights] }));
}

Deno.test("pretokenized rows train the documents and tokens that TRL trains of them", async () => {
  const cases: readonly Case[] = JSON.parse(
    await Deno.readTextFile(
      new URL("../golden/pretokenized.json", import.meta.url),
    ),
  );
  assert.equal(cases.length, 300);
  for (const { row, documents } of cases) {
    const expected = documents.map(([ids, labels]) => ({
      ids,
      weights: labels.map((label) => label === -100 ? 0 : 1),
    }));
    assert.deepEqual(await examplesOf(row), expected, JSON.stringify(row));
  }
});

Deno.test("the documents of a packed row are cut one by one", async () => {
  const row = { input_ids: [1, 2, 3, 4, 5, 6, 7], seq_lengths: [4, 3] };
  assert.deepEqual(
    await examplesOf(row, { max_length: 3, truncation: "keep-start" }),
    [{ ids: [1, 2, 3], weights: [0, 1, 1] }, {
      ids: [5, 6, 7],
      weights: [0, 1, 1],
    }],
  );
  assert.deepEqual(
    await examplesOf(row, { max_length: 3, truncation: "drop" }),
    [{ ids: [5, 6, 7], weights: [0, 1, 1] }],
  );
});

testFormat("pretokenized with masks", {
  make: async () => await make("format", pretokenized),
  rows: [
    {
      row: { input_ids: [1, 2, 3], assistant_masks: [false, true, true] },
      example: { ids: [1, 2, 3], weights: [0, 1, 1] },
    },
    {
      row: {
        input_ids: [9, 1, 2, 3],
        attention_mask: [0, 1, 1, 1],
        completion_mask: [0, 0, 1, 1],
        position_ids: [1, 0, 1, 0],
        token_type_ids: [0, 0, 0, 0],
        special_tokens_mask: [1, 0, 0, 0],
      },
      example: { ids: [1, 2, 3], weights: [0, 1, 1], lengths: [2, 1] },
    },
    {
      row: { input_ids: [1, 2], seq_lengths: [2], position_ids: [0, 1] },
      example: { ids: [1, 2] },
    },
  ],
  refused: [
    {
      row: { input_ids: [1, 2, 3], completion_mask: [1, 1] },
      message: /"completion_mask" has 2 numbers for 3 tokens/,
    },
    {
      row: { input_ids: [1, 2], assistant_masks: [0, 0.5] },
      message:
        /"assistant_masks" has the number 0.5 at token 1, expected 0 or 1/,
    },
    {
      row: { input_ids: [1, 2, 3], attention_mask: [1, 1, 2] },
      message: /"attention_mask" has the number 2 at token 2.*seq_lengths/,
    },
    {
      row: { input_ids: [1, 2, 3], seq_lengths: [1, 1] },
      message:
        /"seq_lengths" has 2 lengths that add up to 2, and the row has 3/,
    },
    {
      row: { input_ids: [1, 2, 3], position_ids: [0, 1, 5] },
      message: /"position_ids" has 5 at token 2, expected 2 or 0/,
    },
    {
      row: { input_ids: [1, 2], seq_lengths: [1, 1], position_ids: [0, 1] },
      message: /"seq_lengths" and "position_ids" describe different documents/,
    },
    ...[
      { loss_mask: [0, 1, 1] },
      { assistant_mask: [true, false, true] },
      { cu_seqlens: [0, 1, 3] },
      { segment_ids: [1, 1, 2] },
      { scores: [0.5, 1, 1] },
    ].map((extra) => ({
      row: { input_ids: [1, 2, 3], ...extra },
      message: new RegExp(
        `the column "${Object.keys(extra)[0]}" has 3 numbers.*ignore_columns`,
      ),
    })),
  ],
});

testFormat("pretokenized with columns to ignore", {
  make: async () =>
    await make("format", pretokenized, {
      ignore_columns: ["loss_mask"],
      completion_mask_field: null,
      assistant_masks_field: "assistant_mask",
    }),
  rows: [{
    row: {
      input_ids: [1, 2],
      loss_mask: [0, 0],
      assistant_mask: [0, 1],
      completion_mask: [1, 0],
    },
    example: { ids: [1, 2], weights: [0, 1] },
  }],
  refused: [{
    row: { input_ids: [1, 2], assistant_masks: [0, 1] },
    message: /"assistant_masks"/,
  }],
});
