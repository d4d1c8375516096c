/** Exported files in llama.cpp, and the same models here. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ExportRequest } from "@denotune/denotune/core";
import { builtin } from "../../../../plugins/mod.ts";
import { cpu } from "../../../../backends/cpu/mod.ts";
import gptNeox from "../../../../examples/gpt_neox_model/gpt_neox.ts";
import { creatingWith } from "../../../../core/config/parts/create_part.ts";
import { logitsOf } from "../../../../core/library/logits.ts";
import { openBase } from "../../../../core/library/open_base.ts";
import { Registry } from "../../../../core/contracts/registry.ts";
import { openBackend } from "../../../golden/_backends.ts";
import { saveForTransformers } from "../onnx/_tiny_exports.ts";
import { python } from "../../../python.ts";

const HERE = new URL("./", import.meta.url).pathname;

/** A question to llama.cpp. */
export interface Job {
  readonly file: string;
  readonly loras?: readonly string[];
  readonly context?: number;
  readonly tokenize?: readonly string[];
  readonly complete?: readonly {
    readonly ids: number[];
    readonly count: number;
  }[];
  /** Ids that are not answered. */
  readonly banned?: readonly number[];
  readonly messages?: readonly unknown[];
}

/** What it answered. */
export interface JobAnswer {
  readonly error?: string;
  readonly tokenize?: readonly (readonly number[])[];
  readonly complete?: readonly {
    readonly ids: readonly number[];
    readonly top:
      readonly (readonly [number, readonly (readonly [number, number])[]])[];
  }[];
  readonly prompts?: readonly string[];
}

/** Asks llama.cpp. */
export async function askLlama(
  folder: string,
  jobs: readonly Job[],
): Promise<JobAnswer[]> {
  const path = join(folder, "jobs.json");
  Deno.writeTextFileSync(path, JSON.stringify(jobs));
  const out = await python([`${HERE}witness_llama.py`, path]);
  const answers: JobAnswer[] = JSON.parse(out.trim().split("\n").at(-1) ?? "");
  assert.deepEqual(answers.flatMap(({ error }) => error ?? []), []);
  return answers;
}

/** Logits (T, V) of rows of ids, by the model of a request, on `cpu`. */
export async function ourLogits(
  folder: string,
  request: Pick<ExportRequest, "model">,
  rows: readonly Int32Array[],
): Promise<Float32Array[]> {
  await saveForTransformers(folder, request);
  return await savedLogits(folder, rows);
}

/** Logits (T, V) of rows of ids, by the model of a folder, on `cpu`. */
export async function savedLogits(
  folder: string,
  rows: readonly Int32Array[],
): Promise<Float32Array[]> {
  const registry = new Registry();
  registry.add(builtin, "denotune");
  registry.add(gptNeox, "gpt_neox.ts");
  const creating = creatingWith(registry, { base: folder });
  using model = await openBase({ base: folder }, creating);
  await using device = await openBackend(cpu);
  return await logitsOf(rows, { model, adapter: null, dtype: "f32", device });
}

/** How far llama.cpp's answers are from ours. */
export interface Distance {
  readonly tokens: number;
  /** Tokens that are not our likeliest. */
  readonly others: number;
  /** Largest difference of a log-probability, among the five likeliest tokens. */
  readonly largest: number;
}

/** Compares answers with logits of the rows `ids + answer`. */
export function distanceOf(
  { complete: prompts = [], banned = [] }: Job,
  answers: NonNullable<JobAnswer["complete"]>,
  logits: readonly Float32Array[],
): Distance {
  let [tokens, others, largest] = [0, 0, 0];
  for (const [k, { ids, top }] of answers.entries()) {
    const { length } = prompts[k].ids;
    const V = logits[k].length / (length + ids.length);
    const rowAt = (i: number) => {
      const at = (length - 1 + i) * V;
      return logits[k].subarray(at, at + V);
    };
    ids.forEach((id, i) => {
      const row = rowAt(i);
      const most = row.reduce(
        (a, v, other) => banned.includes(other) ? a : Math.max(a, v),
        -Infinity,
      );
      tokens++;
      // as near as both are to each other: either is the likeliest
      if (row[id] < most - 2e-3) others++;
    });
    let i = 0;
    for (const [id, likeliest] of top) {
      while (ids[i] !== id) i++;
      const row = rowAt(i++);
      const most = row.reduce((a, v) => Math.max(a, v), -Infinity);
      const sum = row.reduce((a, v) => a + Math.exp(v - most), 0);
      for (const [token, logprob] of likeliest) {
        const own = row[token] - most - Math.log(sum);
        largest = Math.max(largest, Math.abs(own - logprob));
      }
    }
  }
  return { tokens, others, largest };
}
