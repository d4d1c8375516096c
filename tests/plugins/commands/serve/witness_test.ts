/**
 * Clients that were not written here: the openai package of Python, transformers on the same conversations, and lm-eval
 * with tasks of its own. What a machine lacks is skipped, and said so; lm-eval runs under DENOTUNE_TEST_ALL=1.
 */
import assert from "node:assert/strict";
import { testData } from "../../../test_data.ts";
import { serving, trained } from "./_server.ts";
import { hasModules, python } from "../../../python.ts";

const HERE = new URL(".", import.meta.url).pathname;
const EVERYTHING = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const STORIES = testData("models/stories260k");

Deno.test({
  name:
    "the openai package of Python is answered, 200 times eight at a time, and transformers writes the same answers",
  ignore: !hasModules("openai", "torch", "transformers"),
  async fn() {
    const folder = await trained();
    await serving(async ({ server, metrics }) => {
      const found = JSON.parse(
        await python([
          `${HERE}witness_clients.py`,
          folder,
          `${server.address}/v1`,
          "tiny",
        ]),
      );
      assert.deepEqual(found.models, ["tiny"]);
      assert.equal(found.answered, 200);
      assert.deepEqual(found.same, new Array(8).fill(true));
      assert.equal(found.refused.length, 4);
      assert.match(found.refused[3], /There is no model "other"/);
      for (const one of found.conversations) {
        assert.equal(one.found, one.wanted);
        assert.equal(one.completion, one.wanted);
        assert.equal(one.prompt[0], one.prompt[1]);
        assert.equal(one.tokens[0], one.tokens[1]);
      }
      const { denotune_answers_running } = await metrics();
      assert.equal(denotune_answers_running, 0);
    }, { contextLength: 256 });
  },
});

/** What lm-eval found, of both models. */
interface Found {
  readonly results: Record<string, Record<string, number>>;
  readonly responses: Record<string, readonly (string | number | boolean)[][]>;
}

Deno.test({
  name:
    "lm-eval finds against the server what it finds with --model hf: choices, rolling, generate until",
  ignore: !EVERYTHING || STORIES === null ||
    !hasModules("lm_eval", "tenacity", "torch", "transformers"),
  async fn() {
    await serving(async ({ server }) => {
      const text = await python([
        `${HERE}witness_lm_eval.py`,
        STORIES ?? "",
        server.address,
        "tiny",
      ]);
      const { hf, server: own }: { hf: Found; server: Found } = JSON.parse(
        text.slice(text.indexOf('{"hf"')),
      );
      for (const [task, values] of Object.entries(hf.results)) {
        for (const [name, value] of Object.entries(values)) {
          const found = own.results[task][name];
          assert.ok(
            Math.abs(found - value) <= 1e-5 * Math.abs(value),
            `${task} ${name}: ${found}, hf has ${value}`,
          );
        }
      }
      let compared = 0;
      for (const [task, samples] of Object.entries(hf.responses)) {
        samples.flat().forEach((wanted, i) => {
          const found = own.responses[task].flat()[i];
          compared++;
          if (typeof wanted === "number" && typeof found === "number") {
            assert.ok(Math.abs(found - wanted) < 1e-3, `${task}: ${found}`);
          } else {
            // hf drops the space before the first word of an answer
            assert.equal(String(found).trim(), String(wanted).trim(), task);
          }
        });
      }
      assert.ok(compared > 100);
    }, {
      ...(STORIES === null ? {} : { folder: STORIES }),
      contextLength: 512,
      options: { rows: 8 },
    });
  },
});
