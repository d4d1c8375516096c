"""Rotary frequencies of random settings, by transformers' own functions.

    python3 tests/golden/make_rotary.py                          writes rotary.json
    python3 tests/golden/make_rotary.py --sweep 400 --seed 7     prints cases of random settings
"""

import argparse
import json
import math
import random
import sys

from _witness import GOLDEN, plain
from transformers import GPTNeoXConfig, LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gpt_neox.modeling_gpt_neox import GPTNeoXRotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

TYPES = ["default", "linear", "dynamic", "llama3", "yarn", "longrope", "proportional"]


def settings(draw, kind, head_dim, share):
    rope = {"rope_theta": draw.choice([100.0, 10000.0, 500000, 1e6, 5e6])}
    rope[draw.choice(["rope_type", "type"])] = kind
    original = draw.choice([64, 1024, 4096, 8192])
    if share is not None:
        rope["partial_rotary_factor"] = share
    if kind in ["linear", "dynamic", "llama3", "yarn"]:
        rope["factor"] = draw.choice([1.0, 2.0, 3.7, 8, 32.0])
    if kind == "proportional" and draw.random() < 0.5:
        rope["factor"] = draw.choice([1.0, 2.0, 8.0])
    if kind == "llama3":
        low = draw.choice([0.5, 1.0, 2.0])
        rope |= {"low_freq_factor": low, "high_freq_factor": low * draw.choice([1.5, 4.0])}
    if kind in ["llama3", "yarn", "longrope"]:
        rope["original_max_position_embeddings"] = original
    if kind == "yarn":
        if draw.random() < 0.3:
            rope["attention_factor"] = draw.choice([0.7, 1.0, 1.3])
        if draw.random() < 0.5:
            rope |= {"mscale": draw.choice([0.7, 1.0]), "mscale_all_dim": draw.choice([0.5, 1.0])}
        if draw.random() < 0.5:
            rope |= {"beta_fast": draw.choice([8, 32.0, 64]), "beta_slow": draw.choice([0.5, 1.0, 4])}
        if draw.random() < 0.5:
            rope["truncate"] = draw.random() < 0.5
    if kind == "longrope":
        pairs = math.ceil(int(head_dim * (share or 1)) / 2)
        for key in ["short_factor", "long_factor"]:
            rope[key] = [round(draw.uniform(1, 40), 3) for _ in range(pairs)]
        if draw.random() < 0.5:
            rope["factor"] = draw.choice([1.0, 4.0, 32.0])
        if draw.random() < 0.3:
            rope["attention_factor"] = draw.choice([0.7, 1.19])
    return rope, original


def case(draw, kind):
    head_dim = 2 * draw.choice([2, 3, 8, 16, 32, 40, 64])
    # gpt_neox turns a part of the columns; llama turns all, but for the type that chooses pairs itself
    is_partial = draw.random() < 0.5
    shares = [0.25, 0.4, 0.5, 0.75, 1.0]
    share = draw.choice(shares) if is_partial or kind == "proportional" else None
    if share is not None and int(head_dim * share) < (4 if kind == "dynamic" else 1):
        share = 1.0
    if kind == "yarn" and share is not None and int(head_dim * share) % 2:
        share = 0.5 if head_dim % 4 == 0 else 1.0  # transformers' ramp has one pair too few for an odd number
    rope, original = settings(draw, kind, head_dim, share)
    config = dict(
        model_type="gpt_neox" if is_partial else "llama",
        hidden_size=2 * head_dim,
        num_attention_heads=2,
        max_position_embeddings=original * draw.choice([1, 1, 4, 16]),
        rope_parameters=rope,
    )
    made = (GPTNeoXConfig if is_partial else LlamaConfig)(
        **{k: v for k, v in json.loads(json.dumps(config)).items() if k != "model_type"}
    )
    positions = draw.choice([1, original // 2, original, original + 1, config["max_position_embeddings"]])
    if kind == "dynamic":
        positions = min(positions, config["max_position_embeddings"])  # longer rows are refused
    if kind == "default":
        table = GPTNeoXRotaryEmbedding if is_partial else LlamaRotaryEmbedding
        frequencies, factor = table.compute_default_rope_parameters(made)
    else:
        frequencies, factor = ROPE_INIT_FUNCTIONS[kind](made, seq_len=positions)
    return dict(
        config=config, head_dim=head_dim, positions=positions, frequencies=plain(frequencies), factor=plain(float(factor))
    )


def sweep(count, seed):
    draw = random.Random(seed)
    cases = [case(draw, TYPES[i % len(TYPES)]) for i in range(count)]
    draw.shuffle(cases)
    return cases


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.sweep is not None:
        json.dump(sweep(options.sweep, options.seed), sys.stdout)
    else:
        lines = ",\n".join(json.dumps(c) for c in sweep(42, 1))
        (GOLDEN / "rotary.json").write_text(f"[\n{lines}\n]\n")
