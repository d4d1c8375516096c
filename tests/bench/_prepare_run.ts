/**
 * A run that prepares rows and trains nothing: what the benchmarks of data share.
 * @module
 */
import { type LoadedRun, loadRun } from "../../core/config/load.ts";
import { builtinRegistry } from "../run_harness.ts";

/** The run, loaded: a model of no size, without the cache. */
export function prepareOnly(
  { tokenizer, data, plugins = [] }: {
    /** Folder of the tokenizer. */
    readonly tokenizer: string;
    readonly data: Readonly<Record<string, unknown>>;
    readonly plugins?: readonly unknown[];
  },
): Promise<LoadedRun> {
  return loadRun({
    object: {
      plugins,
      model: {
        from_config: {
          model_type: "llama",
          vocab_size: 50257,
          hidden_size: 32,
          intermediate_size: 48,
          num_hidden_layers: 1,
          num_attention_heads: 2,
          max_position_embeddings: 1024,
        },
      },
      tokenizer: { use: "huggingface", path: tokenizer },
      adapter: null,
      data: { cache: false, ...data },
    },
    registry: builtinRegistry(),
  });
}
