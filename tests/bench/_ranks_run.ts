/**
 * One rank of `ranks.ts`: trains and prints, on rank 0, the seconds of each step as a line of JSON.
 *
 *     deno run -A _ranks_run.ts FOLDER lora|full STEPS [key=value ...]
 * @module
 */
import type { RunInput } from "../../core/config/types.ts";
import { runConfig } from "../run_harness.ts";

/** The model of the comparison, which `ranks_gloo.py` makes too: 12.2 million weights, 49 MB of gradients. */
export const RANKS_MODEL = {
  model_type: "llama",
  vocab_size: 4096,
  hidden_size: 384,
  intermediate_size: 1024,
  num_hidden_layers: 6,
  num_attention_heads: 6,
  num_key_value_heads: 6,
  hidden_act: "silu",
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
} as const;

/** Micro-batches of a step, for all ranks together. */
export const MICROS = 2;

/** What is trained: full rows of 256 tokens, four in a micro-batch. */
export function ranksRun(
  folder: string,
  { kind, steps }: { readonly kind: string; readonly steps: number },
): RunInput {
  const text = "abcdefgh ".repeat(28);
  return {
    output_dir: folder,
    seed: 1,
    backend: { use: "cpu", workers: 1 },
    model: { from_config: RANKS_MODEL },
    tokenizer: { use: "byte" },
    adapter: kind === "lora" ? { use: "lora", r: 16 } : null,
    training_mode: "pretrain",
    data: {
      train: [{
        rows: Array.from({ length: 8 * MICROS * (steps + 1) }, (_, i) => ({
          text: `${i} ${text}`,
        })),
        format: "text",
      }],
      max_length: 256,
    },
    training: {
      epochs: 100,
      max_steps: steps,
      batch_size: 4,
      gradient_accumulation_steps: MICROS,
      logging_steps: 1,
      eval_steps: null,
      save_steps: null,
    },
    trackers: [],
  };
}

if (import.meta.main) {
  const [folder, kind, steps, ...overrides] = Deno.args;
  const at: number[] = [];
  const { result } = await runConfig(
    ranksRun(`${folder}/${kind}`, { kind, steps: Number(steps) }),
    {
      overrides,
      onEvent: ({ event }) => {
        if (event === "step") at.push(performance.now() / 1000);
      },
    },
  );
  if (result.rank === 0) {
    // the first steps find caches cold
    const seconds = at.slice(2).map((end, i) => end - at[i + 1]);
    console.log(JSON.stringify({ seconds, hash: result.weightsHash }));
  }
}
