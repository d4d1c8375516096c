"""What PEFT computes for several hundred adapters, of settings drawn at random.

    python3 tests/golden/make_adapters.py [count]

Writes adapters.json: bases (their configs and the shapes of their weights), and for each adapter its
`adapter_config.json` (what differs from `config`), its tensors (a number of `names`, then the sizes), and the
logits that PEFT gives for the last token of one row of ids. No number of a tensor is kept: each follows from
the tensor's name and the element's index by `values` below, which the test repeats.
"""

import json
import pathlib
import random
import sys
import tempfile
import warnings

from _witness import GOLDEN, plain
import numpy
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
import torch
from transformers import AutoConfig, AutoModelForCausalLM

warnings.filterwarnings("ignore")
VOCABULARY, HIDDEN = 24, 16
IDS = [3, 17, 0, 8, 8, 21, 5]
LLAMA = dict(
    vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=32, rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=1,
)
GPT2 = dict(
    model_type="gpt2", vocab_size=VOCABULARY, n_embd=HIDDEN, n_layer=2, n_head=4, n_positions=32, n_inner=20,
    bos_token_id=0, eos_token_id=1, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0,
)
BIASED = dict(attention_bias=True, mlp_bias=True)
BASES = {
    "llama-tied": dict(model_type="llama", tie_word_embeddings=True, **BIASED, **LLAMA),
    "llama-untied": dict(model_type="llama", tie_word_embeddings=False, **LLAMA),
    "qwen2-tied": dict(model_type="qwen2", tie_word_embeddings=True, **LLAMA),
    "gpt2-tied": dict(tie_word_embeddings=True, **GPT2),
    "gpt2-untied": dict(tie_word_embeddings=False, **GPT2),
}


def values(name, shape):
    """float32 numbers in -1 .. 1 that depend on the name and the index alone, moved to where they make sense."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    x = numpy.arange(int(numpy.prod(shape)), dtype=numpy.uint64) * 0x9E3779B9 + seed & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    x ^= x >> 16
    unit = (x >> 8).astype(numpy.float64) / 2**23 - 1
    if "magnitude" in name:
        moved = 0.6 + 0.3 * unit
    elif name.endswith("weight") and len(shape) == 1:  # a norm
        moved = 1 + 0.2 * unit
    else:
        moved = 0.25 * unit
    return torch.from_numpy(moved.astype(numpy.float32).reshape(shape))


def make_base(config):
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(values(name, tuple(parameter.shape)))
    return model


def logits_of(model):
    ids = torch.tensor([IDS])
    with torch.no_grad():
        return model(input_ids=ids, use_cache=False).logits[0, -1]


def draw(pick, base):
    """Settings of one adapter."""
    is_gpt2, tied = base.startswith("gpt2"), "untied" not in base
    linear = ["c_attn", "c_fc", "c_proj"] if is_gpt2 else [
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    table = "wte" if is_gpt2 else "embed_tokens"
    some = lambda: pick.sample(linear, pick.randint(1, len(linear)))
    settings = dict(
        r=pick.choice([1, 2, 4, 8, 8, 17, 24]),  # the last two: above the size of the layers
        lora_alpha=pick.choice([0, 1, 4, 16, 32]),
        lora_dropout=pick.choice([0, 0.1]),
        bias=pick.choice(["none", "none", "all", "lora_only"]),
        use_rslora=pick.random() < 0.3,
        use_dora=pick.random() < 0.3,
        task_type="CAUSAL_LM",
        fan_in_fan_out=is_gpt2,
        target_modules=pick.choice([
            "all-linear", some(), some(), some(),
            r".*\.(h|layers)\.1\..*" + pick.choice(linear), ".*(" + "|".join(some()) + ")",
            [("transformer.h.1.mlp.c_fc" if is_gpt2 else "model.layers.1.mlp.up_proj"), pick.choice(linear)],
        ]),
    )
    listed = isinstance(settings["target_modules"], list)
    if listed and pick.random() < 0.3:
        settings["layers_to_transform"] = pick.choice([0, 1, [1], [0, 1]])
        if pick.random() < 0.5:
            settings["layers_pattern"] = pick.choice(["h", ["h"]] if is_gpt2 else ["layers", ["layers"]])
    if pick.random() < 0.25:
        settings["exclude_modules"] = pick.choice([
            [linear[0]], r".*\.0\..*", ["mlp"], [("h.0.attn.c_attn" if is_gpt2 else "layers.0.self_attn.q_proj")]])
    if pick.random() < 0.4:
        settings["rank_pattern"] = pick.choice([
            {linear[0]: 3}, {r"\.1\..*" + linear[-1]: 2}, {".*mlp.*": 5}, {linear[0]: 1, linear[-1]: 6}, {"nothing": 9}])
    if pick.random() < 0.4:
        settings["alpha_pattern"] = pick.choice([{linear[0]: 9}, {"mlp." + linear[-1]: 0.5}, {".*": 7}])
    kinds = [
        [table], ["lm_head"], [table, "lm_head"], ["lm_head", table],
        ["ln_f"] if is_gpt2 else ["norm"],  # by the end of the name, so `norm` is every norm of a llama
        ["ln_1", "transformer.wpe"] if is_gpt2 else ["model.norm", "input_layernorm"],
        ["h.0.mlp"] if is_gpt2 else ["layers.0.mlp"],  # a module of modules
        [linear[0]], ["1." + ("attn" if is_gpt2 else "self_attn"), table],
        ["no_such_module", "transformer.wte" if is_gpt2 else "model.embed_tokens"],
    ]
    if pick.random() < 0.6:
        settings["modules_to_save"] = pick.choice(kinds + (kinds[:4] * 2 if tied else []))
        settings["ensure_weight_tying"] = pick.random() < 0.4
    start = pick.random()
    if start < 0.06:
        settings["init_lora_weights"] = "pissa"
    elif start < 0.12:
        settings["init_lora_weights"] = "eva"
    elif start < 0.2:
        settings["init_lora_weights"] = pick.choice(["gaussian", "orthogonal", False])
    return settings


def witness(settings, base, folder):
    """Saves an adapter of these settings with numbers of ours, and asks PEFT what the saved one computes."""
    model = get_peft_model(make_base(BASES[base]), LoraConfig(**settings))
    model.save_pretrained(folder)
    first, copies, tensors = {}, [], {}
    for name, tensor in get_peft_model_state_dict(model).items():
        same = first.setdefault(tensor.data_ptr(), name)  # tied: two names of one tensor
        tensors[name] = values(same, tuple(tensor.shape))
        if same != name:
            copies.append([name, same])
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    loaded = PeftModel.from_pretrained(make_base(BASES[base]), folder).eval()
    logits = logits_of(loaded)
    if not bool(torch.isfinite(logits).all()):  # pissa with lora_alpha 0 divides by it
        raise ValueError("logits that are no numbers")
    config = json.loads((folder / "adapter_config.json").read_text())
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    for key in ("target_modules", "exclude_modules"):  # sets: in an order that is the same at every run
        if isinstance(config[key], list):
            config[key].sort()
    return config, shapes, copies, logits


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 320
    pick, cases, refused = random.Random(20), [], {}
    names, common = {}, None
    while len(cases) < count:
        base = pick.choice(list(BASES))
        settings = draw(pick, base)
        with tempfile.TemporaryDirectory() as temporary:
            try:
                config, shapes, copies, logits = witness(settings, base, pathlib.Path(temporary))
            except Exception as error:  # PEFT refuses it, or cannot load what it saved: no witness
                reason = type(error).__name__ + ": " + str(error).strip().splitlines()[0][:120]
                refused[reason] = refused.get(reason, 0) + 1
                continue
        common = common or {**config, **json.loads(json.dumps(LoraConfig().to_dict(), default=list))}
        differing = {key: value for key, value in config.items() if common.get(key) != value or key not in common}
        indices = [[names.setdefault(name, len(names)), *shape] for name, shape in shapes.items()]
        shared = {} if copies == [] else dict(copies=[[names[a], names[b]] for a, b in copies])
        cases.append(dict(base=base, config=differing, tensors=indices, **shared, logits=plain(logits)))
    for reason, times in refused.items():
        print(times, reason)
    bases = {
        name: dict(config=config, tensors={n: list(p.shape) for n, p in make_base(config).named_parameters()},
                   logits=plain(logits_of(make_base(config))))
        for name, config in BASES.items()
    }
    common["base_model_name_or_path"] = None
    for case in cases:
        case["config"].pop("base_model_name_or_path", None)
    lines = [
        f'"ids": {json.dumps(IDS)}', f'"bases": {json.dumps(bases)}', f'"config": {json.dumps(common)}',
        f'"names": {json.dumps(list(names))}',
        '"cases": [\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]",
    ]
    (GOLDEN / "adapters.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
