"""20 steps of torch.optim.Muon on matrices of several shapes: muon.json.

`values` are those of Newton-Schulz steps in float64 (PyTorch rounds them to bfloat16, which is patched away here);
`rounded` are PyTorch's own, which differ by that rounding alone.

Run from the root of the project: python3 tests/golden/make_muon.py
"""

import json
import math
from pathlib import Path

import torch

SHAPES = {
    "layers.0.tall": (12, 5),
    "layers.0.wide": (5, 12),
    "layers.1.square": (8, 8),
    "layers.1.row": (1, 6),
    "layers.2.column": (7, 1),
    "layers.2.odd": (3, 7),
}
STEPS = 20
KEPT = (1, 2, 5, 20)


def start(k, shape):
    n = shape[0] * shape[1]
    return [math.sin(0.7 * i + 1.9 * k) for i in range(n)]


def gradient(k, step, shape):
    n = shape[0] * shape[1]
    return [math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k) for i in range(n)]


def run(dtype):
    parameters = {
        name: torch.tensor(start(k, shape), dtype=dtype).reshape(shape).requires_grad_()
        for k, (name, shape) in enumerate(SHAPES.items())
    }
    optimizer = torch.optim.Muon(list(parameters.values()), lr=0.02, weight_decay=0.1, momentum=0.95)
    kept = {}
    for step in range(1, STEPS + 1):
        for k, (name, shape) in enumerate(SHAPES.items()):
            parameters[name].grad = torch.tensor(gradient(k, step, shape), dtype=dtype).reshape(shape)
        optimizer.step()
        if step in KEPT:
            kept[step] = {name: [round(v, 9) for v in p.detach().flatten().tolist()] for name, p in parameters.items()}
    return kept


rounded = run(torch.float32)
torch.Tensor.bfloat16 = lambda self: self.clone()
values = run(torch.float64)
Path("tests/golden/muon.json").write_text(json.dumps({
    "torch": torch.__version__,
    "shapes": SHAPES,
    "values": values,
    "rounded": {STEPS: rounded[STEPS]},
}) + "\n")
