/** The running average: its recurrence, where it is used, and that training does not notice it. */
import { Memory } from "../../../core/graph/memory.ts";
import { planProgram } from "../../../core/graph/planner.ts";
import assert from "node:assert/strict";
import type { Optimizer } from "@denotune/denotune/core";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import type { RunInput } from "../../../core/config/types.ts";
import { sumNames } from "../../../core/engine/loss_program.ts";
import {
  RING_FIXED,
  RING_SLOTS,
} from "../../../core/engine/update/step_ring.ts";
import { updateProgram } from "../../../core/engine/update/update_program.ts";
import {
  chooseTrainables,
  placeTrainables,
} from "../../../core/engine/trainables.ts";
import { adamwRule } from "../../../plugins/optimizers/adamw_rule.ts";
import { withAverage } from "../../../plugins/optimizers/running_average.ts";
import { sgdRule } from "../../../plugins/optimizers/sgd_rule.ts";
import { plainStep, testOptimizer } from "../../conformance/optimizer.ts";
import { runConfig, testFolder, tinyRows, tinyRun } from "../../run_harness.ts";

const adamw = () =>
  adamwRule({
    learning_rate: 1e-2,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weight_decay: 0.1,
    decay_norm_and_bias: false,
  });
const sgd = () =>
  sgdRule({
    learning_rate: 0.1,
    momentum: 0,
    nesterov: false,
    weight_decay: 0,
    decay_norm_and_bias: false,
  });

testOptimizer(
  "ema of adamw",
  () => withAverage(adamw(), { decay: 0.9, use_average: true }),
);
testOptimizer(
  "ema of sgd without state",
  () => withAverage(sgd(), { decay: 0.5, use_average: false }),
);

Deno.test("an average of an average is refused", () => {
  const options = { decay: 0.9, use_average: true };
  assert.throws(
    () => withAverage(withAverage(adamw(), options), options),
    /keeps an average already/,
  );
});

/** A file's tensors by name. */
function tensorsOf(path: string): Map<string, Float32Array> {
  using file = new SafetensorsFile(path);
  return new Map([...file.tensors].map(([name, t]) => [name, t.read()]));
}

/** Every step saved, so that the average can be followed. */
function watched(output: string, optimizer: RunInput["optimizer"]): RunInput {
  return tinyRun(output, {
    optimizer,
    data: {
      train: [{ rows: tinyRows(20), format: "alpaca" }],
      eval_fraction: 0.2,
    },
    training: {
      max_steps: 4,
      save_steps: 1,
      save_total_limit: null,
      eval_steps: 2,
      logging_steps: 1,
    },
  });
}

Deno.test("the average is decay a + (1 - decay) p from the start weights on; it is what is evaluated and saved", async () => {
  using folder = testFolder();
  const of = { use: "adamw", learning_rate: 1e-2 };
  const decay = 0.7;
  const plain = await runConfig(watched(folder.at("plain"), of));
  const averaged = await runConfig(
    watched(folder.at("averaged"), { use: "ema", decay, of }),
  );
  const kept = await runConfig(
    watched(folder.at("kept"), { use: "ema", decay, use_average: false, of }),
  );
  // steps are those of the optimizer inside, bit for bit, evaluations in between or not
  assert.deepEqual(averaged.losses, plain.losses);
  assert.deepEqual(kept.losses, plain.losses);

  const at = (run: string, step: number, file: string) =>
    tensorsOf(folder.at(run, `checkpoint-${step}`, file));
  const names = [...at("plain", 1, "model.safetensors").keys()];
  for (const step of [2, 3]) {
    const before = at("averaged", step - 1, "optimizer.safetensors");
    const after = at("averaged", step, "optimizer.safetensors");
    const weights = at("averaged", step, "model.safetensors");
    for (const name of names) {
      const wanted = before.get(`ema:${name}`)!.map((a, i) =>
        decay * a + (1 - decay) * weights.get(name)![i]
      );
      after.get(`ema:${name}`)!.forEach((a, i) =>
        assert.ok(Math.abs(a - wanted[i]) <= 1e-6, `${name}[${i}]`)
      );
    }
    assert.deepEqual(weights, at("plain", step, "model.safetensors"));
  }
  // the first average stands between the start and the first step, so it is no multiple of 0
  const first = at("averaged", 1, "optimizer.safetensors");
  const after = at("averaged", 1, "model.safetensors");
  const [some] = names;
  const distance = first.get(`ema:${some}`)!.map((a, i) =>
    Math.abs(a - after.get(some)![i])
  );
  assert.ok(Math.max(...distance) < 0.02 && Math.max(...distance) > 0);

  const loss = (run: typeof plain) => run.of("eval").map((e) => e.eval_loss);
  assert.notDeepEqual(loss(averaged), loss(plain));
  assert.deepEqual(loss(kept), loss(plain));
  const final = (run: string) => tensorsOf(folder.at(run, "model.safetensors"));
  assert.deepEqual(final("kept"), final("plain"));
  assert.notDeepEqual(final("averaged"), final("plain"));
});

Deno.test("a run with averages resumes bit by bit", async () => {
  using folder = testFolder();
  const optimizer = {
    use: "ema",
    decay: 0.8,
    of: { use: "adamw", learning_rate: 1e-2 },
  };
  await runConfig(watched(folder.at("whole"), optimizer));
  const stop = new AbortController();
  const broken = await runConfig(watched(folder.at("broken"), optimizer), {
    signal: stop.signal,
    onEvent: (e) => e.event === "step" && e.step === 2 && stop.abort(),
  });
  assert.equal(broken.result.status, "interrupted");
  await runConfig(watched(folder.at("broken"), optimizer));
  assert.deepEqual(
    tensorsOf(folder.at("broken", "model.safetensors")),
    tensorsOf(folder.at("whole", "model.safetensors")),
  );
});

Deno.test("the average of known steps", () => {
  const rule = withAverage(sgd(), { decay: 0.5, use_average: true });
  // weights 1, 0.9, 0.8 with a gradient of 1 and rate 0.1; the average starts as the weights
  let [parameter, ema]: Float32Array[] = [
    Float32Array.of(1),
    Float32Array.of(1),
  ];
  for (const wanted of [0.95, 0.875]) {
    const next = plainStep(rule, {
      parameter,
      gradient: Float32Array.of(1),
      slots: { ema },
      learningRate: 0.1,
      weightDecay: 0,
      step: 1,
    });
    [parameter, ema] = [next.parameter, next.slots.ema];
    assert.ok(Math.abs(ema[0] - wanted) < 1e-6);
  }
});

Deno.test("the average is updated in place: no memory and no copy beside the slots", () => {
  const plan = (optimizer: Optimizer) => {
    const memory = new Memory({ alignment: 4, maxBufferBytes: 2 ** 30 });
    const trainables = chooseTrainables(memory, {
      weights: [{ name: "w", shape: [64, 64], init: { kind: "zeros" } }],
      adapter: null,
      optimizer,
      frozen: new Set(),
    });
    placeTrainables(memory, trainables, optimizer.slots);
    for (const name of Object.values(sumNames("train"))) {
      memory.variable(name, [1], { role: "inputs" });
    }
    memory.variable("ring", [RING_SLOTS, RING_FIXED + 1], { role: "inputs" });
    const graph = updateProgram(trainables, optimizer, {
      maxGradNorm: 1,
      sources: 1,
    });
    const { plan } = planProgram(graph, {
      name: "update",
      memory,
      capacities: {},
    });
    return {
      copies: plan.segments.flatMap((s) => s.calls)
        .filter((c) => c.kernel === "copy").length,
      activations: memory.report().activations,
    };
  };
  assert.deepEqual(
    plan(withAverage(adamw(), { decay: 0.9, use_average: true })),
    plan(adamw()),
  );
});
