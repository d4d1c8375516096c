/**
 * Masked diffusion against PyTorch in float64 (`make_masked_diffusion.py`): EuroBERT, and a Llama without its causal
 * mask. Which tokens are hidden is equal; losses agree to 1e-5, gradients to 1e-4 of the largest of a tensor, losses of
 * 20 steps of AdamW to 1e-3; answers are equal token by token.
 */
import assert from "node:assert/strict";
import type {
  Device,
  Inputs,
  ModelSpec,
  Objective,
} from "@denotune/denotune/core";
import { eurobertWith, llamaWith } from "../../plugins/models/mod.ts";
import { maskedDiffusion } from "../../plugins/objectives/mod.ts";
import { Engine } from "../../core/engine/engine.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { builtinActivations } from "../conformance/model/architectures.ts";
import { testHost, tokenizerFacts } from "../conformance/host.ts";
import { layOutExamples } from "../conformance/objective/lay_out.ts";
import { make } from "../core/data/_support.ts";
import { BACKENDS, openBackend } from "./_backends.ts";
import { hashed, writeHashed } from "./_hashed.ts";
import { close, norm2 } from "./_model_checks.ts";
import { python } from "../python.ts";
import { trainRequest } from "../train_request.ts";

interface Case {
  readonly config: { readonly [key: string]: unknown };
  readonly key: number;
  readonly mask: number;
  readonly seed: number;
  readonly normalize: "tokens" | "rows";
  readonly shift: boolean;
  readonly eps: number;
  readonly lengths: readonly (readonly [number, number])[];
}

interface Solved extends Case {
  readonly hidden: readonly (readonly number[])[];
  readonly loss: number;
  readonly logits: readonly number[];
  readonly gradients: { readonly [name: string]: readonly number[] };
  readonly norms: { readonly [name: string]: number };
  readonly losses: readonly number[];
}

interface Decoded extends Case {
  readonly decoding: readonly {
    readonly options: { readonly [option: string]: unknown };
    readonly answers: readonly {
      readonly prompt: readonly number[];
      readonly answer: readonly number[];
    }[];
  }[];
}

interface Golden {
  readonly adamw: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
  };
  readonly cases: readonly Solved[];
  readonly decoded: readonly Decoded[];
}

const FOLDER = new URL(".", import.meta.url).pathname;
const golden: Golden = JSON.parse(
  Deno.readTextFileSync(`${FOLDER}masked_diffusion.json`),
);
const activations = await builtinActivations();
const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

function specOf({ config }: Case): ModelSpec {
  const architecture = config.model_type === "llama"
    ? llamaWith(activations)
    : eurobertWith(activations);
  return architecture.describe(config);
}

function objectiveOf(
  { mask, normalize, shift, eps }: Case,
  more: { readonly [option: string]: unknown } = {},
): Promise<Objective> {
  return make(
    "objective",
    maskedDiffusion,
    { mask_token: mask, normalize, shift, eps, ...more },
    testHost({ tokenizer: tokenizerFacts({ vocabSize: mask + 1 }) }),
  );
}

/** The examples of a case on one line each, or packed on one. */
function inputsOf(
  objective: Objective,
  { key, mask, seed, lengths }: Case,
  { step, packed }: { readonly step: number; readonly packed: boolean },
): Inputs {
  const total = lengths.flat().reduce((a, b) => a + b, 0);
  const ids = wholeNumbers(key + 1000, total, mask);
  let at = 0;
  const examples = lengths.map(([prompt, answer], row) => ({
    ids: Int32Array.from(ids.slice(at, at += prompt + answer)),
    weights: Float32Array.from(
      { length: prompt + answer },
      (_, t) => t < prompt ? 0 : 1,
    ),
    source: 0,
    row,
  }));
  return objective.inputs(
    layOutExamples(packed ? [examples] : examples.map((e) => [e])),
    { seed, step, firstRow: 0, training: true },
  );
}

function wholeNumbers(key: number, count: number, below: number): number[] {
  return [...hashed(key, count)].map((v) => Math.floor((v + 1) / 2 * below));
}

async function openEngine(
  device: Device,
  of: Case,
  objective: Objective,
): Promise<Engine> {
  const { lr, ...rest } = golden.adamw;
  const B = of.lengths.length;
  const planned = planEngine(
    trainRequest(specOf(of), {
      causal: objective.attention === "causal",
      decoding: objective.decoding,
      adamw: { ...rest, learning_rate: lr, decay_norm_and_bias: true },
      train: { B, T: 16 * B, maxGradNorm: null },
      generate: { rows: 8, capacity: 32, prefill: 32 },
    }),
    device.info,
  );
  const engine = await Engine.open(planned, device);
  writeHashed({
    inventory: planned.inventory,
    write: (name, data) => engine.session.write(name, data),
  }, of.key);
  return engine;
}

/** Places of the hidden tokens, by row of the batch. */
function hiddenOf({ B, T, tokens }: Inputs, mask: number): number[][] {
  return Array.from(
    { length: B },
    (_, b) =>
      Array.from({ length: T }, (_, t) => t).filter((t) =>
        tokens[b * T + t] === mask
      ),
  );
}

async function checkCase(device: Device, of: Solved): Promise<void> {
  const objective = await objectiveOf(of);
  const first = inputsOf(objective, of, { step: 0, packed: false });
  assert.deepEqual(hiddenOf(first, of.mask), of.hidden);
  const losses: number[] = [];
  for (const packed of [false, true]) {
    await using engine = await openEngine(device, of, objective);
    const inputs = inputsOf(objective, of, { step: 0, packed });
    engine.micro(inputs, inputs.divisor);
    for (const [name, norm] of Object.entries(of.norms)) {
      const found = await engine.gradient(name);
      close([norm2(found)], [norm], {
        relative: 1e-4,
        absolute: 1e-6,
        what: `norm of ${name}`,
      });
      close(found.subarray(0, 8), of.gradients[name], {
        absolute: 1e-4 * Math.max(...found.map(Math.abs)) + 1e-7,
        what: name,
      });
    }
    engine.update({ learningRate: 0, step: 1 });
    const [{ lossSum }] = await engine.results(1);
    close([lossSum / inputs.divisor], [of.loss], {
      relative: 1e-5,
      what: packed ? "packed" : "padded",
    });
    losses.push(lossSum / inputs.divisor);
  }
  close([losses[1]], [losses[0]], {
    relative: 1e-6,
    what: "packed beside padded",
  });
}

async function checkTrajectory(device: Device, of: Solved): Promise<void> {
  const objective = await objectiveOf(of);
  await using engine = await openEngine(device, of, objective);
  for (const [step, wanted] of of.losses.entries()) {
    const inputs = inputsOf(objective, of, { step, packed: step % 2 === 1 });
    engine.micro(inputs, inputs.divisor);
    engine.update({ learningRate: golden.adamw.lr, step: step + 1 });
    const [{ lossSum }] = await engine.results(1);
    close([lossSum / inputs.divisor], [wanted], {
      relative: 1e-3,
      absolute: 1e-6,
      what: `loss of step ${step}`,
    });
  }
}

for (const backend of BACKENDS) {
  // each case is compiled anew, which takes long on a software adapter
  const sample = { reference: 3, cpu: 1 }[backend.name] ?? 1;
  const cases = golden.cases.slice(0, ALL ? undefined : sample);

  Deno.test(`masked diffusion: noise, loss, gradients and 20 steps are PyTorch's on ${backend.name}`, async () => {
    await using device = await openBackend(backend);
    for (const of of cases) {
      await checkCase(device, of);
      await checkTrajectory(device, of);
    }
  });

  Deno.test(`masked diffusion: 50 prompts are unmasked as by a plain loop in PyTorch on ${backend.name}`, async () => {
    await using device = await openBackend(backend);
    for (const of of golden.decoded) {
      const decodings = backend.name === "cpu" || ALL
        ? of.decoding
        : of.decoding.slice(0, 1);
      for (const { options, answers } of decodings) {
        const objective = await objectiveOf(of, options);
        await using engine = await openEngine(device, of, objective);
        const found = await engine.generator?.generate(
          answers.map(({ prompt }, key) => ({
            prompt: Int32Array.from(prompt),
            maxNewTokens: Number(options.answer_length),
            key,
            onToken: () => false,
          })),
          {
            temperature: 0,
            topK: null,
            topP: 1,
            repetitionPenalty: 1,
            seed: 0,
          },
        );
        answers.forEach(({ answer }, i) =>
          assert.deepEqual(found?.[i].ids, answer, JSON.stringify(options))
        );
      }
    }
  });
}

Deno.test({
  name: "masked diffusion: a hundred random cases are PyTorch's",
  ignore: !ALL,
  async fn() {
    const seed = String(crypto.getRandomValues(new Uint16Array(1))[0]);
    const printed = await python([
      `${FOLDER}make_masked_diffusion.py`,
      "--sweep",
      "100",
      "--seed",
      seed,
    ]);
    const cases: readonly Solved[] = JSON.parse(
      printed,
    );
    const [reference] = BACKENDS;
    await using device = await openBackend(reference);
    for (const of of cases) {
      await checkCase(device, of);
      await checkTrajectory(device, of);
    }
  },
});
