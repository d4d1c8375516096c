/**
 * Whole runs of masked diffusion: what holds for every objective holds for one that hides tokens.
 */
import assert from "node:assert/strict";
import { loadModel, type RunInput } from "@denotune/denotune";
import {
  runConfig,
  testFolder,
  TINY_LLAMA,
  tinyRows,
  tinyRun,
} from "../../run_harness.ts";
import { sample } from "../../sample.ts";

const ROWS = [{ rows: tinyRows(64), format: "alpaca" }];
const objective = { use: "masked-diffusion", fill_answer_to: 8, eval_draws: 3 };

function diffusion(outputDir: string, more: Partial<RunInput> = {}): RunInput {
  return tinyRun(outputDir, { objective, ...more });
}

Deno.test("a run adds its mask to the vocabulary, says how its folder writes, and the folder writes so", async () => {
  using folder = testFolder();
  const ran = await runConfig(diffusion(folder.path, {
    training: { max_steps: 3, batch_size: 4, logging_steps: 1 },
    data: { train: ROWS, eval: [{ rows: tinyRows(9, 2), format: "alpaca" }] },
    evaluators: ["exact-match"],
    samples: { prompts: ["hello"], at: ["end"] },
    generation: { max_new_tokens: 6 },
  }));
  assert.equal(ran.of("sample").length, 1);
  const [{ eval_loss, eval_loss_error, eval_draws, eval_exact_match }] = ran.of(
    "eval",
  ).slice(-1);
  assert.ok((eval_loss ?? 0) > 0);
  assert.ok((eval_loss_error ?? 0) > 0 && (eval_loss_error ?? 9) < 1);
  assert.equal(eval_draws, 3);
  assert.equal(typeof eval_exact_match, "number");
  const saved = JSON.parse(
    Deno.readTextFileSync(folder.at("generation_config.json")),
  );
  assert.equal(saved.denotune_objective.use, "masked-diffusion");
  assert.equal(saved.denotune_objective.fill_answer_to, 8);
  const config = JSON.parse(Deno.readTextFileSync(folder.at("config.json")));
  assert.equal(config.vocab_size, 260);
  await using model = await loadModel(folder.path, { backend: "cpu" });
  assert.equal(model.tokenizer.idOf("<|mask|>"), 259);
  const answer = await model.generate("hello", { maxNewTokens: 5 });
  assert.ok(answer.ids.length <= 5);
  await assert.rejects(
    model.generate("hello", { repetitionPenalty: 1.2 }),
    /decodes in its own way, which knows no repetition penalty/,
  );
});

Deno.test("how a saved model decodes can be changed when it is loaded, and its drafts are seen", async () => {
  using folder = testFolder();
  const training = { max_steps: 2, batch_size: 4 };
  await runConfig(diffusion(folder.path, { training }));
  for (const [steps, remasking] of [[8, "margin"], [2, "random"]] as const) {
    await using model = await loadModel(folder.path, {
      backend: "cpu",
      decoding: { steps, remasking, guidance: 0.5, answer_length: 8 },
    });
    const drafts: string[] = [];
    const { text } = await model.generate("hello", {
      maxNewTokens: 8,
      temperature: 1,
      onDraft: (draft) => drafts.push(draft),
    });
    assert.ok(drafts.length >= 1 && drafts.length <= steps);
    assert.equal(drafts.at(-1)?.replaceAll("░", "").startsWith(text), true);
    assert.ok(drafts.length === 1 || drafts[0].includes("░"));
  }
  await assert.rejects(
    loadModel(folder.path, { backend: "cpu", decoding: { stps: 3 } }),
    /objective masked-diffusion has no option `stps`; did you mean `steps`\?/,
  );
  using plain = testFolder();
  await runConfig(tinyRun(plain.path, { training }));
  await assert.rejects(
    loadModel(plain.path, { backend: "cpu", decoding: { steps: 3 } }),
    /is decoded token by token: the options of decoding \(steps\) do not apply to it; leave them out/,
  );
});

Deno.test("sft on rows without a prompt is refused, and pretraining on them is not", async () => {
  const text = [{
    rows: [{ text: "all of it" }, { text: "and this" }],
    format: "text",
  }];
  using folder = testFolder();
  await assert.rejects(
    runConfig(diffusion(folder.path, { data: { train: text } })),
    /src_mask must be provided: with training_mode sft only the tokens of answers are hidden, and 2 of 2 rows have no prompt.*set training_mode=pretrain/s,
  );
  await assert.rejects(
    runConfig(diffusion(folder.path, { data: { train: ROWS, masker: "all" } })),
    /src_mask must be provided/,
  );
  const ran = await runConfig(diffusion(folder.path, {
    training_mode: "pretrain",
    data: { train: text, template: undefined },
    training: { max_steps: 2, batch_size: 1 },
  }));
  assert.equal(ran.result.status, "done");
});

Deno.test("accumulation changes nothing: 1x8 gives the losses of 8x1", async () => {
  using one = testFolder();
  using eight = testFolder();
  const training = { max_steps: 6, logging_steps: 1 };
  const whole = await runConfig(diffusion(one.path, {
    training: { ...training, batch_size: 8 },
  }));
  const parts = await runConfig(diffusion(eight.path, {
    training: { ...training, batch_size: 1, gradient_accumulation_steps: 8 },
  }));
  whole.losses.forEach((loss, i) =>
    assert.ok(Math.abs(loss - parts.losses[i]) <= 1e-4 * loss, `step ${i}`)
  );
});

for (
  const [what, more] of sample(
    Object.entries<Partial<RunInput>>({
      "padded rows": {},
      "packed rows, a LoRA and checkpointing": {
        adapter: { use: "lora", r: 4, lora_dropout: 0.1 },
        data: { train: ROWS, collator: "packed" },
        training: { gradient_checkpointing: true },
      },
      "a stream": { data: { train: ROWS, streaming: true } },
      "a quantised base": {
        adapter: { use: "lora", r: 4 },
        model: { from_config: TINY_LLAMA, quantization: "int8" },
      },
    }),
    { count: 2, seed: 8 },
  )
) {
  Deno.test(`a resumed run is that of one that was not stopped, bit for bit: ${what}`, async () => {
    using whole = testFolder();
    using stopped = testFolder();
    const run = (path: string) =>
      diffusion(path, {
        ...more,
        training: {
          max_steps: 6,
          batch_size: 4,
          save_steps: 3,
          logging_steps: 1,
          ...more.training,
        },
      });
    await runConfig(run(whole.path));
    const aborting = new AbortController();
    const first = await runConfig(run(stopped.path), {
      signal: aborting.signal,
      onEvent: (event) => {
        if (event.event === "save" && event.kind === "checkpoint") {
          aborting.abort();
        }
      },
    });
    assert.equal(first.result.status, "interrupted");
    await runConfig(run(stopped.path));
    const file = more.adapter == null
      ? "model.safetensors"
      : "adapter_model.safetensors";
    assert.deepEqual(
      Deno.readFileSync(stopped.at(file)),
      Deno.readFileSync(whole.at(file)),
    );
  });
}

Deno.test("attention opens over the first steps: causal ones come first, and resuming keeps them", async () => {
  using whole = testFolder();
  using stopped = testFolder();
  const run = (path: string, anneal_steps = 8) =>
    diffusion(path, {
      objective: { ...objective, shift: true, anneal_steps },
      training: {
        max_steps: 10,
        batch_size: 4,
        save_steps: 4,
        logging_steps: 1,
      },
    });
  const opening = await runConfig(run(whole.path));
  const open = await (async () => {
    using folder = testFolder();
    return await runConfig(run(folder.path, 0));
  })();
  // the first step is causal for certain: the same noise, and another loss
  assert.notEqual(opening.losses[0], open.losses[0]);
  const aborting = new AbortController();
  await runConfig(run(stopped.path), {
    signal: aborting.signal,
    onEvent: (event) => event.event === "save" && aborting.abort(),
  });
  await runConfig(run(stopped.path));
  assert.deepEqual(
    Deno.readFileSync(stopped.at("model.safetensors")),
    Deno.readFileSync(whole.at("model.safetensors")),
  );
});

Deno.test("losses by source are divided by what the loss is divided by", async () => {
  for (const normalize of ["tokens", "rows"]) {
    using folder = testFolder();
    const { of } = await runConfig(diffusion(folder.path, {
      objective: { ...objective, normalize },
      data: {
        train: [
          { rows: tinyRows(20, 1), format: "alpaca" },
          { rows: tinyRows(20, 2), format: "alpaca" },
        ],
      },
      optimizer: { use: "sgd", learning_rate: 0 },
      training: { batch_size: 40, max_steps: 1, logging_steps: 1 },
    }));
    const [{ loss, source_losses = {}, token_accuracy }] = of("step");
    const [first, second] = Object.values(source_losses);
    // all rows are in the step: by rows each source is half of it
    const half = (Number(first) + Number(second)) / 2;
    const isBetween = Math.min(Number(first), Number(second)) <= Number(loss) &&
      Number(loss) <= Math.max(Number(first), Number(second));
    assert.ok(isBetween);
    if (normalize === "rows") {
      assert.ok(Math.abs(half - Number(loss)) < 1e-4 * half);
    }
    assert.ok(Number(token_accuracy) >= 0);
  }
});
