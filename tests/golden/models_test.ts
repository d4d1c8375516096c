/**
 * Models against transformers: `models/NAME.json`, all on the reference and on cpu. On webgpu CI leaves out those that
 * only differ in how their files are stored or in constants, which no kernel sees.
 * The reference computes in double precision and torch in
 * float32, so what is compared are torch's last digits: 1e-4 on logits of size 3 to 6 (torch's two kinds
 * of attention differ by 4e-6), 1e-4 relative on gradients, 1e-4 relative on losses of AdamW.
 */
import type { Storage } from "../../core/io/read_safetensors.ts";
import assert from "node:assert/strict";
import {
  gpt2Architecture,
  llamaArchitecture,
} from "../conformance/model/architectures.ts";
import { layOut, rowsOf } from "../conformance/model/tiny_model.ts";
import {
  checkGolden,
  close,
  type GoldenModel,
  goldenOf,
  loadGolden,
} from "./_model_checks.ts";
import { BACKENDS, openBackend } from "./_backends.ts";

const ROOT = new URL("models/", import.meta.url).pathname;
const NAMES = [...Deno.readDirSync(ROOT)].filter((e) => e.isDirectory)
  .map((e) => e.name).sort();

function modelOf(name: string): GoldenModel {
  return {
    path: `${ROOT}${name}`,
    architecture: name.startsWith("gpt2")
      ? gpt2Architecture
      : llamaArchitecture,
  };
}

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
/** In every run on webgpu: each kind of layer, and frequencies that are rescaled. */
const ON_WEBGPU = [
  "gpt2-tied",
  "llama-bias",
  "llama-gqa-untied",
  "llama-rope-llama3",
  "mistral-window",
  "qwen3",
];

for (const backend of BACKENDS) {
  const isSampled = backend.name === "webgpu" && !ALL;
  for (const name of NAMES) {
    Deno.test({
      name: `${name} on ${backend.name} computes what transformers computes`,
      ignore: isSampled && !ON_WEBGPU.includes(name),
      async fn(t) {
        await using device = await openBackend(backend);
        await checkGolden(t, device, modelOf(name));
      },
    });
  }

  for (const name of ["llama-gqa-untied", "qwen3", "gpt2-tied"]) {
    Deno.test({
      name:
        `${name} on ${backend.name} has the same gradients when blocks are computed again`,
      ignore: isSampled && name !== "qwen3",
      async fn() {
        const batch = layOut(
          rowsOf(goldenOf(`${ROOT}${name}`)).map((r) => [r]),
        );
        await using device = await openBackend(backend);
        await using plain = await loadGolden(device, modelOf(name));
        const wanted = await plain.step(batch);
        await using again = await loadGolden(device, modelOf(name), {
          checkpoint: true,
        });
        const found = await again.step(batch);
        assert.equal(found.loss, wanted.loss);
        for (const [weight, gradient] of wanted.gradients) {
          assert.deepEqual(found.gradients.get(weight), gradient, weight);
        }
      },
    });
  }

  for (const dtype of ["bf16", "f16"] as const) {
    Deno.test(`llama-${dtype} on ${backend.name} computes the same from weights kept in 16 bits`, async () => {
      const name = `llama-${dtype}`;
      const expected = goldenOf(`${ROOT}${name}`);
      const batch = layOut(rowsOf(expected).map((r) => [r]));
      await using device = await openBackend(backend);
      await using model = await loadGolden(device, modelOf(name), {
        storageOf: (_, shape): Storage => shape.length === 2 ? dtype : "f32",
      });
      const logits = await model.logits(batch);
      const wanted = expected.logits["0"].flat();
      close(logits.subarray(0, wanted.length), wanted, { absolute: 1e-4 });
    });
  }
}
