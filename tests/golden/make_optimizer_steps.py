"""20 steps of optimizers by others, on tensors of several shapes: adafactor.json (transformers), muon.json (PyTorch),
lars.json (timm) and schedule_free.json (its authors' package, schedulefree).

Run from the root of the project: python3 tests/golden/make_optimizer_steps.py
Of timm only this part is imported, because the whole package wants torchvision.
"""

import importlib
import importlib.util
import json
import math
import sys
import types
from pathlib import Path

import torch
from schedulefree import AdamWScheduleFree
from transformers.optimization import Adafactor

SHAPES = {"tall": (12, 5), "wide": (5, 12), "one": (1, 6), "vector": (7,)}
MATRICES = {"tall": (12, 5), "wide": (5, 12), "square": (8, 8), "row": (1, 6), "column": (7, 1), "odd": (3, 7)}
KEPT = (1, 2, 5, 20)


def lars_class():
    root = Path(importlib.util.find_spec("timm").origin).parent
    for name, path in (("timm", root), ("timm.optim", root / "optim")):
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    return importlib.import_module("timm.optim.lars").Lars


def run(make, shapes, learned=None, dtype=torch.float64):
    """Values after some steps; `learned(optimizer)` turns them into what is evaluated."""
    parameters = {
        name: torch.tensor([math.sin(0.7 * i + 1.9 * k) for i in range(math.prod(shape))], dtype=dtype)
        .reshape(shape).requires_grad_()
        for k, (name, shape) in enumerate(shapes.items())
    }
    optimizer = make(list(parameters.values()))
    if hasattr(optimizer, "train"):
        optimizer.train()
    kept = {}
    read = lambda: {name: [round(v, 9) for v in p.detach().flatten().tolist()] for name, p in parameters.items()}
    for step in range(1, 21):
        for k, (name, p) in enumerate(parameters.items()):
            g = [math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k) for i in range(p.numel())]
            p.grad = torch.tensor(g, dtype=dtype).reshape(p.shape)
        optimizer.step()
        if step in KEPT:
            kept[step] = read()
    if learned is None:
        return {"steps": kept}
    learned(optimizer)
    return {"steps": kept, "average": read()}


def write(name, shapes, runs):
    Path(f"tests/golden/{name}.json").write_text(json.dumps({"shapes": shapes, "runs": runs}) + "\n")


ADAFACTOR = {
    "plain": {"scale_parameter": False, "weight_decay": 0.1, "clip_threshold": 1.0},
    "scaled": {"scale_parameter": True, "weight_decay": 0.0, "clip_threshold": 0.5},
}
write("adafactor", SHAPES, {
    name: {"options": o, **run(lambda p: Adafactor(p, lr=0.02, relative_step=False, **o), SHAPES)}
    for name, o in ADAFACTOR.items()
})

LARS = {"plain": {"momentum": 0.9, "weight_decay": 0.1, "trust": 0.5}, "without": {"momentum": 0.0, "weight_decay": 0.0, "trust": 0.1}}
Lars = lars_class()
write("lars", SHAPES, {
    name: {"options": o, **run(lambda p: Lars(
        p, lr=0.02, momentum=o["momentum"], weight_decay=o["weight_decay"], trust_coeff=o["trust"], always_adapt=True,
    ), SHAPES)}
    for name, o in LARS.items()
})

FREE = {
    "plain": {"betas": [0.9, 0.999], "weight_decay": 0.0, "warmup_steps": 0},
    "decayed": {"betas": [0.95, 0.99], "weight_decay": 0.1, "warmup_steps": 8},
}
write("schedule_free", SHAPES, {
    name: {"options": o, **run(lambda p: AdamWScheduleFree(p, lr=0.02, **o), SHAPES, lambda optimizer: optimizer.eval())}
    for name, o in FREE.items()
})

MUON = {
    "plain": {"weight_decay": 0.1, "momentum": 0.95},
    "as_adamw": {"weight_decay": 0.0, "momentum": 0.8, "nesterov": False, "ns_steps": 3, "adjust_lr": "match_rms_adamw"},
}


def muon(o):
    o = dict(o)
    adjust = o.pop("adjust_lr", None)
    return lambda p: torch.optim.Muon(p, lr=0.02, adjust_lr_fn=adjust, **o)


# PyTorch rounds the Newton-Schulz steps to bfloat16, which is patched away: the rule is compared, not that rounding
torch.Tensor.bfloat16 = lambda self: self.clone()
write("muon", MATRICES, {name: {"options": o, **run(muon(o), MATRICES)} for name, o in MUON.items()})
