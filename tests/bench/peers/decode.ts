/**
 * Answers of our engine: a model with random weights, some rows at once, greedy.
 * @module
 */
import process from "node:process";
import { Engine } from "../../../core/engine/engine.ts";
import { planEngine } from "../../../core/engine/plan_engine.ts";
import { writeQuantized } from "../../../core/engine/quantized_weights.ts";
import { bytesOf, isQuantized } from "../../../core/graph/dtype.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import type { Quantization } from "@denotune/denotune/core";
import { openCpu } from "../../backends/cpu/open.ts";
import { secondsOfBytes } from "./floor.ts";
import { type ModelName, specOf } from "./models.ts";
import { showProfile } from "./profile.ts";
import { type Measured, peakMemory, THREADS } from "./row.ts";

/** What is decoded. */
export interface Decoding {
  readonly model: ModelName;
  readonly rows: number;
  /** Tokens of each answer; prompts have 16. */
  readonly tokens: number;
  readonly quantization?: Quantization;
  readonly blas?: "auto" | "off";
}

/** Answers to `rows` prompts; work is the tokens of all answers. The floor is reading all weights once a token. */
export async function decode(d: Decoding, profile = false): Promise<Measured> {
  const spec = await specOf(d.model);
  const device = await openCpu({
    workers: THREADS,
    blas: d.blas ?? "auto",
    profile,
  });
  const planned = planEngine({
    spec,
    adapter: null,
    frozenDtype: "f32",
    quantization: d.quantization ?? null,
    // as a model is loaded for answering
    headQuantization: d.quantization === undefined ? null : "int8",
    causal: true,
    train: null,
    evaluate: null,
    generate: { rows: d.rows, capacity: 32 + d.tokens, prefill: 32 },
    sources: 1,
  }, device.info);
  const engine = await Engine.open(planned, device);
  let bytes = 0;
  for (const w of planned.inventory.weights) {
    const values = initialWeights(w, 3);
    const dtype = engine.session.dtypeOf(w.name);
    // of a table that is no head too only a few lines are read; those models tie them
    if (!isQuantized(dtype)) {
      bytes += values.length * bytesOf(dtype);
      engine.session.write(w.name, values);
    } else {
      bytes += values.length * (dtype === "int8" ? 1 : 0.5);
      writeQuantized(
        engine.session,
        w.name,
        (start, count) => values.subarray(start, start + count),
      );
    }
    await engine.session.drain();
  }
  const { generator } = engine;
  if (generator === null) throw new Error("not planned for generation");
  const prompts = Array.from({ length: d.rows }, (_, key) => ({
    prompt: Int32Array.from({ length: 16 }, (_, i) => (7 * i + key) % 500),
    maxNewTokens: d.tokens,
    key,
    onToken: () => false,
  }));
  const answer = () =>
    generator.generate(prompts, {
      temperature: 0,
      topK: null,
      topP: 1,
      repetitionPenalty: 1,
      seed: 1,
    });
  await answer();
  await device.profile?.();
  const before = process.cpuUsage();
  const start = performance.now();
  const answers = await answer();
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(before);
  if (profile) showProfile(await device.profile?.() ?? [], d.tokens);
  const measured = {
    work: answers.reduce((sum, { ids }) => sum + ids.length, 0),
    seconds,
    processor: (used.user + used.system) / 1e6,
    peak: peakMemory(),
  };
  await engine[Symbol.asyncDispose]();
  await device[Symbol.asyncDispose]();
  return { ...measured, floor: await secondsOfBytes(bytes * d.tokens) };
}
