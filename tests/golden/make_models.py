"""Golden numbers of tiny random models: weights, logits, loss, gradients and five AdamW steps.

    python3 tests/golden/make_models.py [name ...]

Writes models/<name>/ as `save_pretrained` does, and models/<name>.json beside it.
"""

import copy
import json
import math
import shutil
import sys

from _witness import (
    GOLDEN, adamw_run, describe_batch, make_batch, plain, random_weights, readable, real_logits,
    write_json,
)
import torch
from transformers import (
    AutoConfig, AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config,
)

MODELS = GOLDEN / "models"
VOCAB = 61
SMALL = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=128, bos_token_id=1, eos_token_id=2, use_cache=True,
)
GPT2 = dict(
    vocab_size=VOCAB, n_embd=32, n_head=4, n_layer=2, n_positions=32, activation_function="gelu_new",
    bos_token_id=1, eos_token_id=2,
)
LLAMA = dict(num_key_value_heads=4, rms_norm_eps=1e-5, tie_word_embeddings=True)
UNTIED = dict(num_key_value_heads=2, rms_norm_eps=1e-6, tie_word_embeddings=False)


def rope(theta=10000.0, **scaling):
    return {"rope_theta": theta, "rope_type": "default", **scaling}


# Wavelengths at theta 100 and head size 8 are 6.3, 19.9, 62.8 and 198.7. The borders 16 / 2 = 8 and
# 16 / 0.5 = 32 leave one as it is, smooth one, and divide two.
LLAMA3 = dict(
    rope_type="llama3", factor=4.0, low_freq_factor=0.5, high_freq_factor=2.0,
    original_max_position_embeddings=16,
)

CONFIGS = {
    "llama": LlamaConfig(**SMALL, **LLAMA, rope_parameters=rope()),
    "llama-gqa-untied": LlamaConfig(**SMALL, **UNTIED, rope_parameters=rope(500000.0)),
    "llama-rope-linear": LlamaConfig(**SMALL, **LLAMA, rope_parameters=rope(rope_type="linear", factor=2.0)),
    "llama-rope-llama3": LlamaConfig(**SMALL, **LLAMA, rope_parameters=rope(100.0, **LLAMA3)),
    "llama-bias": LlamaConfig(**SMALL, **LLAMA, rope_parameters=rope(), attention_bias=True, mlp_bias=True),
    "llama-smollm": LlamaConfig(
        **{**SMALL, "hidden_size": 72, "num_attention_heads": 9}, num_key_value_heads=3, rms_norm_eps=1e-5,
        tie_word_embeddings=True, rope_parameters=rope(100000.0),
    ),
    "mistral": MistralConfig(**SMALL, num_key_value_heads=2, rms_norm_eps=1e-5, sliding_window=None,
                             rope_parameters=rope()),
    # a query sees itself and the 4 keys before it: rows of 14, 6 and 10 are all longer
    "mistral-window": MistralConfig(**SMALL, num_key_value_heads=2, rms_norm_eps=1e-5, sliding_window=5,
                                    rope_parameters=rope()),
    "qwen2": Qwen2Config(**SMALL, num_key_value_heads=2, tie_word_embeddings=True,
                         rope_parameters=rope(1000000.0)),
    # heads * head_dim is 64, hidden is 32
    "qwen3": Qwen3Config(**SMALL, num_key_value_heads=2, head_dim=16, tie_word_embeddings=True,
                         rope_parameters=rope(1000000.0)),
    "gpt2-tied": GPT2Config(**GPT2),
    "gpt2-untied": GPT2Config(**GPT2, n_inner=48, tie_word_embeddings=False),
}

# Parameters whose whole gradient is kept, three each; {name: suffixes}
LLAMA_GRADIENTS = ["embed_tokens.weight", "layers.0.self_attn.k_proj.weight", "layers.1.input_layernorm.weight"]
GPT2_GRADIENTS = ["wpe.weight", "h.0.attn.c_attn.bias", "h.1.ln_2.weight"]
GRADIENTS = {
    "llama-gqa-untied": ["lm_head.weight", *LLAMA_GRADIENTS[1:]],
    "llama-smollm": ["layers.0.self_attn.k_proj.weight", "layers.1.input_layernorm.weight", "norm.weight"],
    "llama-bias": ["layers.0.self_attn.k_proj.bias", "layers.0.self_attn.o_proj.bias", "layers.1.mlp.up_proj.bias"],
    "qwen2": ["layers.0.self_attn.k_proj.bias", "layers.0.self_attn.q_proj.weight", "norm.weight"],
    "qwen3": ["layers.0.self_attn.q_norm.weight", "layers.1.self_attn.k_norm.weight",
              "layers.0.self_attn.k_proj.weight"],
}


def config_v4(config):
    """The same config as transformers 4 wrote it, as nearly every published model still has it."""
    old = copy.deepcopy(config)
    old.pop("transformers_version", None)
    old["torch_dtype"] = old.pop("dtype")
    parameters = old.pop("rope_parameters", None)
    if parameters:
        old["rope_theta"] = parameters.pop("rope_theta")
        old["rope_scaling"] = None if parameters == {"rope_type": "default"} else parameters
    return old


def load(folder, **options):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", **options
    )
    return model.eval()


def rope_bands(config):
    """How many frequencies llama3 scaling leaves, smooths and divides."""
    scaling = config["rope_parameters"]
    size = config["head_dim"]
    waves = [2 * math.pi * scaling["rope_theta"] ** (2 * i / size) for i in range(size // 2)]
    length = scaling["original_max_position_embeddings"]
    high, low = length / scaling["high_freq_factor"], length / scaling["low_freq_factor"]
    return [sum(w < high for w in waves), sum(high <= w <= low for w in waves), sum(w > low for w in waves)]


def witness(name, seed):
    """Reads models/<name>/ back, in float32, and writes models/<name>.json."""
    folder = MODELS / name
    model = load(folder)
    batch = make_batch(VOCAB, seed)
    output = model(**batch)
    output.loss.backward()

    # the mean over every labelled position after the first of its row: labels are shifted once, here
    logits, targets = output.logits[:, :-1].double(), batch["labels"][:, 1:]
    loss_sum = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    )
    record = describe_batch(batch)
    assert abs(loss_sum / record["trained_tokens"] - output.loss) < 1e-5

    config = json.loads((folder / "config.json").read_text())
    old = AutoConfig.for_model(**config_v4(config))
    with torch.no_grad():
        same = load(folder, config=old)(**batch).logits
    assert torch.equal(same, output.logits), "the transformers 4 spelling means something else"
    if "rope-llama3" in name:
        assert rope_bands(config) == [1, 1, 2]

    gradients = {n: p.grad for n, p in model.named_parameters()}
    gpt2 = name.startswith("gpt2")
    chosen = GRADIENTS.get(name, GPT2_GRADIENTS if gpt2 else LLAMA_GRADIENTS)
    prefix = {True: "transformer.", False: "model."}[gpt2]
    full = [n if n.startswith("lm_head") else prefix + n for n in chosen]
    record |= {
        "config_v4": config_v4(config),
        "logits": real_logits(output.logits, batch, [0, 2]),
        "loss": plain(output.loss.detach().numpy()[()]),
        "grad_norms": {n: plain(g.norm().numpy()[()]) for n, g in gradients.items()},
        "gradients": {n: plain(gradients[n]) for n in full},
        "adamw": adamw_run(load(folder), batch),
    }
    write_json(MODELS / f"{name}.json", record)
    print(name, record["loss"], record["adamw"]["loss_after"])


def save(model, name, **options):
    folder = MODELS / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **options)
    readable(folder)


def main(wanted):
    for number, (name, config) in enumerate(CONFIGS.items()):
        if wanted and name not in wanted:
            continue
        config._attn_implementation = "eager"
        save(random_weights(AutoModelForCausalLM.from_config(config), seed=100 + number), name)
        witness(name, seed=200 + number)

    # The same weights in other files. Sharded: an index and several shards; the halves: other numbers, since
    # rounding the weights moves everything that follows.
    shared = MODELS / "llama-gqa-untied"
    for number, (name, dtype, options) in enumerate([
        ("llama-sharded", torch.float32, {"max_shard_size": "24KB"}),
        ("llama-bf16", torch.bfloat16, {}),
        ("llama-f16", torch.float16, {}),
    ]):
        if not wanted or name in wanted:
            save(load(shared).to(dtype), name, **options)
            witness(name, seed=201)  # the batch of llama-gqa-untied


if __name__ == "__main__":
    main(sys.argv[1:])
