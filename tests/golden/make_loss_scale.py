"""Decisions of PyTorch's GradScaler over random runs of finite and infinite gradients: loss_scale.json.

Of each run: whether each step's gradients were finite (1) or not (0), the scale's power of two before each step where
it changed, the scale after the last one, and the updates that AdamW has counted.

Run from the root of the project: python3 tests/golden/make_loss_scale.py
"""

import json
import math
import random
from pathlib import Path

import torch

rng = random.Random(11)
runs = []
for _ in range(400):
    interval = rng.choice([1, 2, 3, 5, 8, 13, 2000])
    chance = rng.choice([0.0, 0.02, 0.1, 0.3, 0.7])
    steps = rng.randrange(1, 61)
    # one in eight begins where a scale would grow beyond float32
    first = 2.0 ** (rng.randrange(120, 128) if rng.randrange(8) == 0 else 16)
    scaler = torch.amp.GradScaler("cpu", init_scale=first, growth_interval=interval)
    weight = torch.nn.Parameter(torch.tensor([0.5]))
    optimizer = torch.optim.AdamW([weight], lr=1e-2, weight_decay=0.1)
    finite, changes, last = "", [], None
    for step in range(steps):
        scale = math.log2(scaler.get_scale())
        if scale != last:
            changes.append([step, int(scale)])
        last = scale
        good = rng.random() >= chance
        finite += "1" if good else "0"
        scaled = scaler.scale(torch.tensor(2.0**-120))
        weight.grad = torch.tensor([float(scaled) if good else rng.choice([math.inf, -math.inf, math.nan])])
        scaler.step(optimizer)
        scaler.update()
    state = optimizer.state.get(weight, {})
    runs.append({
        "interval": interval, "first": int(math.log2(first)), "finite": finite, "changes": changes,
        "last": int(math.log2(scaler.get_scale())), "updates": int(state.get("step", 0)),
    })
rng.shuffle(runs)
lines = ",\n".join(json.dumps(run) for run in runs)
Path("tests/golden/loss_scale.json").write_text(f"[\n{lines}\n]\n")
