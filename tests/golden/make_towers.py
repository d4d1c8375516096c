"""Tiny models of text and images, saved as transformers does.

    python3 tests/golden/make_towers.py TYPE FOLDER                        writes one
    python3 tests/golden/make_towers.py TYPE FOLDER --read [--adapter A]   reads one

Prints what the text model makes of some ids, and a digest of every tensor of the files.
"""

import argparse
import hashlib
import json
import pathlib

from _witness import fill_hashed, plain
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
import torch
from transformers import (
    Gemma3Config, Gemma3ForConditionalGeneration, Mistral3Config, Mistral3ForConditionalGeneration,
)

TEXT = dict(
    vocab_size=259, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=6, max_position_embeddings=64, sliding_window=5, pad_token_id=None, bos_token_id=256, eos_token_id=257,
)
VISION = dict(
    hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=14, patch_size=7,
)
IDS = [1, 5, 77, 200, 3, 3, 9, 20, 21, 22]


def build(name):
    if name == "gemma3":
        config = Gemma3Config(text_config=dict(TEXT), vision_config=dict(VISION), mm_tokens_per_image=4)
        return Gemma3ForConditionalGeneration(config)
    text = dict(TEXT, model_type=name.removeprefix("mistral3-"))
    config = Mistral3Config(
        text_config=text, vision_config=dict(VISION, head_dim=4, vocab_size=30), tie_word_embeddings=name.endswith("l3")
    )
    return Mistral3ForConditionalGeneration(config)


def load(folder):
    config = json.loads((folder / "config.json").read_text())
    kind = Gemma3ForConditionalGeneration if config["model_type"] == "gemma3" else Mistral3ForConditionalGeneration
    model, info = kind.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    return model.eval(), [f"{kind}: {key}" for kind, keys in info.items() for key in sorted(map(str, keys or []))]


def describe(folder, adapter):
    model, problems = load(folder)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter).eval()
        with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
            saved = set(file.keys())
        problems += [f"adapter: {key}" for key in sorted(saved ^ set(get_peft_model_state_dict(model)))]
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    digests = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for key in sorted(file.keys()):
                tensor = file.get_tensor(key)
                digests[key] = [str(tensor.dtype), hashlib.sha256(tensor.view(torch.uint8).numpy().tobytes()).hexdigest()]
    return dict(ids=IDS, logits=plain(logits), problems=problems, digests=digests)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("type")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--adapter", type=pathlib.Path)
    parser.add_argument("--read", action="store_true", help="the folder is there")
    options = parser.parse_args()
    if not options.read:
        model = build(options.type).eval()
        fill_hashed(model, 3, 0.3)
        for name, parameter in model.named_parameters():
            if "language_model" not in name and "lm_head" not in name:
                parameter.data = parameter.data.to(torch.bfloat16)  # carried in the type that it has
        model.save_pretrained(options.folder)
    print(json.dumps(describe(options.folder, options.adapter)))
