import assert from "node:assert/strict";
import {
  adamw,
  analyze,
  choose,
  ConfigError,
  defineRun,
  evaluate,
  generate,
  inspect,
  loadModel,
  lora,
  type RunInput,
  type TrackerEvent,
  train,
} from "@denotune/denotune";

const rows = Array.from({ length: 12 }, (_, i) => ({
  instruction: `Say ${i}`,
  output: `It is ${i}.`,
}));

function tinyRun(output_dir: string, more: Partial<RunInput> = {}): RunInput {
  return defineRun({
    output_dir,
    backend: "reference",
    model: {
      from_config: {
        model_type: "llama",
        vocab_size: 259,
        hidden_size: 16,
        intermediate_size: 32,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        hidden_act: "silu",
        max_position_embeddings: 64,
        rms_norm_eps: 1e-5,
        tie_word_embeddings: true,
        bos_token_id: 256,
        eos_token_id: 257,
      },
    },
    tokenizer: "byte",
    data: {
      train: [{ rows, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: 64,
    },
    optimizer: choose(adamw, { learning_rate: 0.02 }),
    training: { epochs: 6, batch_size: 4, save_steps: null },
    generation: { max_new_tokens: 8, temperature: 0 },
    samples: { prompts: ["Say 3"], at: ["end"] },
    ...more,
  });
}

/** Runs `work` with a folder of its own, and gives what it wrote to the two outputs. */
async function silently(work: (folder: string) => Promise<void>) {
  const folder = Deno.makeTempDirSync();
  const written: unknown[] = [];
  const { log, error, warn } = console;
  const { writeSync } = Deno.stdout;
  const say = (...what: unknown[]) => void written.push(what);
  Object.assign(console, { log: say, error: say, warn: say });
  Deno.stdout.writeSync = (bytes) => {
    written.push(new TextDecoder().decode(bytes));
    return bytes.length;
  };
  try {
    await work(folder);
  } finally {
    Object.assign(console, { log, error, warn });
    Deno.stdout.writeSync = writeSync;
    Deno.removeSync(folder, { recursive: true });
  }
  return written;
}

for (
  const [name, adapter] of [["all weights", null], [
    "LoRA",
    choose(lora, { r: 4 }),
  ]] as const
) {
  Deno.test(`train with ${name} tells events, prints nothing, and the saved model answers as the trained one did`, async () => {
    const written = await silently(async (folder) => {
      const events: TrackerEvent[] = [];
      const result = await train(tinyRun(`${folder}/out`, { adapter }), {
        onEvent: (event) => void events.push(event),
      });
      assert.equal(result.status, "done");
      assert.equal(result.steps, 18);
      assert.equal(result.path, `${folder}/out`);
      const sample = events.find((event) => event.event === "sample");
      await using model = await loadModel(result.path, {
        backend: "reference",
      });
      const answer = await model.generate("Say 3", { maxNewTokens: 8 });
      assert.equal(answer.text, sample?.event === "sample" ? sample.text : "");
      const steps = events.filter((event) => event.event === "step");
      const [first, last] = [steps[0], steps[steps.length - 1]];
      assert.ok((last.loss ?? 9) < (first.loss ?? 0));
    });
    assert.deepEqual(written, []);
  });
}

Deno.test("train returns `interrupted` when it is aborted, and the same call goes on", async () => {
  await silently(async (folder) => {
    const controller = new AbortController();
    const run = tinyRun(`${folder}/out`, {
      training: { epochs: 3, batch_size: 4, logging_steps: 1 },
      samples: {},
    });
    const first = await train(run, {
      signal: controller.signal,
      onEvent: (event) => event.event === "step" && controller.abort(),
    });
    assert.equal(first.status, "interrupted");
    assert.match(first.path, /checkpoint-\d+$/);
    const second = await train(run);
    assert.equal(second.status, "done");
    assert.equal(second.steps, 9);
  });
});

Deno.test("train throws ConfigError for a wrong run", async () => {
  const run = tinyRun("unused", { optimizer: "adamm" });
  await assert.rejects(train(run), (error) => error instanceof ConfigError);
});

Deno.test("inspect gives the tokens of a row with their weights", async () => {
  const [example] = await inspect(tinyRun("unused"), { row: 3 });
  assert.equal(example.row, 3);
  const trained = example.tokens.filter((token) => token.weight > 0);
  assert.equal(trained.map((token) => token.text).join(""), "It is 3.<|eos|>");
  const shown = await inspect(tinyRun("unused"), { examples: 5 });
  assert.deepEqual(shown.map((example) => example.row), [0, 1, 2, 3, 4]);
});

Deno.test("loadModel answers texts and turns, many at a time as one at a time", async () => {
  await silently(async (folder) => {
    const { path } = await train(tinyRun(`${folder}/out`));
    const prompts = rows.map((row) => row.instruction);
    await using model = await loadModel(path, {
      backend: "reference",
      rows: 5,
    });
    const options = { maxNewTokens: 6 };
    const together = await model.generateAll(prompts, options);
    for (const [i, prompt] of prompts.entries()) {
      const content = [{ role: "user", content: prompt }] as const;
      const alone = await model.generate(content, options);
      assert.deepEqual(alone.ids, together[i].ids);
    }
    const drawn = {
      ...options,
      temperature: 1.5,
      numReturnSequences: 3,
      seed: 5,
    };
    const several = await model.generateAll(["Say 3", "Say 5"], drawn);
    assert.equal(several.length, 6);
    assert.ok(new Set(several.map((a) => a.ids.join())).size > 3);
    assert.deepEqual(
      several.map((a) => a.promptTokens),
      await Promise.all(
        ["Say 3", "Say 3", "Say 3", "Say 5", "Say 5", "Say 5"].map(async (p) =>
          (await model.generate(p, options)).promptTokens
        ),
      ),
    );
    await assert.rejects(
      model.generateAll(["Say 3"], { numReturnSequences: 2 }),
      { name: "ConfigError", message: /at temperature 0 all answers are the/ },
    );
    await assert.rejects(model.generate("Say 3", drawn), {
      name: "ConfigError",
      message: /use `generateAll`/,
    });
    const told: string[] = [];
    const { text } = await model.generate("Say 5", {
      ...options,
      onText: (piece) => void told.push(piece),
    });
    assert.equal(told.join(""), text);
    const once = await generate(path, "Say 5", {
      ...options,
      backend: "reference",
    });
    assert.equal(once.text, text);
    // of this thread: other tests share the process; garbage is counted, as encoding would leave it
    const held = () => {
      const { external, heapTotal } = Deno.memoryUsage();
      return external + heapTotal;
    };
    const before = held();
    await assert.rejects(
      () => model.generate("x".repeat(5e7)),
      /Prompt 1 has \d+ characters; 64 tokens fit/,
    );
    assert.ok(held() - before < 100e6, "it was not encoded");
  });
});

Deno.test("analyze reports on rows in memory, a run and a file, silently", async () => {
  await silently(async (folder) => {
    const repeated = [...rows, rows[3], { instruction: "Say it", output: "" }];
    const notices: string[] = [];
    const report = await analyze({ data: { train: [{ rows: repeated }] } }, {
      settings: { examples: 1 },
      onNotice: (message) => notices.push(message),
    });
    assert.equal(report.metrics.rows, 14);
    assert.deepEqual(report.metrics.duplicates, {
      count: 1,
      of: 14,
      share: 1 / 14,
    });
    assert.equal(report.metrics.empty_responses.count, 1);
    assert.equal(report.subject.token_unit, "bytes");
    assert.equal(report.subject.max_length, 4096);
    assert.match(notices.join(), /format alpaca/);

    const ofRun = await analyze(tinyRun(folder), {
      overrides: ["data.max_length=20"],
    });
    assert.equal(ofRun.subject.max_length, 20);
    assert.equal(ofRun.subject.approximate_tokens, false);

    const file = `${folder}/rows.jsonl`;
    Deno.writeTextFileSync(
      file,
      repeated.map((row) => JSON.stringify(row)).join("\n"),
    );
    const ofFile = await analyze(file, { settings: { examples: 1 } });
    assert.deepEqual(ofFile.metrics, report.metrics);
    assert.match(ofFile.findings[0].examples[0].where, /rows\.jsonl:\d+$/);
    await assert.rejects(
      analyze(tinyRun(folder), { eval: [file] }),
      /--eval can only be given with a data file/,
    );
    await assert.rejects(analyze(`${folder}/none.jsonl`), ConfigError);
    await assert.rejects(
      analyze(file, { signal: AbortSignal.abort() }),
      /abort/,
    );
  });
});

Deno.test("evaluate gives what training found at its end, of the saved model and of the one before", async () => {
  await silently(async (folder) => {
    const short = {
      training: { epochs: 1, batch_size: 6, save_steps: null },
      samples: {},
    };
    const base = await train(tinyRun(`${folder}/base`, short));
    const run = tinyRun(`${folder}/out`, {
      ...short,
      model: { path: base.path },
      tokenizer: "huggingface",
      adapter: choose(lora, { r: 4 }),
      data: {
        ...tinyRun("unused").data,
        eval: [{ rows, format: "alpaca" }],
      },
      evaluators: [{ use: "exact-match", max_new_tokens: 2 }],
    });
    const { path, metrics } = await train(run);
    const [before, after] = await evaluate(run, [path], {
      backend: "reference",
      compare: "base",
    });
    assert.ok(before.isBase && !after.isBase);
    const [{ metrics: found }] = after.results;
    assert.equal(found.get("eval_exact_match"), metrics.eval_exact_match);
    assert.equal(after.rows, rows.length);
  });
});
