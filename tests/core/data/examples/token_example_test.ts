import assert from "node:assert/strict";
import type {
  AnyPart,
  DataOptions,
  Example,
  TokenExample,
} from "@denotune/denotune/core";
import { prepareDataset } from "../../../../core/data/prepared/prepare.ts";
import type { PreparedDataset } from "../../../../core/data/prepared/prepared_dataset.ts";
import { tokenizeExample } from "../../../../core/data/examples/tokenize_example.ts";
import { truncate } from "../../../../core/data/examples/truncate.ts";
import { DATA_DEFAULTS, type Truncation } from "../../../../core/data/types.ts";
import { rowsStore } from "../../../../core/data/rows_store.ts";
import { pretokenized } from "../../../../formats/mod.ts";
import { packed } from "../../../../plugins/collators/mod.ts";
import {
  all,
  completionOnly,
  lastTurn,
} from "../../../../plugins/maskers/mod.ts";
import { asIs, bytes, chatTemplate, make } from "../_support.ts";

const EOS = bytes().specialIds.eos ?? -1;
const BOS = bytes().specialIds.bos ?? -1;

/** Two exchanges; what is trained ends with EOS each time. */
const chat: TokenExample = {
  ids: [BOS, 65, 66, 97, 98, EOS, 67, 99, EOS],
  weights: [0, 0, 0, 1, 1, 1, 0, 1, 1],
};

async function pipelineOf(masker: AnyPart, options: Partial<DataOptions> = {}) {
  return {
    tokenizer: bytes(),
    template: chatTemplate,
    masker: await make("masker", masker),
    options: { ...DATA_DEFAULTS, ...options },
  };
}

Deno.test("tokens given keep their ids, and are weighted by their labels under every masker", async () => {
  for (
    const [masker, weights] of [
      [completionOnly, [0, 0, 0, 1, 1, 1, 0, 1, 1]],
      [all, [0, 0, 0, 1, 1, 1, 0, 1, 1]],
      [lastTurn, [0, 0, 0, 0, 0, 0, 0, 1, 1]],
    ] as const
  ) {
    const text = tokenizeExample(chat, await pipelineOf(masker));
    assert.deepEqual([...text.encoding.ids], chat.ids);
    assert.deepEqual([...text.weights], weights);
  }
});

Deno.test("a special token behind what is trained is its end, trained or not", async () => {
  const ends = async (example: TokenExample) =>
    tokenizeExample(example, await pipelineOf(completionOnly)).spans
      .filter((span) => span.kind === "end")
      .map(({ start, weight, generated }) => ({ start, weight, generated }));
  assert.deepEqual(await ends(chat), [
    { start: 5, weight: 1, generated: true },
    { start: 8, weight: 1, generated: true },
  ]);
  assert.deepEqual(
    await ends({ ids: [65, 97, EOS], weights: [0, 1, 0] }),
    [{ start: 2, weight: 0, generated: true }],
  );
});

Deno.test("without weights every token is trained but BOS", async () => {
  const text = tokenizeExample(
    { ids: [BOS, 65, 66, EOS] },
    await pipelineOf(completionOnly),
  );
  assert.deepEqual([...text.weights], [0, 1, 1, 1]);
  assert.ok(text.spans.every((span) => span.role === "text"));
});

Deno.test("an id that the tokenizer does not have is refused with both numbers", async () => {
  const pipeline = await pipelineOf(completionOnly);
  for (const id of [50256, 2 ** 32 + 65, -1, 0.5]) {
    assert.throws(
      () => tokenizeExample({ ids: [65, id] }, pipeline),
      new RegExp(`token 1 has the id ${id}, and the tokenizer has 0 to \\d+`),
    );
  }
});

Deno.test("tokens are cut as text is: no end of an answer whose beginning is gone", async () => {
  const cut = async (truncation: Truncation) => {
    const pipeline = await pipelineOf(completionOnly, {
      truncation,
      max_length: 4,
    });
    return truncate(tokenizeExample(chat, pipeline), pipeline).map((piece) => [
      [...piece.ids],
      [...piece.weights],
    ]);
  };
  assert.deepEqual(await cut("keep-start"), [[[BOS, 65, 66, 97], [
    0,
    0,
    0,
    1,
  ]]]);
  assert.deepEqual(await cut("drop-oldest-turns"), await cut("keep-start"));
  assert.deepEqual(await cut("trim-prompt"), await cut("keep-start"));
  assert.deepEqual(await cut("keep-end"), [[[EOS, 67, 99, EOS], [0, 0, 1, 1]]]);
  assert.deepEqual(await cut("split"), [
    [[BOS, 65, 66, 97], [0, 0, 0, 1]],
    [[98, EOS, 67, 99], [0, 0, 0, 1]],
    [[EOS], [0]],
  ]);
});

async function prepared(
  rows: readonly unknown[],
  format: typeof asIs,
): Promise<PreparedDataset> {
  return await prepareDataset({
    sources: [{
      name: "rows",
      store: rowsStore(rows),
      format,
      template: chatTemplate,
      masker: await make("masker", completionOnly),
    }],
    tokenizer: bytes(),
    collator: await make("collator", packed),
    options: { max_length: 64 },
    cacheDir: "unused",
  });
}

Deno.test("rows saved as tokens train the same batches as the rows they were made of", async () => {
  const examples: Example[] = Array.from({ length: 30 }, (_, i) => ({
    prompt: `Question ${i}?`,
    completion: " answer".repeat(1 + i % 3),
  }));
  using written = await prepared(examples, asIs);
  const rows = Array.from({ length: written.length }, (_, i) => {
    const { ids, weights } = written.example(i);
    return {
      input_ids: [...ids],
      labels: [...ids].map((id, t) => weights[t] > 0 ? id : -100),
    };
  });
  using given = await prepared(rows, await make("format", pretokenized));
  for (let step = 0; step < written.stepsInEpoch(0); step++) {
    assert.deepEqual(given.batches(0, step), written.batches(0, step));
  }
  assert.equal(given.report.trainedTokens, written.report.trainedTokens);
  const [first] = examples;
  assert.ok("prompt" in first);
  const shown = given.inspect(0);
  assert.ok(
    shown.map((token) => token.text).join("").startsWith(
      first.prompt + first.completion,
    ),
  );
  assert.equal(
    shown.find((token) => token.weight > 0)?.role,
    "completion",
  );
});
