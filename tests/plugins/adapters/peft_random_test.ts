/**
 * Adapters whose settings were drawn at random: base and adapter together, and the merged model, give the
 * logits that PEFT gives for base and adapter (`tests/golden/make_adapters.py`). With DENOTUNE_TEST_ALL=1
 * all of them, else one in twenty.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { merge } from "@denotune/denotune";
import { localDevice } from "../../../core/device/local_device.ts";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { creatingWith } from "../../../core/config/parts/create_part.ts";
import { openRegistry } from "../../../core/config/parts/open_registry.ts";
import { type JsonObject, showJson } from "../../../core/io/json_file.ts";
import {
  tensorOf,
  writeSafetensors,
} from "../../../core/io/write_safetensors.ts";
import { bindAdapter } from "../../../core/library/adapters.ts";
import { logitsOf } from "../../../core/library/logits.ts";
import { openBase } from "../../../core/library/open_base.ts";
import { builtIn } from "../../../plugins/library.ts";
import { testFolder } from "../../run_harness.ts";
import adapters from "../../golden/adapters.json" with { type: "json" };

interface Case {
  readonly base: keyof typeof adapters.bases;
  /** What differs from `adapters.config`. */
  readonly config: JsonObject;
  /** Numbers of `adapters.names`, each with the sizes. */
  readonly tensors: readonly (readonly number[])[];
  /** Tensors that have the numbers of another one. */
  readonly copies?: readonly (readonly number[])[];
  readonly logits: readonly number[];
}

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const EVERY = 20;
/** Share of the largest logit: float32 against float32, in other orders of sums. */
const CLOSE = 5e-6;
/** PiSSA's residual comes from singular vectors, which PEFT computes in float32. */
const CLOSE_PISSA = 3e-5;

/** The numbers of a tensor, as `values` of make_adapters.py makes them. */
function valuesOf(name: string, shape: readonly number[]): Float32Array {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) {
    seed = Math.imul(seed ^ byte, 16777619) >>> 0;
  }
  const unit = (i: number) => {
    let x = (Math.imul(i, 0x9E3779B9) + seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85EBCA6B) >>> 0;
    x = Math.imul(x ^ (x >>> 13), 0xC2B2AE35) >>> 0;
    return ((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1;
  };
  const [middle, width] = name.includes("magnitude")
    ? [0.6, 0.3]
    : name.endsWith("weight") && shape.length === 1
    ? [1, 0.2]
    : [0, 0.25];
  const size = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from(
    { length: size },
    (_, i) => middle + width * unit(i),
  );
}

async function writeBase(folder: string, name: Case["base"]): Promise<void> {
  await Deno.mkdir(folder);
  const { config, tensors } = adapters.bases[name];
  await Deno.writeTextFile(join(folder, "config.json"), showJson(config));
  const list = Object.entries(tensors).map(([name, shape]) =>
    tensorOf(name, shape, valuesOf(name, shape))
  );
  await writeSafetensors(join(folder, "model.safetensors"), list, {
    dtype: "F32",
  });
}

async function writeAdapter(folder: string, c: Case): Promise<JsonObject> {
  await Deno.mkdir(folder);
  const config: JsonObject = {
    ...adapters.config,
    ...c.config,
    base_model_name_or_path: `../${c.base}`,
  };
  await Deno.writeTextFile(
    join(folder, "adapter_config.json"),
    showJson(config),
  );
  const original = new Map(c.copies?.map(([copy, of]) => [copy, of]));
  const list = c.tensors.map(([index, ...shape]) => {
    const from = adapters.names[original.get(index) ?? index];
    return tensorOf(adapters.names[index], shape, valuesOf(from, shape));
  });
  await writeSafetensors(join(folder, "adapter_model.safetensors"), list, {
    dtype: "F32",
  });
  return config;
}

/** Largest difference, as a share of the largest logit that is wanted. */
function distance(found: Float32Array, wanted: readonly number[]): number {
  const last = found.subarray(found.length - wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((w, i) => Math.abs(w - last[i]))) / largest;
}

const cases: readonly Case[] = adapters.cases as readonly Case[];

Deno.test(`${ALL ? cases.length : Math.ceil(cases.length / EVERY)} random adapters of PEFT give its logits, and so do their merged models`, async () => {
  using folder = testFolder();
  const registry = await openRegistry(builtIn);
  const creating = creatingWith(registry, { base: folder.path });
  const ids = [Int32Array.from(adapters.ids)];
  for (const name of Object.keys(adapters.bases) as Case["base"][]) {
    await writeBase(folder.at(name), name);
  }
  const wrong: string[] = [];
  for (const [i, c] of cases.entries()) {
    if (!ALL && i % EVERY !== 0) continue;
    const path = folder.at(`adapter${i}`);
    const config = await writeAdapter(path, c);
    const what = `${i} ${c.base} ${JSON.stringify(c.config)}`;
    try {
      const device = () => localDevice(new ReferenceExecutor());
      using model = await openBase(
        { base: folder.at(c.base), adapters: [path] },
        creating,
      );
      const adapter = await bindAdapter({ path, config }, model, creating);
      const options = { model, dtype: "f32", device: device() } as const;
      const [beside] = await logitsOf(ids, { ...options, adapter });
      const close = c.config.init_lora_weights === "pissa"
        ? CLOSE_PISSA
        : CLOSE;
      const off = distance(beside, c.logits);
      if (!(off < close)) wrong.push(`beside, off by ${off}: ${what}`);
      const merged = await merge(path, { backend: "reference" });
      using sum = await openBase({ base: merged.path }, creating);
      const [alone] = await logitsOf(ids, {
        model: sum,
        adapter: null,
        dtype: "f32",
        device: device(),
      });
      const away = distance(alone, c.logits);
      if (!(away < close)) wrong.push(`merged, off by ${away}: ${what}`);
    } catch (error) {
      wrong.push(`${error}: ${what}`);
    }
    await Deno.remove(path, { recursive: true });
  }
  assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} are wrong`);
});
