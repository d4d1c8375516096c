"""Writes a model of random weights with the sizes of one that people fine-tune, for lora_cpu.ts.

    python3 tests/bench/lora_models.py NAME FOLDER [--layers 4]

`--layers` cuts the model to so many layers; of layers of several kinds the last kind stays the last.
"""

import argparse

import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, GPT2Config, Lfm2Config, LlamaConfig, SmolLM3Config


def gpt2_124m():
    return GPT2Config(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)


def llama_135m():
    return LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )


def gemma3_270m():
    return Gemma3TextConfig(
        vocab_size=262144,
        hidden_size=640,
        intermediate_size=2048,
        num_hidden_layers=18,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
        query_pre_attn_scalar=256,
        sliding_window=512,
        max_position_embeddings=32768,
        layer_types=["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(18)],
    )


def lfm2_350m():
    attention = {2, 5, 8, 10, 12, 14}
    return Lfm2Config(
        vocab_size=65536,
        hidden_size=1024,
        intermediate_size=6656,
        num_hidden_layers=16,
        num_attention_heads=16,
        num_key_value_heads=8,
        max_position_embeddings=128000,
        layer_types=["full_attention" if i in attention else "conv" for i in range(16)],
    )


def smollm3_3b():
    return SmolLM3Config(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=11008,
        num_hidden_layers=36,
        num_attention_heads=16,
        num_key_value_heads=4,
        max_position_embeddings=65536,
        rope_theta=5000000.0,
        pad_token_id=128004,
    )


MODELS = {
    "gpt2-124m": gpt2_124m,
    "llama-135m": llama_135m,
    "gemma3-270m": gemma3_270m,
    "lfm2-350m": lfm2_350m,
    "smollm3-3b": smollm3_3b,
}


def cut(config, layers):
    """The config with its last `layers` layers, so that every kind of layer is among them."""
    first = config.num_hidden_layers - layers
    for key in ("layer_types", "no_rope_layers"):
        kinds = getattr(config, key, None)
        if kinds is not None:
            setattr(config, key, kinds[first:])
    config.num_hidden_layers = layers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=list(MODELS))
    parser.add_argument("folder")
    parser.add_argument("--layers", type=int)
    args = parser.parse_args()
    torch.manual_seed(1)
    config = MODELS[args.name]()
    config.use_cache = False
    if args.layers is not None:
        cut(config, args.layers)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(args.folder)


main()
