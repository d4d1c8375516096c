/**
 * The memory plan against what a process takes: whole runs on the cpu backend in processes of their own.
 *
 *     deno task bench planned_memory                 sizes, from half a gigabyte to four
 *     deno task bench planned_memory optimizers      every optimizer, all weights of a Llama of 135 million
 *     deno task bench planned_memory optimizers muon,sgd      some of them
 * @module
 */
import type { RunInput } from "../../core/config/types.ts";
import { runConfig, testFolder } from "../run_harness.ts";

/** What is trained, by name. */
type Cases = Readonly<Record<string, Partial<RunInput>>>;

function llama(
  { hidden, layers, vocabulary = 8192, heads = hidden / 64, ...more }: {
    readonly hidden: number;
    readonly layers: number;
    readonly vocabulary?: number;
    readonly heads?: number;
    readonly num_key_value_heads?: number;
    readonly intermediate_size?: number;
  },
): RunInput["model"] {
  return {
    from_config: {
      model_type: "llama",
      vocab_size: vocabulary,
      hidden_size: hidden,
      intermediate_size: 3 * hidden,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      num_key_value_heads: heads,
      hidden_act: "silu",
      max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
      ...more,
    },
  };
}

/** A run of so many rows of so many tokens a step. */
function sized(
  { hidden, layers, B, T, lora = false }: {
    readonly hidden: number;
    readonly layers: number;
    readonly B: number;
    readonly T: number;
    readonly lora?: boolean;
  },
  more: Partial<RunInput> = {},
): Partial<RunInput> {
  const rows = Array.from({ length: 24 }, (_, i) => ({
    instruction: `say ${i}`,
    output: "word ".repeat((T - 20) / 5),
  }));
  return {
    model: llama({ hidden, layers }),
    adapter: lora ? { use: "lora", r: 16 } : null,
    data: {
      train: [{ rows, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: T,
      truncation: "keep-start",
    },
    ...more,
    training: { batch_size: B, ...more.training },
  };
}

const SIZES: Cases = {
  "full, 0.6 GB": sized({ hidden: 512, layers: 4, B: 4, T: 256 }),
  "LoRA, checkpointing, no BLAS": sized(
    { hidden: 512, layers: 8, B: 4, T: 512, lora: true },
    {
      backend: { use: "cpu", blas: "off" },
      training: { gradient_checkpointing: true },
    },
  ),
  "LoRA, 0.9 GB": sized({ hidden: 512, layers: 8, B: 4, T: 512, lora: true }),
  "LoRA, 1.8 GB": sized({ hidden: 1024, layers: 8, B: 4, T: 512, lora: true }),
  "full, 4.4 GB": sized({ hidden: 1024, layers: 12, B: 4, T: 512 }),
};

/** Shaped as SmolLM2 with 135 million weights: one row of 256 tokens, all of them trained. */
const SMOL: Partial<RunInput> = {
  model: llama({
    hidden: 576,
    layers: 30,
    vocabulary: 49_152,
    heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
  }),
  adapter: null,
  schedule: "constant", // schedule-free takes no other
  training_mode: "pretrain",
  data: {
    train: [{
      rows: Array.from({ length: 8 }, (_, i) => ({
        text: `${i} ${"word ".repeat(50)}`,
      })),
      format: "text",
    }],
    max_length: 256,
    truncation: "keep-start",
  },
  training: { batch_size: 1 },
};

/** Every optimizer that is built in, and its variants that need other memory. */
const OPTIMIZERS: Readonly<Record<string, RunInput["optimizer"]>> = {
  adamw: "adamw",
  "adamw, 8 bits": { use: "adamw", state_bits: 8 },
  lion: "lion",
  "lion, 8 bits": { use: "lion", state_bits: 8 },
  sgd: "sgd",
  "sgd, momentum": { use: "sgd", momentum: 0.9 },
  adafactor: "adafactor",
  muon: "muon",
  "muon, rest in 8 bits": {
    use: "muon",
    rest: { use: "adamw", state_bits: 8 },
  },
  "schedule-free": "schedule-free",
  "ema of adamw": { use: "ema", of: "adamw" },
};

const TABLES: Readonly<Record<string, Cases>> = {
  sizes: SIZES,
  optimizers: Object.fromEntries(
    Object.entries(OPTIMIZERS).map((
      [name, optimizer],
    ) => [name, { ...SMOL, optimizer }]),
  ),
};

/** Peak resident memory of this process in bytes (Linux). */
function peakMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) * 1024;
}

/** Runs two steps in this process, and prints a row of the table. */
async function measure(name: string, of: Partial<RunInput>): Promise<void> {
  using folder = testFolder();
  const run = await runConfig({
    output_dir: folder.at("run"),
    backend: { use: "cpu" },
    tokenizer: "byte",
    model: { from_config: {} },
    data: { train: [] },
    ...of,
    training: {
      max_steps: 2,
      save_steps: null,
      eval_steps: null,
      ...of.training,
    },
  });
  const [{ memory }] = run.of("start");
  const [planned, peak] = [memory.total, peakMemory()];
  const cells = [
    memory.optimizer,
    memory.activations,
    memory.runtime ?? 0,
    planned,
    peak,
  ].map((bytes) => `${(bytes / 1e6).toFixed(0)} MB`);
  const more = `${(100 * (peak / planned - 1)).toFixed(1)}%`;
  console.log(`| ${[name, ...cells, more].join(" | ")} |`);
}

const [table = "sizes", chosen, only] = Deno.args;
if (only !== undefined) {
  await measure(chosen, TABLES[table][chosen]);
} else {
  console.log(
    "| run | states | activations | runtime | planned | peak | above the plan |",
  );
  const names = chosen?.split(",") ?? Object.keys(TABLES[table]);
  for (const name of names) {
    await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename ?? "", table, name, "alone"],
      stdout: "inherit",
      stderr: "inherit",
    }).output();
  }
}
