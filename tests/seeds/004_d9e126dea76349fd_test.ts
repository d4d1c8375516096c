/** Seed 004: prompts masked, outputs that are lists, packing, a folder with model and tokenizer. */
import assert from "node:assert/strict";
import { train } from "../../mod.ts";
import { testFolder } from "../run_harness.ts";
import {
  decoderOf,
  sameLabels,
  seedRun,
  seedTest,
  tokensOf,
} from "./_seeds.ts";
import golden from "./seeds.json" with { type: "json" };

const seed = golden["004"];
const data = {
  train: [{ rows: seed.rows, format: "alpaca" }],
  template: "alpaca",
} as const;

seedTest(
  "prompt and text are the document's, a list of outputs joined by blank lines",
  async () => {
    const rows = await tokensOf(data, seed.rows.length);
    const textOf = await decoderOf();
    assert.deepEqual(
      rows.map(textOf),
      seed.features.map(({ text }) => text),
    );
    for (const [i, { prompt, text }] of seed.features.entries()) {
      const trained = textOf(rows[i].filter((t) => t.weight > 0));
      assert.equal(trained, text.slice(prompt.length));
    }
  },
);

seedTest(
  "ids and labels are the document's, and the end is trained",
  async () => {
    const rows = await tokensOf(data, seed.rows.length);
    rows.forEach((tokens, i) => sameLabels(tokens, seed.tokens[i]));
  },
);

seedTest(
  "the demo: one epoch, packed, batches of two, then model and tokenizer in a folder",
  async () => {
    using folder = testFolder();
    const { status, path } = await train(seedRun({
      train: [{ rows: seed.rows.slice(0, 8), format: "alpaca" }],
      template: "alpaca",
      collator: "packed",
      max_length: 128,
      truncation: "keep-start",
    }, {
      output_dir: folder.at("outputs"),
      optimizer: { use: "adamw", learning_rate: 5e-5 },
      training: {
        epochs: 1,
        batch_size: 2,
        logging_steps: 1,
        save_steps: null,
      },
    }));
    assert.equal(status, "done");
    const names = [...Deno.readDirSync(path)].map((entry) => entry.name);
    for (
      const name of [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
      ]
    ) assert.ok(names.includes(name), name);
  },
);
