/**
 * The memory plan against what a process takes: whole runs on the cpu backend in processes of their own, from
 * half a gigabyte to four. Run: `deno run -A tests/bench/planned_memory.ts`
 * @module
 */
import { runConfig, testFolder } from "../run_harness.ts";

interface Size {
  readonly name: string;
  readonly hidden: number;
  readonly layers: number;
  readonly B: number;
  readonly T: number;
  readonly lora: boolean;
  readonly checkpointing?: boolean;
  readonly blas?: "off";
}

const SIZES: readonly Size[] = [
  { name: "full, 0.6 GB", hidden: 512, layers: 4, B: 4, T: 256, lora: false },
  {
    name: "LoRA, checkpointing, no BLAS",
    hidden: 512,
    layers: 8,
    B: 4,
    T: 512,
    lora: true,
    checkpointing: true,
    blas: "off",
  },
  { name: "LoRA, 0.9 GB", hidden: 512, layers: 8, B: 4, T: 512, lora: true },
  { name: "LoRA, 1.8 GB", hidden: 1024, layers: 8, B: 4, T: 512, lora: true },
  { name: "full, 4.4 GB", hidden: 1024, layers: 12, B: 4, T: 512, lora: false },
];

/** Peak resident memory of this process in bytes (Linux). */
function peakMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? NaN) * 1024;
}

async function measure(size: Size): Promise<void> {
  using folder = testFolder();
  const { hidden, layers, B, T, lora } = size;
  const rows = Array.from({ length: 24 }, (_, i) => ({
    instruction: `say ${i}`,
    output: "word ".repeat((T - 20) / 5),
  }));
  const run = await runConfig({
    output_dir: folder.at("run"),
    backend: { use: "cpu", blas: size.blas ?? "auto" },
    model: {
      from_config: {
        model_type: "llama",
        vocab_size: 8192,
        hidden_size: hidden,
        intermediate_size: 3 * hidden,
        num_hidden_layers: layers,
        num_attention_heads: hidden / 64,
        num_key_value_heads: hidden / 64,
        hidden_act: "silu",
        max_position_embeddings: 4096,
        rms_norm_eps: 1e-5,
        tie_word_embeddings: true,
      },
    },
    tokenizer: "byte",
    adapter: lora ? { use: "lora", r: 16 } : null,
    data: {
      train: [{ rows, format: "alpaca" }],
      template: { use: "plain", separator: "\n" },
      max_length: T,
      truncation: "keep-start",
    },
    training: {
      max_steps: 2,
      batch_size: B,
      save_steps: null,
      eval_steps: null,
      gradient_checkpointing: size.checkpointing ?? false,
    },
  });
  const [{ memory }] = run.of("start");
  const [planned, peak] = [memory.total, peakMemory()];
  console.log(
    `${size.name.padEnd(30)} planned ${megabytes(planned)} (runtime ${
      megabytes(memory.runtime ?? 0)
    })  peak ${megabytes(peak)}  ${
      (100 * (peak / planned - 1)).toFixed(1).padStart(5)
    } %`,
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MB`;
}

const [chosen] = Deno.args;
if (chosen !== undefined) {
  await measure(SIZES[Number(chosen)]);
} else {
  for (const i of SIZES.keys()) {
    await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename ?? "", String(i)],
      stdout: "inherit",
      stderr: "inherit",
    }).output();
  }
}
