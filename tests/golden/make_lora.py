"""Golden numbers of PEFT adapters on two of the tiny models.

    python3 tests/golden/make_lora.py [name ...]

Writes lora/<name>/ as PEFT's `save_pretrained` does, and lora/<name>.json beside it. Needs models/.
"""

import copy
import json
import shutil
import sys

from _witness import GOLDEN, adamw_run, describe_batch, make_batch, plain, readable, real_logits, write_json
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
import torch
from transformers import AutoModelForCausalLM

LORA = GOLDEN / "lora"
ALL = dict(r=4, lora_alpha=8, lora_dropout=0.0, bias="none", target_modules="all-linear", task_type="CAUSAL_LM")
# A pattern is the end of a module's name, from a dot on; it may hold more than the last part.
LLAMA_PATTERNS = dict(
    rank_pattern={"q_proj": 8, "layers.0.mlp.down_proj": 2},
    alpha_pattern={"q_proj": 32, "layers.1.self_attn.v_proj": 2},
)
GPT2_PATTERNS = dict(
    rank_pattern={"c_attn": 8, "h.0.mlp.c_proj": 2}, alpha_pattern={"c_attn": 32, "h.1.mlp.c_fc": 2},
)
BASES = {
    "llama-gqa-untied": {
        "lora": {},
        "rslora": dict(use_rslora=True),
        "dora": dict(use_dora=True),
        "lm-head": dict(modules_to_save=["lm_head"]),
        "patterns": LLAMA_PATTERNS,
    },
    # GPT-2's Conv1D keeps its weight as (in, out); A stays (r, in) and B (out, r)
    "gpt2-tied": {
        "lora": dict(fan_in_fan_out=True),
        "rslora": dict(fan_in_fan_out=True, use_rslora=True),
        "dora": dict(fan_in_fan_out=True, use_dora=True),
        "patterns": dict(fan_in_fan_out=True, **GPT2_PATTERNS),
    },
    # its head is its embedding; PEFT trains one of the two and leaves the other as it was
    "llama": {
        "table-apart": dict(modules_to_save=["model.embed_tokens"]),
        "head-apart": dict(modules_to_save=["lm_head"]),
        "both-apart": dict(modules_to_save=["model.embed_tokens", "lm_head"]),
    },
}


def load_base(base):
    return AutoModelForCausalLM.from_pretrained(
        GOLDEN / "models" / base, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def load_adapter(base, folder):
    return PeftModel.from_pretrained(load_base(base), folder, is_trainable=True).eval()


def randomise(model, seed):
    """B starts at zero, where half of the gradients vanish: give everything trainable a value."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "lora_" not in name:  # a module of modules_to_save: near the base's weights
                parameter.add_(0.05 * noise)
            elif "lora_magnitude_vector" in name:  # starts as the norms of W's output rows
                parameter.mul_(1 + 0.1 * noise)
            else:
                parameter.copy_(0.2 * noise)


def saved_names(model):
    """{parameter as named in the model: tensor as named in the saved file}"""
    by_address = {tensor.data_ptr(): name for name, tensor in get_peft_model_state_dict(model).items()}
    return {n: by_address[p.data_ptr()] for n, p in model.named_parameters() if p.requires_grad}


def witness(name, base, folder, seed):
    model = load_adapter(base, folder)
    batch = make_batch(61, seed)
    output = model(**batch)
    output.loss.backward()
    with torch.no_grad(), model.disable_adapter():
        base_loss = model(**batch).loss
    with torch.no_grad():
        merged = load_adapter(base, folder).merge_and_unload()(**batch).logits
    names = saved_names(model)
    write_json(LORA / f"{name}.json", {
        "base": base,
        **describe_batch(batch),
        "logits": real_logits(output.logits, batch, [0]),
        "loss": plain(output.loss.detach().numpy()[()]),
        "base_loss": plain(base_loss.numpy()[()]),
        # how far PEFT's own merge_and_unload is from the adapter run, in float32
        "merged_max_difference": plain((merged - output.logits).abs().max().detach().numpy()[()]),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "grad_norms": {
            names[n]: plain(p.grad.norm().numpy()[()]) for n, p in model.named_parameters() if p.requires_grad
        },
        "adamw": adamw_run(load_adapter(base, folder), batch),
    })


def save(model, folder, base):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # an empty model card
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = f"tests/golden/models/{base}"  # not this machine's path
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order changes from run to run
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    readable(folder)


def main(wanted):
    number = 0
    for base, variants in BASES.items():
        for variant, options in variants.items():
            number += 1
            name = f"{base}-{variant}"
            if wanted and name not in wanted:
                continue
            torch.manual_seed(300 + number)
            model = get_peft_model(load_base(base), LoraConfig(**ALL, **copy.deepcopy(options)))
            randomise(model, 300 + number)
            save(model, LORA / name, base)
            witness(name, base, LORA / name, 400 + number)
            print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
