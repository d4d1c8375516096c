/**
 * The layers that PEFT adapts where its settings name none, by `model_type` (PEFT 0.21); every linear layer for a
 * type that it does not list, where it would refuse.
 * @module
 */

const ATTENTION = ["q_proj", "v_proj"];

/** The types that PEFT lists, of those that are read here. */
const TARGETS: { readonly [modelType: string]: readonly string[] } = {
  gemma2: ATTENTION,
  gemma3_text: ATTENTION,
  gpt2: ["c_attn"],
  gpt_neox: ["query_key_value"],
  llama: ATTENTION,
  mistral: ATTENTION,
  qwen2: ATTENTION,
  qwen3: ATTENTION,
};

/** Names that `target_modules: default` means for a type. */
export function defaultTargets(
  modelType: string,
): readonly string[] | "all-linear" {
  return TARGETS[modelType] ?? "all-linear";
}
