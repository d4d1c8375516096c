/**
 * Decoders of objectives: what they ask is checked, guidance is u + (1 + g) (c - u), drafts reach whoever asks.
 */
import assert from "node:assert/strict";
import type { Decoder } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import { Engine } from "../../../../core/engine/engine.ts";
import { planEngine } from "../../../../core/engine/plan_engine.ts";
import {
  draftText,
  HIDDEN_TOKEN,
} from "../../../../core/engine/generate/answer.ts";
import { initialWeights } from "../../../../core/io/initial_weights.ts";
import { byteTokenizer } from "../../../../plugins/tokenizers/byte.ts";
import { llamaArchitecture } from "../../../conformance/model/architectures.ts";
import { TINY_LLAMA } from "../../../run_harness.ts";

const GREEDY = {
  temperature: 0,
  topK: null,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

/** Writes one token: what the model names at the last place of a row, in the view of the decoder's guidance. */
function oneToken(unguided: (prompt: Int32Array) => Int32Array, more = {}) {
  const largest: number[] = [];
  const decoder: Decoder = {
    statistics: { largest: (row) => row.max(row.logit) },
    ...more,
    async decode(rows, model, options) {
      const found = await model.predict(
        rows.map(({ prompt, key }) => ({
          tokens: prompt,
          at: Int32Array.of(prompt.length - 1),
          key,
          unguided: unguided(prompt),
        })),
        options,
      );
      found.forEach(({ ids, statistics }, row) => {
        largest.push(statistics.largest[0]);
        options.onDraft?.([ids[0], null], row);
      });
      return found.map(({ ids }) => [...ids]);
    },
  };
  return { decoder, largest };
}

async function answer(decoder: Decoder, prompts: readonly number[][]) {
  const device = localDevice(new ReferenceExecutor());
  const planned = planEngine({
    spec: llamaArchitecture.describe({ ...TINY_LLAMA, initializer_range: 0.3 }),
    adapter: null,
    frozenDtype: "f32",
    causal: false,
    objective: 'objective "of the test"',
    train: null,
    evaluate: null,
    generate: { rows: 2, capacity: 16, prefill: 16 },
    decoding: decoder,
    sources: 1,
  }, device.info);
  await using engine = await Engine.open(planned, device);
  for (const weight of planned.inventory.weights) {
    engine.session.write(weight.name, initialWeights(weight, 3));
  }
  const drafts: (readonly (number | null)[])[] = [];
  const rows = await engine.generator?.generate(
    prompts.map((prompt, key) => ({
      prompt: Int32Array.from(prompt),
      maxNewTokens: 1,
      key,
      onToken: () => false,
      onDraft: (draft) => drafts[key] = draft,
    })),
    GREEDY,
  );
  return { ids: (rows ?? []).map(({ ids }) => ids), drafts };
}

const PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]];

Deno.test("a row that guides itself is predicted as it is, whatever the guidance", async () => {
  const alone = oneToken((prompt) => prompt);
  const guided = oneToken((prompt) => prompt, { guidance: 3 });
  const wanted = await answer(alone.decoder, PROMPTS);
  assert.deepEqual(await answer(guided.decoder, PROMPTS), wanted);
  guided.largest.forEach((value, i) =>
    assert.ok(Math.abs(value - alone.largest[i]) < 1e-5)
  );
});

Deno.test("with guidance -1 a row is predicted as the one that it is guided by", async () => {
  const other = (prompt: Int32Array) => prompt.map((id) => id + 40);
  const guided = oneToken(other, { guidance: -1 });
  const found = await answer(guided.decoder, PROMPTS);
  const wanted = await answer(
    oneToken((prompt) => prompt).decoder,
    PROMPTS.map((prompt) => prompt.map((id) => id + 40)),
  );
  assert.deepEqual(found.ids, wanted.ids);
});

Deno.test("a decoder with guidance that gives no row to guide by is named", async () => {
  const { decoder } = oneToken(() => new Int32Array(2), { guidance: 1 });
  await assert.rejects(
    answer(decoder, PROMPTS),
    /`decode` of the objective "of the test" asked for a row of 3 tokens with guidance, and gave 2 tokens as `unguided`/,
  );
});

Deno.test("drafts reach whoever asked for the row", async () => {
  const { ids, drafts } = await answer(
    oneToken((prompt) => prompt).decoder,
    PROMPTS,
  );
  assert.deepEqual(drafts, ids.map(([id]) => [id, null]));
});

Deno.test("a draft is text up to its first end, with a sign for what is not chosen yet", () => {
  const tokenizer = byteTokenizer({ add_bos: false });
  const [a, b, eos] = [97, 98, 257];
  const text = (draft: (number | null)[]) =>
    draftText(draft, { tokenizer, ends: new Set([eos]) });
  assert.equal(text([a, null, null, b]), `a${HIDDEN_TOKEN}${HIDDEN_TOKEN}b`);
  assert.equal(text([null, a, eos, b, null]), `${HIDDEN_TOKEN}a`);
  assert.equal(text([]), "");
});
