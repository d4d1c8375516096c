"""20 steps of transformers' Adafactor on tensors of several shapes: adafactor.json.

Run from the root of the project: python3 tests/golden/make_adafactor.py
"""

import json
import math
from pathlib import Path

import torch
from transformers.optimization import Adafactor

SHAPES = {"tall": (12, 5), "wide": (5, 12), "one": (1, 6), "vector": (7,)}
KEPT = (1, 2, 5, 20)
RUNS = {
    "plain": {"scale_parameter": False, "weight_decay": 0.1, "clip_threshold": 1.0},
    "scaled": {"scale_parameter": True, "weight_decay": 0.0, "clip_threshold": 0.5},
}


def run(options):
    parameters = {
        name: torch.tensor([math.sin(0.7 * i + 1.9 * k) for i in range(math.prod(shape))], dtype=torch.float64)
        .reshape(shape).requires_grad_()
        for k, (name, shape) in enumerate(SHAPES.items())
    }
    optimizer = Adafactor(list(parameters.values()), lr=0.02, relative_step=False, **options)
    kept = {}
    for step in range(1, 21):
        for k, (name, p) in enumerate(parameters.items()):
            g = [math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k) for i in range(p.numel())]
            p.grad = torch.tensor(g, dtype=torch.float64).reshape(p.shape)
        optimizer.step()
        if step in KEPT:
            kept[step] = {name: [round(v, 9) for v in p.detach().flatten().tolist()] for name, p in parameters.items()}
    return kept


Path("tests/golden/adafactor.json").write_text(json.dumps({
    "shapes": SHAPES, "runs": {name: {"options": o, "steps": run(o)} for name, o in RUNS.items()},
}) + "\n")
