/**
 * Adapters against PEFT: the tiny models of `tests/golden/lora`. The reference computes in double precision,
 * torch in float32: 1e-5 relative on losses, 1e-4 on gradient norms and on losses of AdamW.
 */
import { localDevice } from "../../../core/device/local_device.ts";
import assert from "node:assert/strict";

import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { loraAdapter } from "../../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../../plugins/adapters/_options.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import {
  attachTo,
  baseFor,
  inputsOf,
  lossOf,
  openAdapted,
  type PaddedBatch,
  readBase,
  reader,
  readTensors,
  trainStep,
} from "../../conformance/adapter/run.ts";

interface Golden extends PaddedBatch {
  readonly base: string;
  readonly loss: number;
  readonly base_loss: number;
  readonly trainable_parameters: number;
  readonly grad_norms: Readonly<Record<string, number>>;
  readonly adamw: {
    readonly lr: number;
    readonly betas: [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly losses: readonly number[];
    readonly grad_norms: readonly number[];
    readonly loss_after: number;
  };
}

const GOLDEN = new URL("../../golden/", import.meta.url).pathname;
const NAMES = [...Deno.readDirSync(`${GOLDEN}lora`)]
  .filter((e) => e.isDirectory).map((e) => e.name).sort();

function near(
  found: number,
  wanted: number,
  relative: number,
  what: string,
): void {
  assert.ok(
    Math.abs(found - wanted) <= relative * Math.abs(wanted),
    `${what}: ${found}, PEFT ${wanted}`,
  );
}

async function open(name: string) {
  const folder = `${GOLDEN}lora/${name}`;
  const golden: Golden = JSON.parse(Deno.readTextFileSync(`${folder}.json`));
  const config = JSON.parse(
    Deno.readTextFileSync(`${folder}/adapter_config.json`),
  );
  const made = loraAdapter(loraOptions.parse({})).configured!(config);
  assert.ok(made !== null);
  const base = baseFor(await readBase(`${GOLDEN}models/${golden.base}`), made);
  return {
    golden,
    config,
    base,
    adapter: attachTo(base, made),
    tensors: readTensors(`${folder}/adapter_model.safetensors`),
    inputs: inputsOf(golden),
    device: localDevice(new ReferenceExecutor()),
  };
}

for (const name of NAMES) {
  Deno.test(`${name}: PEFT's adapter gives PEFT's loss and gradients`, async () => {
    const { golden, base, adapter, tensors, inputs, device } = await open(name);
    const { lr, betas, eps, weight_decay } = golden.adamw;
    const optimizer = adamwRule({
      learning_rate: lr,
      betas,
      eps,
      weight_decay,
      decay_norm_and_bias: true,
    });
    await using engine = await openAdapted(device, base, {
      adapter,
      tensors,
      optimizer,
      B: inputs.B,
      T: inputs.T,
    });
    near(await lossOf(engine, inputs), golden.loss, 1e-5, "loss");
    assert.equal(
      engine.planned.trainables!.trained,
      golden.trainable_parameters,
    );
    engine.micro(inputs, inputs.divisor);
    const found = new Map<string, number>();
    for (const { name: own } of engine.planned.trainables!.tensors) {
      const gradient = await engine.gradient(own);
      const saved = tensors.has(own) ? own : adapter.savedName(own);
      found.set(saved, Math.hypot(...gradient));
    }
    assert.deepEqual(
      [...found.keys()].sort(),
      Object.keys(golden.grad_norms).sort(),
    );
    for (const [tensor, norm] of Object.entries(golden.grad_norms)) {
      near(found.get(tensor)!, norm, 1e-4, `gradient norm of ${tensor}`);
    }
  });

  Deno.test(`${name}: five steps of AdamW go as PEFT's do`, async () => {
    const { golden, base, adapter, tensors, inputs, device } = await open(name);
    const { lr, betas, eps, weight_decay, losses, grad_norms, loss_after } =
      golden.adamw;
    const optimizer = adamwRule({
      learning_rate: lr,
      betas,
      eps,
      weight_decay,
      decay_norm_and_bias: true,
    });
    await using engine = await openAdapted(device, base, {
      adapter,
      tensors,
      optimizer,
      B: inputs.B,
      T: inputs.T,
    });
    for (const [i, wanted] of losses.entries()) {
      const { loss, gradNorm } = await trainStep(engine, inputs, {
        step: i + 1,
        learningRate: lr,
      });
      near(loss, wanted, 1e-4, `loss of step ${i}`);
      near(gradNorm, grad_norms[i], 1e-3, `gradient norm of step ${i}`);
    }
    near(await lossOf(engine, inputs), loss_after, 1e-4, "loss after");
  });

  Deno.test(`${name}: merged into the base, the loss is the same`, async () => {
    const { golden, base, adapter, tensors, inputs, device } = await open(name);
    const read = reader(base.weights, tensors);
    const weights = new Map(base.weights);
    for (const weight of base.weights.keys()) {
      const merged = adapter.merged(weight, read);
      if (merged !== null) weights.set(weight, merged);
      if (adapter.trainsBase(weight)) {
        weights.set(weight, read(adapter.savedName(weight)));
      }
    }
    await using engine = await openAdapted(device, { ...base, weights }, {
      adapter: null,
      B: inputs.B,
      T: inputs.T,
    });
    near(await lossOf(engine, inputs), golden.loss, 1e-5, "merged loss");
  });

  Deno.test(`${name}: a fresh adapter changes nothing`, async () => {
    const { golden, base, adapter, inputs, device } = await open(name);
    await using engine = await openAdapted(device, base, {
      adapter,
      B: inputs.B,
      T: inputs.T,
    });
    near(await lossOf(engine, inputs), golden.base_loss, 1e-5, "loss");
  });

  Deno.test(`${name}: the config written chooses what the config read did`, async () => {
    const { base, config, adapter } = await open(name);
    const written = adapter.config({ path: "some/model", revision: "abc" });
    for (
      const key of [
        "r",
        "lora_alpha",
        "bias",
        "fan_in_fan_out",
        "use_dora",
        "use_rslora",
        "rank_pattern",
        "alpha_pattern",
        "modules_to_save",
        "init_lora_weights",
        "peft_type",
        "task_type",
      ]
    ) assert.deepEqual(written[key], config[key], key);
    assert.equal(written.base_model_name_or_path, "some/model");
    assert.equal(written.revision, "abc");
    const again = loraAdapter(loraOptions.parse({})).configured!(written);
    assert.deepEqual(
      attachTo(base, again!).parameters,
      adapter.parameters,
    );
  });
}
