"""Golden numbers of dense families.

    python3 tests/golden/make_families.py                              writes families.json and families/
    python3 tests/golden/make_families.py --sweep 300 --seed 7         prints cases of random configs
    python3 tests/golden/make_families.py --types phi3 lfm2 ...        of these types alone
    python3 tests/golden/make_families.py --types phi3 --save FOLDER   saves a model as transformers does

`families.json` has random configs; `families/TYPE.json` one config with logits, gradients, AdamW, greedy ids and
PEFT's LoRA. None has weights: both sides make them by `hashed`.
"""

import argparse
import copy
import json
import random
import sys

from _witness import (
    GOLDEN, adamw_run, describe_batch, fill_hashed, hashed, hashed_case, make_batch, plain, real_logits, write_json,
)
import numpy
from peft import LoraConfig, get_peft_model
import torch
from transformers import (
    AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForMaskedLM,
    EuroBertConfig, GPT2Config, GPTNeoXConfig,
    Gemma2Config, Gemma3Config, Gemma3TextConfig, GraniteConfig, Lfm2Config, LlamaConfig, Ministral3Config, Mistral3Config,
    MistralConfig, Olmo2Config, Olmo3Config, Phi3Config, Qwen2Config, Qwen3Config, SmolLM3Config,
)
from transformers.loss.loss_utils import ForCausalLMLoss


def common(draw, model_type):
    kv = draw.choice([1, 2, 3])
    heads = kv * draw.choice([1, 2, 3])
    return dict(
        model_type=model_type,
        vocab_size=draw.randint(11, 40),
        hidden_size=heads * 2 * draw.randint(1, 5),
        intermediate_size=draw.randint(5, 40),
        num_hidden_layers=draw.choice([1, 2, 3, 4, 5]),
        num_attention_heads=heads,
        num_key_value_heads=kv,
        hidden_act=draw.choice(["silu", "gelu", "relu"]),
        max_position_embeddings=64,
        rms_norm_eps=draw.choice([1e-6, 1e-5, 1e-3]),
        tie_word_embeddings=draw.random() < 0.5,
        attention_bias=draw.random() < 0.3,
        rope_parameters={"rope_type": "default", "rope_theta": draw.choice([100.0, 10000.0])},
        pad_token_id=None,
        bos_token_id=1,
        eos_token_id=2,
    )


def granite(draw):
    return GraniteConfig, dict(
        common(draw, "granite"),
        mlp_bias=draw.random() < 0.3,
        embedding_multiplier=draw.choice([1.0, 12.0]),
        attention_multiplier=draw.choice([1.0, 0.25]),
        residual_multiplier=draw.choice([1.0, 0.22]),
        logits_scaling=draw.choice([1.0, 8.0]),
    )


def olmo2(draw):
    return Olmo2Config, common(draw, "olmo2")


def smollm3(draw):
    config = dict(
        common(draw, "smollm3"),
        mlp_bias=draw.random() < 0.3,
        no_rope_layer_interval=draw.choice([2, 3, 4]),
        use_sliding_window=draw.random() < 0.5,
        sliding_window=draw.choice([1, 3, 5]),
    )
    if draw.random() < 0.4:
        config["no_rope_layers"] = [draw.choice([0, 1]) for _ in range(config["num_hidden_layers"])]
    return SmolLM3Config, config


KINDS = ["sliding_attention", "full_attention"]


def rope(draw, head_dim):
    """Settings of any type; `original` is shorter than the 13 tokens of a case, or longer than any run of a test."""
    kind = draw.choice(["default", "default", "linear", "dynamic", "llama3", "yarn", "longrope", "proportional"])
    if kind == "dynamic" and head_dim < 4:
        kind = "default"  # transformers divides by head_dim - 2
    made = {"rope_type": kind, "rope_theta": draw.choice([100.0, 10000.0, 500000.0])}
    if kind in ["linear", "dynamic", "llama3", "yarn"]:
        made["factor"] = draw.choice([2.0, 8.0])
    if kind == "llama3":
        made |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    if kind == "proportional":
        made["partial_rotary_factor"] = 0.5
    if kind in ["llama3", "yarn", "longrope"]:
        made["original_max_position_embeddings"] = draw.choice([8, 48])
    if kind == "longrope":
        made |= {k: [round(draw.uniform(1, 9), 2) for _ in range(head_dim // 2)] for k in ["short_factor", "long_factor"]}
    return made


def layer_types(draw, count):
    return None if draw.random() < 0.4 else [draw.choice(KINDS) for _ in range(count)]


def olmo3(draw):
    config = common(draw, "olmo3")
    del config["rope_parameters"]
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    layers = config["num_hidden_layers"]
    return Olmo3Config, config | dict(
        sliding_window=draw.choice([1, 2, 5, 100]),
        layer_types=layer_types(draw, layers),
        **(
            {"rope_theta": 500000.0, "rope_scaling": {k: v for k, v in rope(draw, head_dim).items() if k != "rope_theta"}}
            if draw.random() < 0.4
            else {"rope_parameters": {k: rope(draw, head_dim) for k in KINDS}}
        ),
    )


def phi3(draw):
    config = common(draw, "phi3")
    for key in ["rope_parameters", "attention_bias"]:
        del config[key]
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    share = draw.choice([0.5, 0.75, 1.0])
    is_long = draw.random() < 0.6
    if int(head_dim * share) < 1 or (is_long and int(head_dim * share) % 2):  # lists are of whole pairs
        share = 1.0
    pairs = int(head_dim * share) // 2
    config["original_max_position_embeddings"] = draw.choice([8, 48])
    if share != 1 or draw.random() < 0.5:
        config["partial_rotary_factor"] = share
    if is_long:
        config["rope_scaling"] = {
            "type": draw.choice(["longrope", "su", "yarn"]),
            "original_max_position_embeddings": config["original_max_position_embeddings"],
            **{k: [round(draw.uniform(1, 9), 2) for _ in range(pairs)] for k in ["short_factor", "long_factor"]},
        }
    return Phi3Config, config | dict(
        rope_theta=draw.choice([100.0, 10000.0]), sliding_window=draw.choice([None, 2, 5, 100])
    )


def gemma(draw, model_type):
    config = common(draw, model_type)
    config["hidden_activation"] = draw.choice(["gelu_pytorch_tanh", "gelu", "silu"])
    del config["hidden_act"]
    return config | dict(
        head_dim=2 * draw.randint(1, 7),
        query_pre_attn_scalar=draw.choice([1, 3, 8, 256]),
        sliding_window=draw.choice([1, 2, 3, 5, 100]),
        layer_types=layer_types(draw, config["num_hidden_layers"]),
        final_logit_softcapping=draw.choice([None, 1.0, 30.0]),
        attn_logit_softcapping=draw.choice([None, 0.5, 50.0]),
    )


def gemma2(draw):
    config = gemma(draw, "gemma2")
    return Gemma2Config, config | {"rope_parameters": rope(draw, config["head_dim"])}


def gemma3(draw):
    config = gemma(draw, "gemma3_text")
    for key in ["rope_parameters", "attn_logit_softcapping"]:
        del config[key]
    if draw.random() < 0.5:
        config |= {
            "rope_theta": draw.choice([10000.0, 1e6]),
            "rope_local_base_freq": draw.choice([100.0, 10000.0]),
            "rope_scaling": draw.choice([None, {"rope_type": "linear", "factor": 8.0}]),
            "sliding_window_pattern": draw.choice([2, 3, 6]),
        }
    else:
        config["rope_parameters"] = {k: rope(draw, config["head_dim"]) for k in KINDS}
    return Gemma3TextConfig, config


def ministral3(draw):
    config = common(draw, "ministral3")
    for key in ["attention_bias", "rope_parameters"]:
        del config[key]
    config["head_dim"] = 2 * draw.randint(1, 7)
    settings = {
        "rope_type": "yarn",
        "rope_theta": draw.choice([1e4, 1e6]),
        "factor": draw.choice([4.0, 16.0]),
        "original_max_position_embeddings": draw.choice([3, 8, 48]),
        "max_position_embeddings": 64,
        "llama_4_scaling_beta": draw.choice([0.1, 0.5]),
    }
    if draw.random() < 0.5:
        settings |= {"mscale": 1.0, "mscale_all_dim": draw.choice([1.0, 0.5]), "beta_fast": 32.0, "beta_slow": 1.0}
    return Ministral3Config, config | dict(
        sliding_window=draw.choice([None, None, 3, 100]),
        **({} if draw.random() < 0.3 else {"rope_parameters": settings}),
    )


def lfm2(draw):
    config = common(draw, "lfm2")
    for key in ["attention_bias", "hidden_act", "rms_norm_eps"]:
        del config[key]
    layers = config["num_hidden_layers"]
    config |= dict(
        norm_eps=draw.choice([1e-6, 1e-5, 1e-3]),
        conv_L_cache=draw.choice([2, 3, 4]),
        block_auto_adjust_ff_dim=draw.random() < 0.5,
        block_multiple_of=draw.choice([4, 16]),
        block_ffn_dim_multiplier=draw.choice([1.0, 1.3]),
    )
    if draw.random() < 0.5:
        config["layer_types"] = [draw.choice(["conv", "full_attention"]) for _ in range(layers)]
    else:
        config["full_attn_idxs"] = [i for i in range(layers) if draw.random() < 0.4]
    if draw.random() < 0.3:
        config["block_ff_dim"] = draw.randint(5, 40)
    if draw.random() < 0.3:
        config["tie_embedding"] = draw.random() < 0.5
    config["conv_bias"] = draw.random() < 0.5
    return Lfm2Config, config


def gpt_neox(draw):
    config = common(draw, "gpt_neox")
    for key in ["num_key_value_heads", "rms_norm_eps", "rope_parameters"]:
        del config[key]
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    return GPTNeoXConfig, config | dict(
        layer_norm_eps=draw.choice([1e-5, 1e-3]),
        use_parallel_residual=draw.random() < 0.6,
        rotary_pct=draw.choice([s for s in [0.25, 0.5, 0.8, 1.0] if int(head_dim * s) >= 1]),
        rotary_emb_base=draw.choice([100, 10000]),
    )


FAMILIES = {
    "granite": granite, "olmo2": olmo2, "smollm3": smollm3, "olmo3": olmo3, "phi3": phi3, "gemma2": gemma2,
    "gemma3_text": gemma3, "ministral3": ministral3, "lfm2": lfm2, "gpt_neox": gpt_neox,
}

TINY = dict(
    vocab_size=29, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=96, pad_token_id=None, bos_token_id=1, eos_token_id=2,
)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 10000.0}
SPECIAL = {
    "granite": dict(
        embedding_multiplier=3.0, attention_multiplier=0.3, residual_multiplier=0.5, logits_scaling=2.0, mlp_bias=True,
        attention_bias=True,
    ),
    "olmo2": dict(attention_bias=True, tie_word_embeddings=True),
    "smollm3": dict(no_rope_layer_interval=2, use_sliding_window=True, sliding_window=5),
    "olmo3": dict(
        sliding_window=5, layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"full_attention": YARN, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}},
    ),
    "phi3": dict(
        hidden_size=32, sliding_window=5, partial_rotary_factor=0.75, original_max_position_embeddings=8,
        rope_scaling={"type": "longrope", "short_factor": [1.0, 1.1, 1.3], "long_factor": [1.5, 2.5, 4.0]},
    ),
    "gemma2": dict(
        head_dim=6, sliding_window=5, query_pre_attn_scalar=7, attn_logit_softcapping=4.0, final_logit_softcapping=5.0,
    ),
    "gemma3_text": dict(
        head_dim=6, sliding_window=5, query_pre_attn_scalar=7, sliding_window_pattern=2, rope_theta=1e6,
        rope_local_base_freq=10000.0, rope_scaling={"rope_type": "linear", "factor": 8.0},
    ),
    "ministral3": dict(head_dim=6, rope_parameters=YARN | {"llama_4_scaling_beta": 0.3, "mscale": 1.0, "mscale_all_dim": 0.5}),
    "lfm2": dict(layer_types=["conv", "full_attention", "conv"], block_multiple_of=8),
    "gpt_neox": dict(hidden_size=32, rotary_pct=0.5),
    "llama": dict(
        attention_bias=True, mlp_bias=True,
        rope_parameters={
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32, "rope_theta": 500.0,
        },
    ),
    "mistral": dict(head_dim=6, sliding_window=5),
    "qwen2": dict(use_sliding_window=True, sliding_window=5, max_window_layers=1, tie_word_embeddings=True),
    "qwen3": dict(head_dim=6),
    "gpt2": dict(n_inner=20, scale_attn_by_inverse_layer_idx=True),
    "eurobert": dict(mlp_bias=True),
    "gemma3": dict(
        text_config=dict(
            head_dim=6, sliding_window=5, query_pre_attn_scalar=7, attention_bias=True, model_type="gemma3_text",
        ),
        tie_word_embeddings=False,
    ),
    "mistral3": dict(
        text_config=dict(
            head_dim=6, model_type="ministral3", rope_parameters=YARN | {"llama_4_scaling_beta": 0.3},
        ),
        tie_word_embeddings=False,
    ),
}
VISION = {
    "gemma3": dict(
        vision_config=dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=14,
                           patch_size=7),
        mm_tokens_per_image=4,
    ),
    "mistral3": dict(
        vision_config=dict(model_type="pixtral", hidden_size=8, intermediate_size=12, num_hidden_layers=1,
                           num_attention_heads=2, image_size=14, patch_size=7, head_dim=4),
    ),
}
KINDS_BY_TYPE = {
    "granite": GraniteConfig, "olmo2": Olmo2Config, "smollm3": SmolLM3Config, "olmo3": Olmo3Config, "phi3": Phi3Config,
    "gemma2": Gemma2Config, "gemma3_text": Gemma3TextConfig, "ministral3": Ministral3Config, "lfm2": Lfm2Config,
    "gpt_neox": GPTNeoXConfig, "llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config,
    "qwen3": Qwen3Config, "gpt2": GPT2Config, "eurobert": EuroBertConfig, "gemma3": Gemma3Config,
    "mistral3": Mistral3Config,
}
SCALE = 0.3  # of hashed weights: losses of twenty steps of AdamW differ in their last digits alone
LORA = dict(r=3, lora_alpha=6, lora_dropout=0.0, bias="none", target_modules="all-linear", task_type="CAUSAL_LM")


def build(model_type, config, key):
    given = copy.deepcopy(config)  # transformers completes settings in their place
    made = KINDS_BY_TYPE[model_type](**given)
    auto = AutoModelForCausalLM
    if model_type == "eurobert":
        auto = AutoModelForMaskedLM
    if model_type in VISION:
        auto = AutoModelForImageTextToText
    model = auto.from_config(made, attn_implementation="eager", dtype=torch.float32).eval()
    model.config.use_cache = False
    if model_type == "eurobert":
        model.loss_function = ForCausalLMLoss  # labels as everywhere here: each is of the token before
    if model_type in VISION:
        without_images(model)
    fill_hashed(model, key, SCALE)
    return model


def without_images(model):
    """The text model and its head: what is trained here, and what hashed weights are counted by."""
    del model.model.vision_tower
    del model.model.multi_modal_projector
    return model


def greedy(model, prompt, count):
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt):]


def lora(model, batch, key):
    settings = dict(LORA)
    if not model.can_generate():
        del settings["task_type"]
    adapted = get_peft_model(model, LoraConfig(**settings)).eval()
    trained = sorted((n, p) for n, p in adapted.named_parameters() if p.requires_grad)
    with torch.no_grad():
        for number, (_, parameter) in enumerate(trained):
            values = (hashed(key + 500 + number, parameter.numel()) * SCALE).astype(numpy.float32)
            parameter.copy_(torch.from_numpy(values).view(parameter.shape))
    output = adapted(**batch)
    output.loss.backward()
    saved = {n: n.replace(".default.", ".") for n, _ in trained}
    return {
        "config": {k: v for k, v in LORA.items() if k != "task_type"},
        "shapes": {saved[n]: list(p.shape) for n, p in trained},
        "loss": plain(output.loss.detach().numpy()[()]),
        "grad_norms": {saved[n]: plain(p.grad.norm().numpy()[()]) for n, p in trained},
        "adamw": adamw_run(adapted, batch),
    }


def tiny(model_type, **more):
    config = TINY | more
    if model_type in VISION:
        special = SPECIAL[model_type]
        return special | VISION[model_type] | {"text_config": config | special["text_config"]}
    if model_type == "gpt2":
        names = {
            "hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head",
            "max_position_embeddings": "n_positions",
        }
        config = {names.get(k, k): v for k, v in config.items() if k != "intermediate_size"}
    if model_type in ["gpt_neox", "gpt2"]:
        del config["num_key_value_heads"]
    return config | SPECIAL[model_type]


def save(model_type, folder):
    """With the vocabulary of the byte tokenizer."""
    build(model_type, tiny(model_type, vocab_size=259, bos_token_id=256, eos_token_id=257), 7).save_pretrained(folder)


def write_golden(model_type, number):
    config = tiny(model_type)
    key = 4000 + 1000 * number
    model = build(model_type, config, key)
    batch = make_batch(TINY["vocab_size"], 70 + number)
    out = model(**batch)
    out.loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    prompt = batch["input_ids"][0, :9].tolist()
    smallest = sorted(gradients, key=lambda name: (gradients[name].numel(), name))
    write_json(GOLDEN / "families" / f"{model_type}.json", {
        "config": {"model_type": model_type, **config},
        "key": key,
        **describe_batch(batch),
        "logits": real_logits(out.logits, batch, [0, 2]),
        "loss": plain(out.loss.detach().numpy()[()]),
        "grad_norms": {name: plain(g.norm().numpy()[()]) for name, g in gradients.items()},
        "gradients": {name: plain(gradients[name]) for name in [smallest[0], smallest[len(smallest) // 2]]},
        "adamw": adamw_run(copy.deepcopy(model), batch, steps=20),
        **({"prompt": prompt, "greedy": greedy(model, prompt, 64)} if model.can_generate() else {}),
        "lora": lora(build(model_type, config, key), batch, key),
    })


def sweep(count, seed, names):
    draw = random.Random(seed)
    makers = [FAMILIES[name] for name in names]
    cases = []
    for i in range(count):
        kind, config = makers[i % len(makers)](draw)
        cases.append(hashed_case(kind, config, draw.randrange(2**31)))
    draw.shuffle(cases)
    return cases


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--types", nargs="*")
    parser.add_argument("--save")
    options = parser.parse_args()
    if options.save is not None:
        save(options.types[0], options.save)
    elif options.sweep is not None:
        json.dump(sweep(options.sweep, options.seed, options.types or list(FAMILIES)), sys.stdout)
    else:
        for name in options.types or list(SPECIAL):
            write_golden(name, list(SPECIAL).index(name))
        if options.types is None:
            lines = ",\n".join(json.dumps(case) for case in sweep(30, 1, list(FAMILIES)))
            (GOLDEN / "families.json").write_text(f"[\n{lines}\n]\n")
