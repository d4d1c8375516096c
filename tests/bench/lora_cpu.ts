/**
 * LoRA on the cpu backend: r 16 on all linear layers of a model with random weights and the sizes of one that people
 * fine-tune; `--full` trains all weights instead. With `--peft` each round also runs `lora_peft.py` (transformers and
 * PEFT on as many threads), one after the other. `--precisions float32,bfloat16` runs both in turn (PyTorch under
 * autocast), and prints ratios to the first. `--bf16` stores frozen weights in bfloat16. Prints trained tokens per second and peak memory of every round, medians, and ratios. The model is
 * written by `lora_models.py` into a temporary folder, and kept there. Run: `deno run -A tests/bench/lora_cpu.ts
 * [--model gpt2-124m|llama-135m|gemma3-270m|lfm2-350m|smollm3-3b] [--layers 4] [--batch 4] [--length 512] [--rounds 3]
 * [--steps 3] [--peft] [--checkpointing] [--bf16] [--full] [--precisions float32,bfloat16] [--profile]`
 * @module
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Inputs } from "../../core/contracts/objective.ts";
import { Engine } from "../../core/engine/engine.ts";
import { inventoryOf } from "../../core/engine/model/build_model.ts";
import { planEngine } from "../../core/engine/plan_engine.ts";
import { initialWeights } from "../../core/io/initial_weights.ts";
import { openModelFolder } from "../../core/io/model_folder.ts";
import { memoryNeed } from "../../core/run/open/memory_check.ts";
import {
  findArchitecture,
  writeBaseWeights,
} from "../../core/run/open/open_model.ts";
import { creatingWith } from "@denotune/denotune/core";
import type { AttachedAdapter, ModelSpec } from "@denotune/denotune/core";
import { loraAdapter } from "../../plugins/adapters/_attach.ts";
import { loraOptions } from "../../plugins/adapters/_options.ts";
import { cpuBackend } from "../backends/cpu/open.ts";
import { builtinRegistry } from "../run_harness.ts";
import { trainRequest } from "../train_request.ts";

const WORKERS = 2;

interface Round {
  readonly tokensPerSecond: number;
  /** Seconds of processor time a step: what counts on a machine that others use too. */
  readonly processor: number;
  /** Bytes. */
  readonly peak: number;
  readonly planned?: number;
  readonly loss: number;
}

const flag = (name: string) => Deno.args.includes(`--${name}`);
const text = (name: string, byDefault: string) => {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? byDefault : Deno.args[at + 1];
};
const number = (name: string, byDefault: number) =>
  Number(text(name, String(byDefault)));
const steps = number("steps", 3);
const [B, T] = [number("batch", 4), number("length", 512)];

/** The folder of the model, which is written where it is not there. */
async function modelFolder(): Promise<string> {
  const [name, layers] = [text("model", "llama-135m"), text("layers", "all")];
  const folder = join(tmpdir(), `denotune-bench-${name}-${layers}`);
  try {
    await Deno.stat(join(folder, "model.safetensors"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const { success } = await new Deno.Command("python3", {
      args: [
        new URL("lora_models.py", import.meta.url).pathname,
        name,
        folder,
        ...layers === "all" ? [] : ["--layers", layers],
      ],
      stderr: "null",
    }).output();
    if (!success) throw new Error(`lora_models.py could not write ${name}`);
  }
  return folder;
}

function lora(spec: ModelSpec): AttachedAdapter {
  return loraAdapter(loraOptions.parse({ r: 16, lora_alpha: 32 }))
    .attach({ spec, ...inventoryOf(spec, T) });
}

/** Every token but the first of a row is trained. */
function batch(step: number, vocabulary: number): Inputs {
  const N = B * T;
  const tokens = Int32Array.from(
    { length: N },
    (_, i) => (i * 7919 + step * 104729) % vocabulary,
  );
  const rows = Int32Array.from(tokens.keys()).filter((i) => i % T !== T - 1);
  return {
    B,
    T,
    tokens,
    positions: Int32Array.from({ length: N }, (_, i) => i % T),
    segments: new Int32Array(N).fill(1),
    rowKeys: Int32Array.from(tokens.keys()),
    rows,
    targets: rows.map((i) => tokens[i + 1]),
    weights: new Float32Array(rows.length).fill(1),
    sources: new Int32Array(rows.length),
    divisor: rows.length,
  };
}

/** Peak resident memory of this process in bytes (Linux). */
function peakMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) * 1024;
}

async function measure(): Promise<Round> {
  const profile = flag("profile");
  using folder = openModelFolder(text("folder", ""));
  const architecture = await findArchitecture(
    folder.config.model_type,
    creatingWith(builtinRegistry()),
    folder.path,
  );
  const spec = architecture.describe(folder.config);
  const precision = precisionOf(text("precision", "float32"));
  const backend = await cpuBackend({ workers: WORKERS, profile });
  await using device = await backend.open({ precision });
  const planned = planEngine(
    trainRequest(spec, {
      precision,
      adapter: flag("full") ? null : lora(spec),
      frozenDtype: flag("bf16") ? "bf16" : "f32",
      adamw: { learning_rate: 1e-4 },
      train: { B, T, checkpointing: flag("checkpointing") },
    }),
    device.info,
  );
  const need = memoryNeed(planned, device.info, null);
  await using engine = await Engine.open(planned, device);
  await writeBaseWeights(
    {
      spec,
      architecture,
      folder,
      fresh: null,
      name: folder.path,
      hub: null,
      [Symbol.dispose]: () => {},
    },
    planned.inventory.weights,
    { session: engine.session, seed: 1 },
  );
  for (const w of planned.request.adapter?.parameters ?? []) {
    engine.session.write(w.name, initialWeights(w, 1));
  }
  const run = async (first: number, count: number) => {
    for (let step = first; step < first + count; step++) {
      const inputs = batch(step, spec.vocabSize);
      engine.micro(inputs, inputs.divisor);
      engine.update({ learningRate: 1e-4, step });
    }
    await device.idle();
  };
  await run(1, 1);
  await device.profile?.();
  const before = process.cpuUsage();
  const start = performance.now();
  await run(2, steps);
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(before);
  if (profile) show(await device.profile?.() ?? [], seconds);
  const [last] = await engine.results(1);
  return {
    tokensPerSecond: steps * B * (T - 1) / seconds,
    processor: (used.user + used.system) / 1e6 / steps,
    peak: peakMemory(),
    planned: need.total,
    loss: last.lossSum / (B * (T - 1)),
  };
}

function show(
  times: readonly {
    kernel: string;
    label: string;
    seconds: number;
    calls: number;
  }[],
  seconds: number,
): void {
  const byKernel = Map.groupBy(
    times,
    (t) => `${t.kernel} ${t.label.replace(/\d+/g, "*")}`,
  );
  const rows = [...byKernel].map(([kernel, list]) => ({
    kernel,
    seconds: list.reduce((s, t) => s + t.seconds, 0),
    calls: list.reduce((s, t) => s + t.calls, 0),
  })).sort((a, b) => b.seconds - a.seconds);
  for (const r of rows.slice(0, 40)) {
    console.error(
      `${(100 * r.seconds / seconds).toFixed(1).padStart(5)} %`,
      String(r.calls).padStart(6),
      r.kernel,
    );
  }
}

function precisionOf(name: string): "float32" | "bfloat16" {
  if (name === "float32" || name === "bfloat16") return name;
  throw new Error(`no precision ${name}: float32, bfloat16`);
}

/** One round in a process of its own: peaks are of a process. */
async function child(command: string, args: readonly string[]): Promise<Round> {
  const { success, stdout } = await new Deno.Command(command, {
    args: [...args],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${command} ${args[0]} failed`);
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return JSON.parse(lines[lines.length - 1]);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

if (flag("child")) {
  console.log(JSON.stringify(await measure()));
} else {
  const here = new URL(".", import.meta.url).pathname;
  const found = new Map<string, Round[]>();
  const note = (name: string, round: Round) => {
    found.set(name, [...found.get(name) ?? [], round]);
    console.log(
      `${name.padEnd(18)} ${
        round.tokensPerSecond.toFixed(0).padStart(6)
      } trained tokens/s  ${round.processor.toFixed(1)} processor s a step  ${
        (round.peak / 2 ** 20).toFixed(0).padStart(6)
      } MB  loss ${round.loss.toFixed(4)}${
        round.planned === undefined
          ? ""
          : `  planned ${(round.planned / 2 ** 20).toFixed(0)} MB`
      }`,
    );
  };
  const folder = await modelFolder();
  const shared = Deno.args.filter((a) => a !== "--peft");
  const precisions = text("precisions", "float32").split(",").map(precisionOf);
  for (let round = 0; round < number("rounds", 3); round++) {
    for (const precision of precisions) {
      const own = ["run", "-A", `${here}lora_cpu.ts`, "--child"];
      const chosen = ["--folder", folder, "--precision", precision];
      note(
        `denotune ${precision}`,
        await child(Deno.execPath(), [...own, ...chosen, ...shared]),
      );
      if (!flag("peft")) continue;
      const sizes = { model: folder, steps, batch: B, length: T };
      const args = Object.entries(sizes)
        .flatMap(([k, v]) => [`--${k}`, `${v}`]);
      if (flag("checkpointing")) args.push("--checkpointing");
      if (flag("full")) args.push("--full");
      if (precision === "bfloat16") args.push("--autocast");
      note(
        `peft ${precision}`,
        await child("python3", [`${here}lora_peft.py`, ...args]),
      );
    }
  }
  const medians = [...found].map(([name, rounds]) => {
    const [speed, processor, peak] = [
      rounds.map((r) => r.tokensPerSecond),
      rounds.map((r) => r.processor),
      rounds.map((r) => r.peak),
    ].map(median);
    console.log(
      `${name.padEnd(18)} median ${speed.toFixed(0)} trained tokens/s, ${
        processor.toFixed(2)
      } processor s a step, ${(peak / 2 ** 20).toFixed(0)} MB`,
    );
    return { name, speed, processor };
  });
  const [own, ...others] = medians;
  for (const other of others) {
    console.log(
      `${own.name} / ${other.name}: ${
        (own.speed / other.speed).toFixed(2)
      } by wall time, ${
        (other.processor / own.processor).toFixed(2)
      } by processor time`,
    );
  }
}
