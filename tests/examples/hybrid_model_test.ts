/**
 * The example of a model whose layers keep states of their own, against the same in PyTorch (make_hybrid.py):
 * 1e-4 on logits, 1e-3 relative on gradients, equal greedy ids.
 */
import assert from "node:assert/strict";
import { testModel } from "@denotune/denotune/testing";
import { inventoryOf } from "../../core/engine/model/build_model.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { Generator } from "../../core/engine/generate/generator.ts";
import { hybridArchitecture } from "../../examples/hybrid_model/hybrid.ts";
import { layOut, openTiny } from "../conformance/model/tiny_model.ts";
import { BACKENDS, openBackend } from "../golden/_backends.ts";
import { writeHashed } from "../golden/_hashed.ts";
import { close, norm2 } from "../golden/_model_checks.ts";

interface Golden {
  readonly config: { readonly [key: string]: unknown };
  readonly key: number;
  readonly rows: readonly (readonly number[])[];
  readonly logits: readonly (readonly number[])[];
  readonly loss: number;
  readonly grad_norms: { readonly [name: string]: number };
  readonly gradients: { readonly [name: string]: readonly number[] };
  readonly greedy: readonly (readonly number[])[];
}

const CASES: readonly Golden[] = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/hybrid.json", import.meta.url)),
);

const [SMALL, OTHER] = CASES.map(({ config }) => config);
testModel("hybrid", hybridArchitecture, { small: SMALL, odd: OTHER });

for (const backend of BACKENDS) {
  // a software adapter compiles shaders for each size
  const cases = backend.name === "webgpu" ? CASES.slice(1, 2) : CASES;
  Deno.test(`the hybrid model on ${backend.name} computes what PyTorch computes, padded and packed`, async () => {
    await using device = await openBackend(backend);
    for (const golden of cases) {
      const spec = hybridArchitecture.describe(golden.config);
      await using model = await openTiny(device, spec);
      writeHashed(model, golden.key);
      const rows = golden.rows.map((ids) => ({ ids, labels: ids }));
      const padded = layOut(rows.map((row) => [row]));
      const logits = await model.logits(padded);
      const { T } = padded.extents;
      const V = spec.vocabSize;
      rows.forEach(({ ids }, b) => {
        const at = (b * T + ids.length - 1) * V;
        close(logits.subarray(at, at + V), golden.logits[b], {
          absolute: 1e-4,
        });
      });
      for (const batch of [padded, layOut([rows.slice(0, 3), [rows[3]]])]) {
        const { loss, gradients } = await model.step(batch);
        close([loss], [golden.loss], { relative: 1e-5 });
        for (const [name, norm] of Object.entries(golden.grad_norms)) {
          close([norm2(gradients.get(name) ?? [])], [norm], {
            relative: 1e-3,
            what: name,
          });
        }
        for (const [name, wanted] of Object.entries(golden.gradients)) {
          close(gradients.get(name) ?? [], wanted, {
            absolute: 1e-3 * Math.max(...wanted.map(Math.abs)),
            what: name,
          });
        }
      }
    }
  });

  Deno.test(`the hybrid model on ${backend.name} generates what PyTorch generates, rows joining and leaving`, async () => {
    await using device = await openBackend(backend);
    for (const { config, key, rows, greedy } of cases) {
      const planned = planEngine({
        spec: hybridArchitecture.describe(config),
        adapter: null,
        frozenDtype: "f32",
        causal: true,
        train: null,
        evaluate: null,
        // two slots for four rows, prompts in chunks: three join later, in a slot that was another's
        generate: { rows: 2, capacity: 32, prefill: 4 },
        sources: 1,
      }, device.info);
      await using engine = await Engine.open(planned, device);
      const { session, generator } = engine;
      writeHashed({
        inventory: planned.inventory,
        write: (name, data) => session.write(name, data),
      }, key);
      assert.ok(generator instanceof Generator);
      const found = await generator.generate(
        rows.map((ids, row) => ({
          prompt: Int32Array.from(ids),
          maxNewTokens: greedy[row].length - 2 * row,
          key: row,
          onToken: () => false,
        })),
        { temperature: 0, topK: null, topP: 1, repetitionPenalty: 1, seed: 0 },
      );
      found.forEach(({ ids }, row) =>
        assert.deepEqual(
          ids,
          greedy[row].slice(0, greedy[row].length - 2 * row),
          `row ${row}`,
        )
      );
    }
  });
}

Deno.test("the hybrid model keeps its last tokens and a matrix a head, whatever the capacity", () => {
  const { states, weights } = inventoryOf(
    hybridArchitecture.describe(SMALL),
    8,
  );
  assert.deepEqual(states, [
    { name: "state.layers.0.tail", shape: [2, 8] },
    { name: "state.layers.1.matrix", shape: [2, 3, 4] },
  ]);
  const conv = weights.find((w) => w.name === "layers.0.conv.weight");
  assert.deepEqual(conv?.shape, [8, 1, 3]);
});

Deno.test("layers that see earlier tokens alone refuse an objective that sees both sides", () => {
  assert.throws(
    () =>
      planEngine({
        spec: hybridArchitecture.describe(SMALL),
        adapter: null,
        frozenDtype: "f32",
        causal: false,
        train: null,
        evaluate: { B: 1, T: 8 },
        generate: null,
        sources: 1,
      }, { alignment: 4, maxBufferBytes: 2 ** 30 }),
    /cannot see later tokens, as the objective wants: its layer .*, a convolution or recurrence/,
  );
});
