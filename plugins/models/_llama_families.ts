/**
 * What people know of the types of the Llama family.
 * @module
 */
import type { ModelFamily } from "@denotune/denotune/core";

/** In the order of the `model_type`s that are read. */
export const LLAMA_FAMILIES: readonly ModelFamily[] = [
  {
    modelType: "llama",
    sizes: "135M to 70B",
    special: "the plain one",
    adapterTargets: ["q_proj", "v_proj"],
    popular: [
      {
        id: "HuggingFaceTB/SmolLM2-135M",
        millions: 135,
        template: null,
        stop: ["<|endoftext|>"],
      },
      {
        id: "HuggingFaceTB/SmolLM2-135M-Instruct",
        millions: 135,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "HuggingFaceTB/SmolLM2-360M",
        millions: 362,
        template: null,
        stop: ["<|endoftext|>"],
      },
      {
        id: "HuggingFaceTB/SmolLM2-360M-Instruct",
        millions: 362,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "meta-llama/Llama-3.2-1B",
        millions: 1236,
        template: null,
        stop: ["<|end_of_text|>"],
        gated: true,
      },
      {
        id: "meta-llama/Llama-3.2-1B-Instruct",
        millions: 1236,
        template: "llama3",
        stop: ["<|eot_id|>"],
        gated: true,
      },
      {
        id: "HuggingFaceTB/SmolLM2-1.7B",
        millions: 1711,
        template: null,
        stop: ["<|endoftext|>"],
      },
      {
        id: "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        millions: 1711,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "meta-llama/Llama-3.2-3B",
        millions: 3213,
        template: null,
        stop: ["<|end_of_text|>"],
        gated: true,
      },
      {
        id: "meta-llama/Llama-3.2-3B-Instruct",
        millions: 3213,
        template: "llama3",
        stop: ["<|eot_id|>"],
        gated: true,
      },
    ],
  },
  {
    modelType: "mistral",
    sizes: "7B to 24B",
    special: "windows",
    adapterTargets: ["q_proj", "v_proj"],
    popular: [
      {
        id: "mistralai/Mistral-7B-v0.3",
        millions: 7248,
        template: null,
        stop: ["</s>"],
      },
      {
        id: "mistralai/Mistral-7B-Instruct-v0.3",
        millions: 7248,
        template: "mistral",
        stop: ["</s>"],
      },
    ],
  },
  {
    modelType: "qwen2",
    sizes: "0.5B to 72B",
    special: "biases of q, k and v",
    adapterTargets: ["q_proj", "v_proj"],
    popular: [
      {
        id: "Qwen/Qwen2.5-0.5B",
        millions: 494,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen2.5-0.5B-Instruct",
        millions: 494,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "Qwen/Qwen2.5-1.5B",
        millions: 1544,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen2.5-1.5B-Instruct",
        millions: 1544,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "Qwen/Qwen2.5-3B",
        millions: 3086,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen2.5-3B-Instruct",
        millions: 3086,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "Qwen/Qwen2.5-7B",
        millions: 7616,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen2.5-7B-Instruct",
        millions: 7616,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
    ],
  },
  {
    modelType: "qwen3",
    sizes: "0.6B to 32B",
    special: "norms of each head",
    adapterTargets: ["q_proj", "v_proj"],
    popular: [
      {
        id: "Qwen/Qwen3-0.6B-Base",
        millions: 596,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen3-0.6B",
        millions: 596,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "Qwen/Qwen3-1.7B-Base",
        millions: 1721,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen3-1.7B",
        millions: 1721,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "Qwen/Qwen3-4B-Base",
        millions: 4022,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen3-4B",
        millions: 4022,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
      {
        id: "Qwen/Qwen3-8B-Base",
        millions: 8191,
        template: "chatml",
        stop: ["<|endoftext|>"],
      },
      {
        id: "Qwen/Qwen3-8B",
        millions: 8191,
        template: "chatml",
        stop: ["<|im_end|>"],
      },
    ],
  },
];
