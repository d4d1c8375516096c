/** Seed 000: question-answer pairs and chats as prompts and completions, masked labels, training, generation. */
import assert from "node:assert/strict";
import { loadModel, train } from "../../mod.ts";
import { testFolder } from "../run_harness.ts";
import {
  decoderOf,
  sameLabels,
  seedRun,
  seedTest,
  tokensOf,
} from "./_seeds.ts";
import golden from "./seeds.json" with { type: "json" };

const seed = golden["000"];

// the document writes a line break between prompt and completion
const template = { use: "plain", completion_separator: "\n" } as const;

seedTest(
  "question-answer pairs give the document's prompts and completions, with its template and with another",
  async () => {
    for (
      const [format, pairs] of [
        ["question_answer", seed.qa_pairs],
        [
          { use: "question_answer", prompt_template: seed.template },
          seed.qa_templated,
        ],
      ] as const
    ) {
      const rows = await tokensOf(
        { train: [{ rows: seed.qa, format }], template },
        seed.qa.length,
      );
      assert.deepEqual(
        rows.map(await decoderOf()),
        pairs.map(({ prompt, completion }) => `${prompt}\n${completion}`),
      );
    }
  },
);

seedTest(
  "chats give the document's prompts up to the first answer, and that answer",
  async () => {
    const rows = await tokensOf(
      { train: [{ rows: seed.chats, format: "chat_to_completion" }], template },
      seed.chats.length,
    );
    assert.deepEqual(
      rows.map(await decoderOf()),
      seed.chat_pairs.map(({ prompt, completion }) =>
        `${prompt}\n${completion}`
      ),
    );
  },
);

seedTest(
  "ids and labels are the document's; the separator is not trained, the end is",
  async () => {
    const rows = await tokensOf({
      train: [
        { rows: seed.qa, format: "question_answer" },
        { rows: seed.chats, format: "chat_to_completion" },
      ],
      template,
    }, Math.max(seed.qa.length, seed.chats.length));
    assert.equal(rows.length, seed.tokens.length);
    rows.forEach((tokens, i) => sameLabels(tokens, seed.tokens[i], 1));
  },
);

seedTest(
  "the example of use: both sets together, three epochs, one answer",
  async () => {
    using folder = testFolder();
    const { status, path } = await train(seedRun({
      train: [
        { rows: seed.qa.slice(0, 4), format: "question_answer" },
        { rows: seed.chats.slice(0, 4), format: "chat_to_completion" },
      ],
      template,
      max_length: 256,
    }, {
      output_dir: folder.at("run"),
      optimizer: { use: "adamw", learning_rate: 5e-5 },
      training: { epochs: 3, batch_size: 4, save_steps: null },
    }));
    assert.equal(status, "done");
    await using model = await loadModel(path, {
      backend: { use: "cpu", blas: "off", workers: 1 },
      contextLength: 128,
    });
    const { text, ids } = await model.generate(
      "Question: What is machine learning?\n\nAnswer:",
      { temperature: 0.7, maxNewTokens: 20, raw: true },
    );
    assert.ok(ids.length > 0 && ids.length <= 20);
    assert.ok(!text.includes("Question: What is machine"), "only what is new");
  },
);
