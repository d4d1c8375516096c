/** Seed 002: the loss over answers, the collator, packing with borders, the cost of alignment. */
import assert from "node:assert/strict";
import { inspect } from "../../mod.ts";
import { library } from "../../core/library/mod.ts";
import { loadRun } from "../../core/config/load.ts";
import { builtinRegistry } from "../run_harness.ts";
import { EOS, seedRun, seedTest } from "./_seeds.ts";
import golden from "./seeds.json" with { type: "json" };

const seed = golden["002"];

const train = [{
  rows: seed.rows,
  format: { use: "prompt_completion", completion_field: "response" },
}];

/** The document tokenizes prompt and response apart: here a token over the border is split there. */
const data = {
  train,
  boundary_token: "split",
  shuffle: false,
  max_length: 256,
} as const;

/** Rows of the document's batches, padding taken away. */
const expected = seed.batches.flatMap(({ input_ids, labels, attention_mask }) =>
  input_ids.map((ids, r) => {
    const real = attention_mask[r].filter((m) => m === 1).length;
    assert.ok(ids.slice(real).every((id) => id === seed.pad));
    assert.ok(labels[r].slice(real).every((label) => label === -100));
    return { ids: ids.slice(0, real), labels: labels[r].slice(0, real) };
  })
);

seedTest(
  "prompt, response and end have the document's ids and labels",
  async () => {
    const found = await inspect(seedRun(data), { examples: seed.rows.length });
    assert.equal(found.length, expected.length);
    found.forEach(({ tokens }, i) => {
      assert.deepEqual(tokens.map((t) => t.id), expected[i].ids);
      assert.deepEqual(
        tokens.map((t) => t.weight > 0 ? t.id : -100),
        expected[i].labels,
      );
      assert.equal(tokens.at(-1)?.id, EOS);
    });
  },
);

seedTest(
  "the collator pads to the longest row of a batch, and padding carries no label",
  async () => {
    const run = await loadRun({
      object: seedRun(data, { training: { batch_size: 8 } }),
      registry: builtinRegistry(),
    });
    for (const [b, { input_ids, labels }] of seed.batches.entries()) {
      const { rows } = await library.inspectStep(run, b + 1);
      assert.equal(rows.length, input_ids.length);
      const width = labels[0].length;
      rows.forEach(({ tokens }, r) => {
        const found = tokens.map((t) => t.weight > 0 ? t.id : -100);
        assert.deepEqual(found.slice(0, width), labels[r]);
        assert.ok(found.slice(width).every((label) => label === -100));
        assert.deepEqual(
          tokens.slice(0, width).map((t) => t.segment === 0 ? seed.pad : t.id),
          input_ids[r],
        );
      });
    }
  },
);

seedTest(
  "packing puts pairs behind each other: labels stay, and each is a segment of its own",
  async () => {
    const run = await loadRun({
      object: seedRun({ ...data, collator: "packed" }, {
        training: { batch_size: 64, epochs: 1 },
      }),
      registry: builtinRegistry(),
    });
    const { rows, steps } = await library.inspectStep(run, 1);
    assert.equal(steps, 1);
    assert.ok(rows.length < seed.rows.length / 2, "several pairs a row");
    const segments = rows.flatMap(({ tokens }) =>
      [...Map.groupBy(tokens.filter((t) => t.segment > 0), (t) => t.segment)]
        .map(([, tokens]) => tokens)
    );
    const key = (labels: readonly number[]) => JSON.stringify(labels);
    assert.deepEqual(
      segments.map((tokens) =>
        key(tokens.map((t) => t.weight > 0 ? t.id : -100))
      ).sort(),
      expected.map(({ labels }) => key(labels)).sort(),
    );
  },
);
