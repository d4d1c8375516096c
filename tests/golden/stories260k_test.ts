/**
 * A real model: stories260k against transformers and torch 1.13 in float32. Batch 0: the logits behind its
 * first row within 1e-4, the loss within 1e-5, the norm of every gradient within 1e-4, relative.
 */
import { loadWeights } from "../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import assert from "node:assert/strict";

import { llamaArchitecture } from "../conformance/model/architectures.ts";
import { layOut, openTiny, type Row } from "../conformance/model/tiny_model.ts";
import { testData } from "../test_data.ts";
import { BACKENDS, openBackend } from "./_backends.ts";

interface Golden {
  readonly batches: readonly {
    readonly input_ids: readonly (readonly number[])[];
    readonly labels: readonly (readonly number[])[];
    readonly attention_mask: readonly (readonly number[])[];
  }[];
  readonly last_logits_row0: readonly number[];
  readonly batch0_loss: number;
  readonly batch0_grad_norms: { readonly [name: string]: number };
}

const folder = testData("models/stories260k");
const numbers = testData("golden/stories260k_training.json");

for (const backend of BACKENDS) {
  Deno.test({
    name:
      `stories260k on ${backend.name} computes what transformers computes, padded and packed`,
    ignore: folder === null || numbers === null,
    async fn() {
      const golden: Golden = JSON.parse(Deno.readTextFileSync(numbers ?? ""));
      const [batch] = golden.batches;
      const rows: Row[] = batch.input_ids.map((ids, i) => {
        const n = batch.attention_mask[i].reduce((a, b) => a + b, 0);
        return { ids: ids.slice(0, n), labels: batch.labels[i].slice(0, n) };
      });
      using files = openModelFolder(folder ?? "");
      const spec = llamaArchitecture.describe(files.config);
      await using device = await openBackend(backend);
      await using model = await openTiny(device, spec, { maxLength: 512 });
      const { surplus } = await loadWeights(files, {
        spec,
        weights: model.inventory.weights,
      }, {
        dtypeOf: () => "f32",
        sink: ({ name, data }) => model.write(name, data),
      });
      assert.deepEqual(surplus, []);

      const first = layOut([[rows[0]]]);
      const logits = (await model.logits(first)).slice(-spec.vocabSize);
      golden.last_logits_row0.forEach((wanted, i) =>
        assert.ok(Math.abs(logits[i] - wanted) < 1e-4, `logit ${i}`)
      );
      const packed = [rows.slice(0, 2), rows.slice(2)];
      for (const lines of [rows.map((r) => [r]), packed]) {
        const { loss, gradients } = await model.step(layOut(lines));
        assert.ok(
          Math.abs(loss / golden.batch0_loss - 1) < 1e-5,
          `loss ${loss}`,
        );
        for (const [name, wanted] of Object.entries(golden.batch0_grad_norms)) {
          const squares = gradients.get(name)?.reduce((a, g) => a + g * g, 0) ??
            0;
          const norm = Math.sqrt(squares);
          assert.ok(
            Math.abs(norm / wanted - 1) < 1e-4,
            `${name}: ${norm}, ${wanted}`,
          );
        }
      }
    },
  });
}
