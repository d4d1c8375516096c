"""Golden numbers of tiny random Gemma 2 models, for `examples/gemma2_model`.

    python3 tests/golden/make_gemma2.py                  writes gemma2/ and gemma2_sweep.json
    python3 tests/golden/make_gemma2.py --sweep 300 --seed 7     prints cases of random configs

`gemma2/tiny/` is as `save_pretrained` writes it, `gemma2/tiny.json` as `make_models.py` describes, with greedy
ids besides. Cases of the sweep have no weights: both sides make them by `hashed`.
"""

import argparse
import json
import random
import shutil
import sys

from _witness import (
    GOLDEN, adamw_run, describe_batch, hashed_case, make_batch, plain, random_weights, readable, real_logits, write_json,
)
import copy
import numpy
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

VOCAB = 61
TINY = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, head_dim=10, max_position_embeddings=128, sliding_window=5, query_pre_attn_scalar=7,
    attn_logit_softcapping=4.0, final_logit_softcapping=5.0, bos_token_id=1, eos_token_id=2, pad_token_id=None,
)


def build(config):
    model = Gemma2ForCausalLM._from_config(config, attn_implementation="eager", dtype=torch.float32)
    return model.eval()


def centred(model):
    """Norm weights start at 0 here: the witness draws them around 1 for every model."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 and name.endswith("norm.weight"):
                parameter.sub_(1)
    return model


def greedy(model, prompt, count):
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt):]


def write_tiny():
    folder = GOLDEN / "gemma2" / "tiny"
    shutil.rmtree(folder, ignore_errors=True)
    model = centred(random_weights(build(Gemma2Config(**TINY)), 31))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    readable(folder)
    batch = make_batch(VOCAB, 32)
    out = model(**batch)
    out.loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    prompt = batch["input_ids"][0, :9].tolist()
    record = {
        **describe_batch(batch),
        "logits": real_logits(out.logits, batch, [0, 2]),
        "loss": plain(out.loss.detach().numpy()[()]),
        "grad_norms": {name: plain(g.norm().numpy()[()]) for name, g in gradients.items()},
        "gradients": {
            name: plain(gradients[name])
            for name in ["model.layers.0.self_attn.k_proj.weight", "model.layers.1.input_layernorm.weight"]
        },
        "adamw": adamw_run(copy.deepcopy(model), batch),
        "prompt": prompt,
        "greedy": greedy(model, prompt, 64),
    }
    write_json(GOLDEN / "gemma2" / "tiny.json", record)


def sweep_case(draw):
    kv = draw.choice([1, 2, 3])
    layers = draw.choice([1, 2, 3, 4])
    kinds = ["sliding_attention", "full_attention"]
    heads = kv * draw.choice([1, 2, 3])
    return dict(
        model_type="gemma2",
        vocab_size=draw.randint(11, 40),
        hidden_size=heads * draw.choice([1, 2, 4, 5]),  # transformers wants a multiple of the heads
        intermediate_size=draw.randint(5, 40),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv,
        head_dim=2 * draw.randint(1, 7),
        hidden_activation=draw.choice(["gelu_pytorch_tanh", "gelu", "silu", "relu"]),
        max_position_embeddings=64,
        rms_norm_eps=draw.choice([1e-6, 1e-5, 1e-3]),
        tie_word_embeddings=draw.random() < 0.5,
        attention_bias=draw.random() < 0.3,
        query_pre_attn_scalar=draw.choice([1, 3, 8, 256]),
        sliding_window=draw.choice([1, 2, 3, 5, 100]),
        layer_types=None if draw.random() < 0.4 else [draw.choice(kinds) for _ in range(layers)],
        final_logit_softcapping=draw.choice([None, 1.0, 5.0, 30.0]),
        attn_logit_softcapping=draw.choice([None, 0.5, 5.0, 50.0]),
        rope_parameters={"rope_type": "default", "rope_theta": draw.choice([100.0, 10000.0])},
        pad_token_id=None,
        bos_token_id=1,
        eos_token_id=2,
    )


def sweep(count, seed):
    draw = random.Random(seed)
    return [hashed_case(Gemma2Config, sweep_case(draw), draw.randrange(2**31)) for _ in range(count)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.sweep is not None:
        json.dump(sweep(options.sweep, options.seed), sys.stdout)
    else:
        write_tiny()
        cases = sweep(12, 1)
        lines = ",\n".join(json.dumps(case) for case in cases)
        (GOLDEN / "gemma2_sweep.json").write_text(f"[\n{lines}\n]\n")
