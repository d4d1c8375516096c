"""Loads folders that denotune saved as mlx-lm would, and prints the greedy ids that it answers.

    echo '[{"path": FOLDER, "prompts": [[1, 2, 3]], "new_tokens": 8}]' | python3 tests/golden/witness_mlx.py
"""

import json
import sys

import mlx.core as mx
from mlx_lm import load
from mlx_lm.generate import generate_step

mx.set_default_device(mx.cpu)


def answers(path, prompts, new_tokens):
    model, tokenizer = load(path)
    found = []
    for ids in prompts:
        steps = generate_step(mx.array(ids), model, max_tokens=new_tokens)
        found.append([int(token) for token, _ in steps])
    return {"answers": found, "eos": sorted(tokenizer.eos_token_ids)}


def tried(asked):
    try:
        return answers(**asked)
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"[:300]}


print(json.dumps([tried(asked) for asked in json.load(sys.stdin)]))
