/**
 * What every tracker must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import type { Tracker, TrackerEvent } from "@denotune/denotune/core";

/** A short run: an event of every kind, in the order in which a run tells them. */
export function exampleEvents(): TrackerEvent[] {
  const place = (step: number) => ({ step, epoch: step / 4, time: step * 2 });
  return [
    { event: "progress", ...place(0), task: "tokenizing", done: 5, total: 10 },
    {
      event: "progress",
      ...place(0),
      task: "tokenizing",
      done: 10,
      total: null,
    },
    {
      event: "start",
      ...place(0),
      version: "0.1.0",
      output_dir: "outputs/capitals",
      model: "some/model",
      model_type: "llama",
      parameters: 134_515_008,
      trained_parameters: 4_884_480,
      adapter: "lora",
      optimizer: "adamw",
      schedule: "cosine",
      seed: 42,
      backend: "cpu",
      device: "a processor, 2 workers",
      backend_reason: "no hardware GPU was found",
      permissions: ["read", "write", "sys:hostname"],
      rows: 999,
      skipped_rows: 3,
      eval_rows: 50,
      packs: 212,
      tokens: 120_000,
      trained_tokens: 45_000,
      template: "alpaca",
      masker: "completion-only",
      batch_size: 4,
      gradient_accumulation_steps: 1,
      steps_per_epoch: 53,
      total_steps: 159,
      epochs: 3,
      memory: {
        weights: 538_000_000,
        gradients: 20_000_000,
        optimizer: 40_000_000,
        activations: 220_000_000,
        cache: 0,
        inputs: 1000,
        total: 818_001_000,
        available: 8_000_000_000,
      },
      resumed_at: null,
    },
    {
      event: "notice",
      ...place(0),
      level: "warning",
      message: "3 rows have no trained token and are left out",
    },
    {
      event: "sample",
      ...place(0),
      at: "start",
      index: 0,
      prompt: "What is the capital of France?",
      text: "The the\u001b[2J the",
      finish: "length",
    },
    {
      event: "step",
      ...place(2),
      loss: 2.5,
      token_accuracy: 0.4,
      learning_rate: 5e-5,
      grad_norm: 1.25,
      trained_tokens: 800,
      total_trained_tokens: 800,
      tokens_per_second: 1200,
      trained_tokens_per_second: 400,
      padded_share: 0.125,
      seconds_left: 200,
      skipped_updates: 0,
    },
    {
      event: "step",
      ...place(4),
      loss: null,
      token_accuracy: null,
      learning_rate: 0,
      grad_norm: null,
      trained_tokens: 0,
      total_trained_tokens: 800,
      tokens_per_second: null,
      trained_tokens_per_second: null,
      padded_share: 0,
      seconds_left: null,
      skipped_updates: 2,
      source_losses: { "a.jsonl": 1.5, "b.jsonl": null },
    },
    {
      event: "epoch",
      ...place(4),
      epoch_loss: 2.25,
      trained_tokens: 800,
      seconds: 8,
    },
    {
      event: "eval",
      ...place(4),
      eval_loss: 2,
      eval_perplexity: 7.389,
      eval_token_accuracy: 0.5,
      eval_seconds: 1,
      eval_exact_match: 0.75,
      eval_exact_match_geography: 1,
    },
    {
      event: "result",
      ...place(4),
      evaluator: "answers",
      records: [
        {
          prompt: "What is 1 + 1?\n",
          answer: "2\u001b[2J",
          right: true,
          score: 1,
        },
        {
          prompt: "Say hello. ".repeat(40),
          answer: "",
          right: null,
          score: 0.5,
        },
      ],
      path: "outputs/capitals/evaluations/answers-4.jsonl",
      verdict: { passed: false, reason: "right is 0.5, below 0.9" },
    },
    {
      event: "save",
      ...place(4),
      kind: "checkpoint",
      path: "outputs/capitals/checkpoint-4",
      removed: ["outputs/capitals/checkpoint-2"],
    },
    {
      event: "sample",
      ...place(4),
      at: "end",
      index: 0,
      prompt: "What is the capital of France?",
      text: "Paris.",
      finish: "stop",
    },
    {
      event: "save",
      ...place(4),
      kind: "adapter",
      path: "outputs/capitals",
      removed: [],
    },
    {
      event: "profile",
      ...place(2),
      steps: 1,
      kernels: [{
        kernel: "matmul",
        label: "layers.0.mlp.up_proj",
        seconds: 0.25,
        calls: 2,
      }],
      counts: { dispatches: 125, submits: 2.5 },
    },
    {
      event: "end",
      ...place(4),
      status: "done",
      seconds: 10,
      total_trained_tokens: 800,
      skipped_updates: 2,
      path: "outputs/capitals",
      error: null,
    },
  ];
}

/** Registers the tests of a tracker. */
export function testTracker(
  name: string,
  make: () => Tracker | Promise<Tracker>,
): void {
  for (const resumedAt of [0, 4]) {
    Deno.test(`${name}: takes every event of a run${resumedAt > 0 ? " that is resumed" : ""}`, async () => {
      const outputDir = await Deno.makeTempDir();
      try {
        const tracker = await make();
        await tracker.start({
          outputDir,
          totalSteps: 159,
          resumedAt,
          settings: { training: { epochs: 3 } },
        });
        const events = exampleEvents();
        const before = structuredClone(events);
        for (const event of events) tracker.event(event);
        assert.deepEqual(events, before, "events are not changed");
        await tracker.close();
      } finally {
        await Deno.remove(outputDir, { recursive: true });
      }
    });
  }

  Deno.test(`${name}: can be closed without an event`, async () => {
    const outputDir = await Deno.makeTempDir();
    try {
      const tracker = await make();
      await tracker.start({
        outputDir,
        totalSteps: 10,
        resumedAt: 0,
        settings: {},
      });
      await tracker.close();
    } finally {
      await Deno.remove(outputDir, { recursive: true });
    }
  });
}
