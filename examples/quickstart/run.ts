/**
 * The quickstart's run: a small Llama from random weights learns to follow short instructions.
 *
 * It is _not_ a pattern for fine-tuning a model that exists: such a run has `model.path`, an adapter and a
 * learning rate a hundred times smaller.
 *
 * @module
 */
import type { RunInput } from "@denotune/denotune";
import { type AlpacaRow, quickstartRows } from "./data.ts";

const { train, heldOut } = quickstartRows();

/** One held-out prompt of each kind that has no `input`. */
const prompts = [...Map.groupBy(heldOut, (row) => row.category).values()]
  .map(([first]: AlpacaRow[]) => first)
  .filter((row) => row.input === undefined)
  .map((row) => row.instruction);

export default {
  output_dir: "outputs/quickstart",
  seed: 1,
  model: {
    from_config: {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      vocab_size: 259, // 256 bytes, <|bos|>, <|eos|>, <|pad|>
      hidden_size: 64,
      intermediate_size: 96, // the tasks look letters up and move them: attention's work more than the MLP's
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      head_dim: 16,
      hidden_act: "silu",
      max_position_embeddings: 64,
      rope_theta: 1000, // positions stay below 64, so slow rotations would distinguish nothing
      rms_norm_eps: 1e-5,
      initializer_range: 0.08, // near 1 / sqrt(hidden_size); 0.02 suits wide models
      tie_word_embeddings: true,
      attention_bias: false,
      mlp_bias: false,
      bos_token_id: 256,
      eos_token_id: 257,
      pad_token_id: 258,
    },
  },
  tokenizer: { use: "byte" },
  adapter: null,
  data: {
    train: [{ rows: train, format: "alpaca" }],
    eval: [{ rows: heldOut, format: "alpaca" }],
    template: { use: "plain", separator: "\n" },
    max_length: 32,
    collator: { use: "padded", pad_to_multiple_of: 8 }, // rows have 16 to 23 tokens: every batch is 24 wide
  },
  optimizer: {
    use: "adamw",
    learning_rate: 4e-3,
    betas: [0.9, 0.99],
    eps: 1e-8,
    weight_decay: 0,
  },
  schedule: { use: "cosine", warmup_ratio: 0.05 },
  training: {
    epochs: 8,
    batch_size: 48,
    max_grad_norm: 1,
    logging_steps: 50,
    eval_steps: 468, // half-way and at the end
    eval_on_start: true,
    save_steps: null,
  },
  evaluators: [{ use: "exact-match", max_rows: 280 }],
  generation: { max_new_tokens: 12, temperature: 0 },
  samples: { prompts, at: ["start", "end"] },
} satisfies RunInput;
