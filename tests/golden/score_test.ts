/**
 * `score` of a loaded model against transformers in double precision (`score.json`). Single
 * precision is right to 1e-5 of a value, of one below 1 to 1e-5.
 */
import assert from "node:assert/strict";
import { loadModel } from "@denotune/denotune";
import { missing } from "../backends/webgpu/_device.ts";
import { testData } from "../test_data.ts";
import golden from "./score.json" with { type: "json" };

const stories = testData("models/stories260k");
const cases = golden.stories260k;

const backends = ["cpu", "reference", ...(missing === null ? ["webgpu"] : [])];
for (const backend of backends) {
  Deno.test({
    name:
      `score gives transformers' log-probabilities and entropies on ${backend}`,
    ignore: stories === null,
    async fn() {
      await using model = await loadModel(stories!, { backend });
      const before = await model.generate("Once upon", { maxNewTokens: 8 });
      const scores = await model.score(
        cases.map(({ before, text }) =>
          before === "" ? text : { text, after: before }
        ),
      );
      for (const [i, wanted] of cases.entries()) {
        const found = scores[i];
        assert.deepEqual(found.ids, wanted.ids, `text ${i}`);
        assert.equal(found.from, wanted.from, `text ${i}`);
        near(found.logProbabilities, wanted.log_probabilities, i);
        near(found.entropies, wanted.entropies, i);
        near([found.loss], [wanted.loss], i);
      }
      // the programs that answer are made anew too, and answer the same
      const after = await model.generate("Once upon", { maxNewTokens: 8 });
      assert.deepEqual(after.ids, before.ids);
      assert.deepEqual(await model.score([]), []);
      await assert.rejects(model.score(["a ".repeat(2000)]), {
        name: "DataError",
        message: /^Text 1 has \d+ tokens; 512 fit$/,
      });
    },
  });
}

function near(found: ArrayLike<number>, wanted: number[], text: number): void {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, i) => {
    const off = Math.abs(found[i] - value);
    assert.ok(
      off < 1e-5 * Math.max(1, Math.abs(value)),
      `text ${text}, token ${i}: ${found[i]} for ${value}`,
    );
  });
}
