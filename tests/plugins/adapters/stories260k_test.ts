/**
 * Twenty steps of LoRA on stories260k against PEFT (`golden/stories260k_training.json`): losses and gradient
 * norms to 1e-4 relative, the trained tensors to 1e-4, the merged loss. Plain loops are slow: the reference
 * takes the first steps, and all with `DENOTUNE_TEST_ALL=1`.
 */
import assert from "node:assert/strict";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import { BACKENDS, openBackend } from "../../golden/_backends.ts";
import { testData } from "../../test_data.ts";
import {
  attachTo,
  inputsOf,
  lossOf,
  openAdapted,
  readBase,
  reader,
  readTensors,
  trainStep,
} from "../../conformance/adapter/run.ts";

interface Batch {
  readonly input_ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
}

interface Golden {
  readonly batches: readonly Batch[];
  readonly batch0_loss: number;
  readonly lora: {
    readonly steps: readonly [number, number, number][];
    readonly final_batch0_loss: number;
    readonly merged_batch0_loss: number;
  };
}

const model = testData("models/stories260k");
const training = testData("golden/stories260k_training.json");
const start = testData("golden/stories260k_lora_init");
const end = testData("golden/stories260k_lora_final");
const ignore = model === null || training === null || start === null ||
  end === null;
const LONG = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const LEARNING_RATE = 5e-3;

/**
 * One value of 46,240 whose second gradient is 1e-9 in float32 and 4e-9 in float64, beside AdamW's eps of
 * 1e-8: PyTorch's own run in float64 ends at -0.010875, 7.5e-4 from the golden one in float32. That step
 * of AdamW may have any size up to the learning rate. What it is multiplied with moves after it: where it ends
 * at -0.011799, as on llvmpipe (as far from float64 on the other side), others of its pair by up to 1.6e-4.
 */
const NOISY = {
  pair: "layers.3.self_attn.k_proj.",
  beside: 2e-4,
  end: "layers.3.self_attn.k_proj.lora_A.weight",
  index: 264,
};

/**
 * The gradient norms of two steps are steep. Step 18: PyTorch in float64 gives 5.176247, 8.6e-5 relative from
 * the golden 5.175801, and another PyTorch in float32 5.175943. Step 14: the reference, which is in double and
 * at step 18 gives what PyTorch gives in float64 (8.9e-5), is 6.6e-5 from the golden number. What is left of
 * 1e-4 is less than float32 needs: webgpu on llvmpipe is 7e-5 from the reference.
 */
const STEEP = { others: [18], gpu: [14, 18], tolerance: 2e-4 };

function near(
  found: number,
  wanted: number,
  what: string,
  tolerance = 1e-4,
): void {
  assert.ok(
    Math.abs(found - wanted) <= tolerance * Math.abs(wanted),
    `${what}: ${found}, PEFT ${wanted}`,
  );
}

for (const backend of BACKENDS) {
  const all = LONG || backend.name !== "reference";
  Deno.test({
    name: `LoRA on stories260k goes as PEFT's does on ${backend.name}${
      all ? "" : " (first steps)"
    }`,
    ignore,
    async fn() {
      const golden: Golden = JSON.parse(Deno.readTextFileSync(training!));
      const config = JSON.parse(
        Deno.readTextFileSync(`${start}/adapter_config.json`),
      );
      const base = await readBase(model!);
      const made = loraAdapter(loraOptions.parse({})).configured!(config);
      const adapter = attachTo(base, made!);
      const batches = golden.batches.map((batch) =>
        inputsOf({
          ...batch,
          lengths: batch.attention_mask.map((row) =>
            row.reduce((a, b) => a + b, 0)
          ),
        })
      );
      const size = {
        B: Math.max(...batches.map((b) => b.B)),
        T: Math.max(...batches.map((b) => b.T)),
      };
      await using device = await openBackend(backend);
      await using engine = await openAdapted(device, base, {
        adapter,
        tensors: readTensors(`${start}/adapter_model.safetensors`),
        optimizer: adamwRule({
          learning_rate: LEARNING_RATE,
          betas: [0.9, 0.999],
          eps: 1e-8,
          weight_decay: 0,
          decay_norm_and_bias: false,
        }),
        ...size,
      });
      const isGpu = backend.name === "webgpu";
      const { steps, final_batch0_loss, merged_batch0_loss } = golden.lora;
      for (const [step, loss, norm] of all ? steps : steps.slice(0, 2)) {
        const found = await trainStep(
          engine,
          batches[step % batches.length],
          { step: step + 1, learningRate: LEARNING_RATE },
        );
        near(found.loss, loss, `loss of step ${step}`);
        near(
          found.gradNorm,
          norm,
          `gradient norm of step ${step}`,
          STEEP[isGpu ? "gpu" : "others"].includes(step)
            ? STEEP.tolerance
            : undefined,
        );
      }
      if (!all) return;
      near(await lossOf(engine, batches[0]), final_batch0_loss, "loss after");
      const trained = new Map<string, Float32Array>();
      for (const { name } of adapter.parameters) {
        trained.set(name, await engine.readTrained(name));
      }
      for (
        const [name, wanted] of readTensors(`${end}/adapter_model.safetensors`)
      ) {
        const found = trained.get(name)!;
        wanted.forEach((value, i) => {
          const tolerance = name.endsWith(NOISY.end) && i === NOISY.index
            ? LEARNING_RATE
            : isGpu && name.includes(NOISY.pair)
            ? NOISY.beside
            : 1e-4;
          assert.ok(
            Math.abs(found[i] - value) <= tolerance,
            `${name}[${i}]: ${found[i]}, PEFT ${value}`,
          );
        });
      }
      const read = reader(trained, base.weights);
      const weights = new Map(
        [...base.weights].map(([name, data]) => [
          name,
          adapter.merged(name, read) ?? data,
        ]),
      );
      await using merged = await openAdapted(
        device,
        { ...base, weights },
        { adapter: null, ...size },
      );
      near(await lossOf(merged, batches[0]), merged_batch0_loss, "merged loss");
    },
  });
}
