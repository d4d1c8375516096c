"""Learning rates of torch's ReduceLROnPlateau over random figures: plateau.json.

Run from the root of the project: python3 tests/golden/make_plateau.py
"""

import json
import random
from pathlib import Path

import torch

draw = random.Random(20261122)
cases = []
for _ in range(80):
    options = {
        "factor": draw.choice([0.1, 0.5, 0.9]),
        "patience": draw.randint(0, 4),
        "threshold": draw.choice([0, 1e-4, 0.05, 0.25]),
        "threshold_mode": draw.choice(["rel", "abs"]),
        "cooldown": draw.randint(0, 3),
    }
    least = draw.choice([0, 0.02, 0.3])
    mode = draw.choice(["min", "max"])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode, min_lr=least, eps=0, **options)
    values, factors = [], []
    level = draw.choice([2.0, 0.5, -1.0])
    for _ in range(30):
        level += draw.choice([-0.25, -0.125, 0, 0, 0.0625, 0.125])
        value = float("nan") if draw.random() < 0.03 else level
        schedule.step(value)
        values.append(None if value != value else value)
        factors.append(optimizer.param_groups[0]["lr"])
    cases.append({
        "options": {**options, "min_factor": least, "greater_is_better": mode == "max"},
        "values": values,
        "factors": factors,
    })
Path("tests/golden/plateau.json").write_text(json.dumps(cases) + "\n")
