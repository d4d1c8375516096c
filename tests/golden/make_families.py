"""Golden numbers of random configs of dense families.

    python3 tests/golden/make_families.py                              writes families.json
    python3 tests/golden/make_families.py --sweep 300 --seed 7         prints cases of random configs

Cases have no weights: both sides make them by `hashed`.
"""

import argparse
import json
import random
import sys

from _witness import GOLDEN, hashed_case
from transformers import GraniteConfig, Olmo2Config, SmolLM3Config


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


def sweep(count, seed):
    draw = random.Random(seed)
    cases = []
    for i in range(count):
        kind, config = [granite, olmo2, smollm3][i % 3](draw)
        cases.append(hashed_case(kind, config, draw.randrange(2**31)))
    return cases


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.sweep is not None:
        json.dump(sweep(options.sweep, options.seed), sys.stdout)
    else:
        lines = ",\n".join(json.dumps(case) for case in sweep(12, 1))
        (GOLDEN / "families.json").write_text(f"[\n{lines}\n]\n")
