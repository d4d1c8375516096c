"""Unusual settings of every family: what transformers makes of each.

    python3 tests/golden/make_unusual.py                                 writes unusual.json, a sample
    python3 tests/golden/make_unusual.py --all --combined 40 --seed 7    prints every single one, and so many combined
    python3 tests/golden/make_unusual.py --all --types phi3 lfm2         of these types alone

The settings are not chosen by hand: they are the fields of every configuration class of the families, and what its
reader takes from older files, each with values by its type. A case is written as a person would (`given`), or as
transformers saves it (`saved`). What transformers itself refuses is left out. Each case has the logits of the last of some tokens.
"""

import argparse
import contextlib
import dataclasses
import functools
import inspect
import io
import json
import logging
import random
import re
import sys
import typing

from _witness import GOLDEN, fill_hashed, hashed
import numpy
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForMaskedLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

SCALE = 0.3
LENGTH = 19  # longer than the windows and than the positions of a first training
TINY = dict(
    vocab_size=29, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, pad_token_id=None, bos_token_id=1, eos_token_id=2,
)
VISION = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, image_size=14, patch_size=7)
GPT2 = dict(vocab_size=29, n_embd=16, n_layer=3, n_head=4, n_positions=64, pad_token_id=None, bos_token_id=1, eos_token_id=2)
BASE = {
    "llama": TINY,
    "mistral": TINY,
    "qwen2": TINY,
    "qwen3": TINY | {"head_dim": 6},
    "gpt2": GPT2,
    "olmo2": TINY,
    "olmo3": TINY | {"sliding_window": 5, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    "phi3": TINY,
    "gemma2": TINY | {"head_dim": 6, "sliding_window": 5},
    "gemma3_text": TINY | {"head_dim": 6, "sliding_window": 5, "sliding_window_pattern": 2},
    "gemma3": {
        "text_config": TINY | {
            "head_dim": 6, "sliding_window": 5, "sliding_window_pattern": 2, "model_type": "gemma3_text",
        },
        "vision_config": VISION | {"model_type": "siglip_vision_model"}, "mm_tokens_per_image": 4,
    },
    "ministral3": TINY | {"head_dim": 6},
    "mistral3": {
        "text_config": TINY | {"head_dim": 6, "model_type": "ministral3"},
        "vision_config": VISION | {"model_type": "pixtral", "head_dim": 4},
    },
    "lfm2": TINY | {"layer_types": ["conv", "full_attention", "conv"], "block_multiple_of": 8},
    "eurobert": TINY,
    "granite": TINY,
    "smollm3": TINY | {"no_rope_layer_interval": 2},
    "gpt_neox": {k: v for k, v in TINY.items() if k != "num_key_value_heads"} | {"hidden_size": 32},
}
LAYERS = 3
ROPES = [
    None,
    {},
    {"rope_type": "default", "rope_theta": 100.0},
    {"rope_type": "default", "rope_theta": 100},
    {"type": "linear", "factor": 3.0},
    {"rope_type": "linear", "factor": 0.5},
    {"rope_type": "dynamic", "factor": 4.0},
    {"rope_type": "dynamic", "factor": 4.0, "original_max_position_embeddings": 8},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
    {"rope_type": "yarn", "factor": 4.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "attention_factor": 0.7},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "beta_fast": 4.0, "beta_slow": 2.0},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "truncate": False},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "mscale": 0.7, "mscale_all_dim": 0.4},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "mscale": 0.7},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "llama_4_scaling_beta": 0.3},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
    {"rope_type": "longrope", "short_factor": [1.0, 2.0], "long_factor": [3.0, 5.0], "original_max_position_embeddings": 8},
    {"rope_type": "longrope", "short_factor": [1.0, 2.0, 4.0], "long_factor": [3.0, 5.0, 6.0], "original_max_position_embeddings": 8},
    {"rope_type": "longrope", "short_factor": [1.0, 2.0], "long_factor": [3.0, 5.0], "factor": 6.0},
    {"type": "su", "short_factor": [1.0, 2.0], "long_factor": [3.0, 5.0]},
    {"type": "yarn", "short_factor": [1.0, 2.0], "long_factor": [3.0, 5.0]},
    {"rope_type": "proportional", "partial_rotary_factor": 0.5},
    {"rope_type": "default", "partial_rotary_factor": 0.5},
    {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5},
    {"rope_type": "axial", "factor": 2.0},
    {"rope_type": "default", "mrope_section": [1, 1]},
    {"full_attention": {"rope_type": "linear", "factor": 4.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}},
    {"full_attention": {"rope_type": "default", "rope_theta": 70.0}},
    {"sliding_attention": {"rope_type": "default", "rope_theta": 70.0}},
]
KINDS = ["full_attention", "sliding_attention", "chunked_attention", "conv", "linear_attention"]
# what a name asks for, where the type alone would draw nonsense that no model can be built of
BY_NAME = {
    "hidden_size": [8, 24, 18], "n_embd": [8, 24, 18], "intermediate_size": [1, 7, 33], "n_inner": [1, 7, 33, None],
    "block_ff_dim": [7, 33], "vocab_size": [3, 40], "num_hidden_layers": [1, 5], "n_layer": [1, 5], "n_head": [1, 2, 8],
    "num_attention_heads": [1, 2, 8], "num_key_value_heads": [1, 4, 3, None], "head_dim": [2, 8, 10, 5, 1, None],
    "max_position_embeddings": [20, 32, 4096], "n_positions": [20, 32, 4096],
    "original_max_position_embeddings": [4, 8, 48, 64, 4096, None],
    "sliding_window": [1, 2, 7, 100, None, 0, -1], "max_window_layers": [0, 1, 2, 9],
    "layer_types": [
        ["full_attention", "sliding_attention", "full_attention"], ["sliding_attention"] * 3, ["full_attention"] * 3,
        ["full_attention", "chunked_attention", "full_attention"], ["conv", "full_attention", "full_attention"],
        ["full_attention", "linear_attention", "full_attention"], ["full_attention"], None, [],
    ],
    "no_rope_layers": [[1, 0, 1], [0, 0, 0], [1, 1, 1], [True, False, True], [0, 1], [0, 2, 1], [2], None, []],
    "no_rope_layer_interval": [1, 2, 3, 7], "full_attn_idxs": [[0], [], [1, 2], [-1], [7], None],
    "rope_parameters": ROPES, "rope_scaling": ROPES, "rope_theta": [50.0, 1e6, 100, None],
    "rope_local_base_freq": [50.0, 100, None], "rotary_emb_base": [50, 1000.0, None],
    "partial_rotary_factor": [0.5, 0.25, 0.75, 1.0, 2.0, 0.0, None], "rotary_pct": [0.5, 1.0, 0.75, 0.1, None],
    "sliding_window_pattern": [1, 3, 6], "_sliding_window_pattern": [1, 3], "query_pre_attn_scalar": [1, 7, 0.5, 300.0, 0],
    "rms_norm_eps": [1e-2, 1e-12, 0.0, 1], "norm_eps": [1e-2, 0.0, 1], "layer_norm_eps": [1e-2, 0.0, 1],
    "layer_norm_epsilon": [1e-2, 0.0, 1], "conv_L_cache": [1, 2, 5], "block_multiple_of": [1, 5, 256],
    "block_ffn_dim_multiplier": [0.5, 1.7, 2, None], "dtype": ["float16", "bfloat16", "float64"],
    "torch_dtype": ["float16"], "initializer_range": [0.0, 0.5], "chunk_size_feed_forward": [1, 2],
    "problem_type": ["regression"], "architectures": [["NoSuchModel"], []], "transformers_version": ["9.0.0"],
    "text_config": [], "vision_config": [], "summary_type": ["last"], "classifier_pooling": ["mean"],
    "id2label": [{"0": "a"}], "label2id": [{"a": 0}], "attn_implementation": ["sdpa"], "_attn_implementation": ["sdpa"],
    "quantization_config": [{"quant_method": "gptq", "bits": 4}], "pruned_heads": [{"0": [1]}], "is_causal": [False, True],
    "attention_multiplier": [0.25, 2, 0.0, -1.0], "embedding_multiplier": [12.0, 0.0, 3, -1.0],
    "residual_multiplier": [0.22, 2, 0.0, -1.0], "logits_scaling": [8.0, 0.5, 16, -1.0],
    "final_logit_softcapping": [0.5, 4.0, 30, None, 0.0], "attn_logit_softcapping": [0.5, 4.0, 30, None, 0.0],
    "vision_feature_layer": [-1], "image_token_index": [7], "spatial_merge_size": [2], "mm_tokens_per_image": [4, 16],
}
ACTIVATIONS = [
    "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python", "gelu_10", "gelu_accurate", "quick_gelu", "relu",
    "relu2", "relu6", "silu", "swish", "sigmoid", "tanh", "mish", "linear", "laplace", "leaky_relu", "prelu", "xielu",
    "relu_squared", "no-such",
]
# settings that other models have and none of these classes declares: nothing follows from them in transformers
FOREIGN = {
    "clip_qkv": [4.0], "rotary_dim": [2], "multi_query": [True], "alibi": [True], "qk_layernorm": [True],
    "use_qk_norm": [True], "num_experts": [4], "num_local_experts": [4], "attention_chunk_size": [4], "attn_temperature_tuning": [True],
    "qkv_bias": [True], "no_bias": [True], "use_mrope": [True], "mup_scale": [2.0], "scale_depth": [1.4], "logit_scale": [0.5],
    "num_kv_shared_layers": [1], "hidden_size_per_layer_input": [4], "zero_centered_gamma": [True], "output_router_logits": [True],
    "use_bidirectional_attention": [True], "no_such_setting": [3],
}


def class_of(kind):
    return CONFIG_MAPPING[kind]


def own_fields(kind):
    """Fields of the class, other names of them, and what it takes from older files."""
    found = {f.name: f for f in dataclasses.fields(class_of(kind))}
    source = "".join(
        inspect.getsource(part) for part in class_of(kind).__mro__ if part.__module__.startswith("transformers.models")
    )
    older = re.findall(r"kwargs\.(?:pop|get)\(\s*\"(\w+)\"", source)
    names = [*found, *older, *class_of(kind).attribute_map]
    names += ["rope_scaling", "rope_theta", "partial_rotary_factor", "torch_dtype", "is_causal", "pruned_heads"]
    return {name: found.get(name) for name in dict.fromkeys(names)}


def default_of(field):
    if field is None:
        return None
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else None


def values_of(name, field, kind):
    """Unusual values of a setting."""
    mapped = class_of(kind).attribute_map.get(name, name)
    for key in [name, mapped]:
        if key in BY_NAME:
            return BY_NAME[key]
    if name in ["hidden_act", "hidden_activation", "activation_function"]:
        return ACTIVATIONS
    if name.endswith("_token_id") or name.endswith("_token_index"):
        return [0, 5]
    if "dropout" in name or name.endswith("pdrop"):
        return [0.5]
    default = default_of(field)
    kinds = typing.get_args(field.type) if field is not None and not isinstance(field.type, str) else ()
    if isinstance(default, bool) or bool in kinds or (field is not None and field.type is bool):
        return [True, False, None]
    if isinstance(default, int):
        return [1, 2, 7, 0]
    if isinstance(default, float):
        return [0.3, 2.5, 0.0]
    if isinstance(default, str):
        return ["no-such"]
    return [True, 3, 0.7]


def every_setting(kind):
    """All settings that a file of this type may have: its own, those of the other families, and of models that are none."""
    own = own_fields(kind)
    made = [(name, value) for name, field in own.items() for value in values_of(name, field, kind)]
    for other in BASE:
        for name, field in own_fields(other).items():
            if name not in own:
                own[name] = field
                made += [(name, value) for value in values_of(name, field, other)[:2]]
    made += [(name, value) for name, values in FOREIGN.items() if name not in own for value in values]
    return made


def config_of(kind, changes):
    config = json.loads(json.dumps({"model_type": kind, **BASE[kind]}))
    at = config["text_config"] if "text_config" in config else config
    for place, name, value in changes:
        (at if place == "text" else config)[name] = value
        # a file has one name of a setting
        for old, new in class_of(kind).attribute_map.items():
            if name == old and new in config:
                del config[new]
    return config


def settings_of(kind):
    """(place, name, value): in the config, or in that of the text model."""
    made = [("", name, value) for name, value in every_setting(kind)]
    if "text_config" not in BASE[kind]:
        return made
    own = own_fields(kind)
    text = BASE[kind]["text_config"]["model_type"]
    # outside the text model, what is about the text model alone
    outside = [s for s in made if s[1] in own]
    return outside + [("text", name, value) for name, value in every_setting(text) if name != "model_type"]


def forward(config, key):
    """Logits (LENGTH, V); raises where transformers does."""
    given = json.loads(json.dumps(config))
    kind = given.pop("model_type")
    made = class_of(kind).from_dict(given)
    auto = AutoModelForMaskedLM if kind == "eurobert" else AutoModelForCausalLM
    if "text_config" in config:
        auto = AutoModelForImageTextToText
    model = auto.from_config(made, attn_implementation="eager", dtype=torch.float32).eval()
    saved = json.loads(made.to_json_string(use_diff=True))
    if "text_config" in config:
        for name, parameter in list(model.named_parameters()):
            if "language_model" not in name and "lm_head" not in name:
                owner, _, leaf = name.rpartition(".")
                model.get_submodule(owner).register_parameter(leaf, None)
    fill_hashed(model, key, SCALE)
    vocab = model.get_output_embeddings().weight.shape[0]
    ids = ((hashed(key + 1000, LENGTH) + 1) / 2 * vocab).astype(numpy.int64)
    with torch.no_grad():
        out = model(torch.from_numpy(ids)[None], **({} if kind == "eurobert" else {"use_cache": False}))
    logits = out.logits[0]
    if not torch.isfinite(logits).all():
        raise ValueError("not finite")
    return saved, logits


@functools.cache
def plain_config(kind):
    """What transformers saves of a config without changes."""
    return forward(config_of(kind, []), 1)[0]


def different(found, plain_one):
    """Names of what differs."""
    names = []
    for name in found.keys() | plain_one.keys():
        own, other = found.get(name), plain_one.get(name)
        if own != other:
            names.append(name)
            if name == "text_config":
                names += different(own, other)
    return sorted(names)


def case(kind, changes, key, form):
    config = config_of(kind, changes)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            saved, logits = forward(config, key)
    except Exception:
        return None
    changed = [name for _, name, _ in changes]
    if form == "saved":  # under the names that transformers gives them
        changed += different(saved, plain_config(kind))
    return {
        "form": form,
        "changed": list(dict.fromkeys(changed)),
        "config": config if form == "given" else saved,
        "key": key,
        "logits": [round(float(v), 5) for v in logits[-1]],
    }


def combined(kind, draw, count):
    """Three to five settings at once."""
    known = settings_of(kind)
    own = {name for name in own_fields(kind)}
    if "text_config" in BASE[kind]:
        own |= set(own_fields(BASE[kind]["text_config"]["model_type"]))
    known = [s for s in known if s[1] in own]
    made = []
    for _ in range(20 * count):
        if len(made) == count:
            break
        picked = {}
        for place, name, value in draw.sample(known, draw.randint(3, 5)):
            picked[place, name] = (place, name, value)
        found = case(kind, list(picked.values()), draw.randrange(2**31), draw.choice(["given", "saved"]))
        if found is not None:
            made.append(found)
    return made


def cases(kinds, draw, count):
    made = []
    for kind in kinds:
        for setting in settings_of(kind):
            for form in ["given", "saved"]:
                made.append(case(kind, [setting], draw.randrange(2**31), form))
        made += combined(kind, draw, count)
    return [c for c in made if c is not None]


def sample(draw):
    """A few of each family, most of them of its own settings."""
    made = []
    for kind in BASE:
        own = [s for s in settings_of(kind) if s[1] in own_fields(kind) or s[0] == "text"]
        few = []
        for setting in draw.sample(own, len(own)):
            if len(few) == 3:
                break
            few.append(case(kind, [setting], draw.randrange(2**31), draw.choice(["given", "saved"])))
            few = [c for c in few if c is not None]
        made += few + combined(kind, draw, 2)
    draw.shuffle(made)
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--types", nargs="*", default=list(BASE))
    parser.add_argument("--combined", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.ERROR)
    transformers.utils.logging.set_verbosity(60)
    draw = random.Random(options.seed)
    if options.all:
        for found in cases(options.types, draw, options.combined):
            print(json.dumps(found))
    else:
        lines = ",\n".join(json.dumps(found) for found in sample(draw))
        (GOLDEN / "unusual.json").write_text(f"[\n{lines}\n]\n")
