/**
 * Generation through the public door: a model that sorts must sort everything, and greedy text must be the
 * ids that transformers writes (`generation.json`). Ids are compared, so there is no tolerance; the smallest
 * lead of a chosen token over the next is 0.07, and logits are right to 1e-4.
 */
import assert from "node:assert/strict";
import { loadModel } from "@denotune/denotune";
import { missing } from "../backends/webgpu/_device.ts";
import { testData } from "../test_data.ts";

interface Case {
  readonly prompt: string;
  readonly prompt_ids: readonly number[];
  readonly max_new_tokens: number;
  readonly repetition_penalty: number;
  readonly continuation_ids: readonly number[];
  readonly text: string;
}

const golden: {
  readonly stories260k: readonly Case[];
  readonly tiny_prompt_ids: readonly number[];
} = JSON.parse(
  Deno.readTextFileSync(new URL("generation.json", import.meta.url)),
);
const sort = testData("models/gpt-nano-sort");
const stories = testData("models/stories260k");

const backends = ["cpu", "reference", ...(missing === null ? ["webgpu"] : [])];

for (const backend of backends) {
  Deno.test({
    name: `gpt-nano-sort sorts all 729 inputs on ${backend}`,
    ignore: sort === null,
    async fn() {
      await using model = await loadModel(sort!, { backend, rows: 64 });
      const inputs = Array.from(
        { length: 729 },
        (_, i) =>
          [...i.toString(3).padStart(6, "0")].map((d) => "ABC"[Number(d)])
            .join(""),
      );
      // 6 and 6 are one more than its 11 positions: the last answer is never read
      const answers = await model.generateAll(inputs, { maxNewTokens: 6 });
      const wrong = inputs.filter((input, i) =>
        answers[i].ids.map((id) => "ABC"[id]).join("") !==
          [...input].sort().join("")
      );
      assert.deepEqual(wrong, []);
    },
  });

  Deno.test({
    name: `stories260k goes on as transformers does on ${backend}`,
    ignore: stories === null,
    async fn() {
      await using model = await loadModel(stories!, { backend });
      for (const wanted of golden.stories260k) {
        let streamed = "";
        const answer = await model.generate(wanted.prompt, {
          maxNewTokens: wanted.max_new_tokens,
          repetitionPenalty: wanted.repetition_penalty,
          onText: (text) => streamed += text,
        });
        assert.deepEqual(answer.ids, wanted.continuation_ids);
        assert.equal(answer.promptTokens, wanted.prompt_ids.length);
        assert.equal(answer.finish, "length");
        assert.equal(wanted.prompt + answer.text, wanted.text);
        assert.equal(streamed, answer.text);
      }
    },
  });
}

for (const backend of backends) {
  Deno.test({
    name:
      `a stop text cuts an answer, and leaves the next one as it was, on ${backend}`,
    ignore: stories === null,
    async fn() {
      await using model = await loadModel(stories!, { backend, rows: 2 });
      const options = { maxNewTokens: 48 };
      const prompts = golden.stories260k.slice(0, 3).map((c) => c.prompt);
      const whole = await model.generateAll(prompts, options);
      // ends inside what is read at once, and at other tokens in each row
      const cut = await model.generateAll(prompts, {
        ...options,
        stop: [" was", "."],
      });
      cut.forEach((answer, i) => {
        const at = whole[i].text.search(/ was|\./);
        assert.ok(at >= 0);
        assert.equal(answer.text, whole[i].text.slice(0, at));
        assert.equal(answer.finish, "stop");
        assert.deepEqual(
          answer.ids,
          whole[i].ids.slice(0, answer.ids.length),
        );
      });
      assert.deepEqual(await model.generateAll(prompts, options), whole);
    },
  });
}

Deno.test({
  name: "answers do not depend on how many prompts are answered together",
  ignore: stories === null,
  async fn() {
    const prompts = golden.stories260k.slice(0, 3).map((c) => c.prompt)
      .concat("A", "Tom had a big red ball and a small blue ball and he");
    const options = { maxNewTokens: 40, temperature: 0.8, seed: 5 };
    await using one = await loadModel(stories!, { backend: "cpu", rows: 1 });
    await using four = await loadModel(stories!, { backend: "cpu", rows: 4 });
    for (const given of [{ maxNewTokens: 40 }, options]) {
      const wanted = await one.generateAll(prompts, given);
      const found = await four.generateAll(prompts, given);
      assert.deepEqual(
        found.map((a) => a.ids),
        wanted.map((a) => a.ids),
      );
    }
  },
});

Deno.test({
  name:
    "a prompt longer than one prefill goes on as its pieces in the cache do",
  ignore: stories === null,
  async fn() {
    // 300 tokens and more: two runs of prefill, of which the second is not full
    const long = golden.stories260k.map((c) => c.text).join(" ").repeat(3);
    await using model = await loadModel(stories!, { backend: "cpu" });
    const ids = model.tokenizer.encode(long, { addBos: true }).ids.slice(
      0,
      330,
    );
    assert.ok(ids.length > 300);
    const prompt = model.tokenizer.decode(ids.slice(1));
    const whole = await model.generate(prompt, { maxNewTokens: 12 });
    assert.ok(whole.promptTokens > 256);
    // the same text, one token further each time: another cut of prefill, the same answer
    let grown = prompt;
    const found: number[] = [];
    for (let i = 0; i < 4; i++) {
      const step = await model.generate(grown, { maxNewTokens: 1 });
      found.push(...step.ids);
      grown += step.text;
    }
    assert.equal(
      grown,
      prompt + whole.text.slice(0, grown.length - prompt.length),
    );
    assert.equal(found.length, 4);
  },
});

Deno.test({
  name:
    "a row that fills the context ends there, and leaves its neighbours alone",
  ignore: sort === null,
  async fn() {
    const prompts = ["CBA", "CBACBACBAC", "A", "CABBAC", "BBBBBBBBBB"];
    await using one = await loadModel(sort!, { backend: "cpu", rows: 1 });
    await using all = await loadModel(sort!, { backend: "cpu", rows: 5 });
    const wanted = await one.generateAll(prompts, { maxNewTokens: 20 });
    const found = await all.generateAll(prompts, { maxNewTokens: 20 });
    assert.deepEqual(found.map((a) => a.ids), wanted.map((a) => a.ids));
    // 11 places, and one answer more, which is never read
    assert.deepEqual(wanted.map((a) => a.ids.length), [9, 2, 11, 6, 2]);
    assert.ok(found.every((a) => a.finish === "length"));
  },
});
