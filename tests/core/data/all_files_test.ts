import { preflight } from "../../../core/data/preflight.ts";
import { prepareDataset } from "../../../core/data/prepared/prepare.ts";
import assert from "node:assert/strict";
import { detectFormat } from "@denotune/denotune/core";
import { auto, formats } from "../../../formats/mod.ts";
import { packed } from "../../../plugins/collators/mod.ts";
import { assistantOnly } from "../../../plugins/maskers/mod.ts";
import { json, jsonl, parquet } from "../../../plugins/sources/mod.ts";
import { chatml } from "../../../plugins/templates/chatml.ts";
import { loadTokenizer } from "../../../plugins/tokenizers/huggingface.ts";
import { testData } from "../../test_data.ts";
import { hostOf, make } from "./_support.ts";
import { testHost } from "../../conformance/host.ts";

const FILES = [
  "instruct/alpaca_999.json",
  "instruct/dolly_12.json",
  "instruct/messages_5.jsonl",
  "instruct/messages_parts_500.jsonl",
  "instruct/prompt_completion_200.jsonl",
  "instruct/self_instruct_175.jsonl",
  "instruct/sharegpt_500.json",
  "instruct/sharegpt_tools_300.json",
  "parquet/dialogues_525.jsonl",
  "parquet/dialogues_525.parquet",
];

function sourceOf(file: string): typeof json | typeof jsonl | typeof parquet {
  if (file.endsWith(".parquet")) return parquet;
  return file.endsWith(".jsonl") ? jsonl : json;
}

const folder = testData("models/stories260k");

for (const file of FILES) {
  const path = testData(file);
  Deno.test({
    name:
      `${file} is prepared, passes preflight, and an epoch has each of its tokens once`,
    ignore: path === null || folder === null,
    fn: async () => {
      if (path === null || folder === null) return;
      const tokenizer = await loadTokenizer(folder);
      const source = await make("source", sourceOf(file));
      using store = await source.open({ path, cacheDir: "unused" });
      const options = await auto.options["~standard"].validate({});
      assert.ok(options.issues === undefined);
      using dataset = await prepareDataset({
        sources: [{
          name: file,
          store,
          format: detectFormat(
            await auto.create(options.value, hostOf(formats)),
            store,
          ).format,
          template: await make("template", chatml, {}, testHost({ tokenizer })),
          masker: await make("masker", assistantOnly),
          max_rows: 200,
        }],
        tokenizer,
        collator: await make("collator", packed),
        options: { max_length: 2048, max_untrained_share: 0.1 },
        cacheDir: "unused",
      });
      assert.equal(dataset.report.refusedRows, 0);
      assert.deepEqual(
        preflight(dataset, {
          modelVocabSize: tokenizer.vocabSize,
          allow_unlearned_end: false,
        }),
        [],
      );
      let tokens = 0;
      let trained = 0;
      for (let step = 0; step < dataset.stepsInEpoch(0); step++) {
        for (const batch of dataset.batches(0, step)) {
          tokens += batch.realTokens;
          trained += batch.weights.filter((weight) => weight > 0).length;
        }
      }
      assert.equal(tokens, dataset.report.tokens);
      assert.equal(trained, dataset.report.trainedTokens);
    },
  });
}
