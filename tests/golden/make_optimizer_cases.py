"""Random cases of optimizers, 20 steps each beside their authors' code: optimizer_cases.json.

AdamW, SGD and Muon are PyTorch's, Adafactor transformers', 8-bit AdamW and Lion bitsandbytes', schedule-free AdamW its
authors' package, Lion in 32 bits bitsandbytes', too. Shapes, learning rates of each step, coefficients, decay with and
without norms and biases, and clipping are drawn; gradients of a step are the sum of one to four micro-batches. Of each
case some elements after steps 7 and 20 are kept. Numbers are drawn by `hashed` on both sides.

Run from the root of the project: python3 tests/golden/make_optimizer_cases.py
"""

import json
import math
import random
from pathlib import Path

import bitsandbytes as bnb
import torch
from schedulefree import AdamWScheduleFree
from transformers.optimization import Adafactor

from _witness import hashed

STEPS, KEPT, ELEMENTS = 20, (7, 20), 5
CASES = {"adamw": 110, "sgd": 90, "lion": 50, "muon": 70, "adafactor": 80, "schedule-free": 60, "adamw 8": 20, "lion 8": 20}
rng = random.Random(5)


def pick(*values):
    return rng.choice(values)


def shapes(name):
    if name.endswith(" 8"):  # blocks of 256: smaller tensors stay in 32 bits in both
        return [pick((64, 64), (32, 160), (4096,), (128, 40)), pick((6, 5), (9,), (3, 17))]
    side = lambda: rng.randrange(1, 14)
    matrix = lambda: (side(), side())
    if name == "muon":
        return [matrix() for _ in range(rng.randrange(1, 4))]
    return [matrix() if rng.random() < 0.6 else (rng.randrange(1, 30),) for _ in range(rng.randrange(1, 4))]


def options(name):
    decay = {"weight_decay": pick(0.0, 0.01, 0.1), "decay_norm_and_bias": pick(False, True)}
    if name == "sgd":
        momentum = pick(0.0, 0.5, 0.9, 0.99)
        return {"momentum": momentum, "nesterov": momentum > 0 and pick(False, True), **decay}
    if name == "muon":
        return {
            "weight_decay": decay["weight_decay"], "momentum": pick(0.0, 0.8, 0.95), "nesterov": pick(False, True),
            "ns_steps": rng.randrange(1, 7), "adjust_lr": pick("original", "match_rms_adamw"),
        }
    if name == "adafactor":
        return {
            **decay, "scale_parameter": pick(False, True), "clip_threshold": pick(0.3, 1.0, 5.0),
            "decay_rate": pick(0.5, 0.8, 0.95),
        }
    betas = [pick(0.5, 0.8, 0.9, 0.95), pick(0.8, 0.95, 0.99, 0.999)]
    if name.startswith("lion"):
        return {"betas": betas, **decay}
    if name == "schedule-free":
        return {"betas": betas, "eps": pick(1e-8, 1e-5), "warmup_steps": pick(0, 1, 6, 30), **decay}
    return {"betas": betas, "eps": pick(1e-8, 1e-6, 1e-3) if name == "adamw" else 1e-8, **decay}


def rates(name, lr):
    """The learning rate of each step: constant, linear with a warm-up, or one that jumps and is 0."""
    kind = "constant" if name == "schedule-free" else pick("constant", "linear", "jumps")
    if kind == "constant":
        return [lr] * STEPS
    if kind == "linear":
        return [lr * min((s + 1) / 5, (STEPS - s) / STEPS) for s in range(STEPS)]
    return [lr * pick(0.0, 0.1, 1.0, 2.0) for _ in range(STEPS)]


def make(name, o, parameters, lr):
    decayed = lambda p: o["weight_decay"] if o.get("decay_norm_and_bias", True) or p.dim() > 1 else 0.0
    groups = [{"params": [p], "weight_decay": decayed(p)} for p in parameters]
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr, betas=tuple(o["betas"]), eps=o["eps"], foreach=False)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=o["momentum"], nesterov=o["nesterov"], foreach=False)
    if name == "muon":
        return torch.optim.Muon(
            parameters, lr=lr, weight_decay=o["weight_decay"], momentum=o["momentum"], nesterov=o["nesterov"],
            ns_steps=o["ns_steps"], adjust_lr_fn=o["adjust_lr"],
        )
    if name == "adafactor":
        return Adafactor(
            groups, lr=lr, relative_step=False, scale_parameter=o["scale_parameter"],
            clip_threshold=o["clip_threshold"], decay_rate=-o["decay_rate"],
        )
    if name == "schedule-free":
        return AdamWScheduleFree(
            groups, lr=lr, betas=tuple(o["betas"]), eps=o["eps"], warmup_steps=o["warmup_steps"], foreach=False,
        )
    kind = {"lion": bnb.optim.Lion, "lion 8": bnb.optim.Lion8bit, "adamw 8": bnb.optim.AdamW8bit}[name]
    more = {"eps": o["eps"]} if "eps" in o else {}
    return kind(groups, lr=lr, betas=tuple(o["betas"]), min_8bit_size=4096, **more)


def run(number, name):
    o, sizes = options(name), shapes(name)
    lr = pick(1e-4, 1e-3, 1e-2, 0.05)
    clip, micro, scale = pick(None, None, 0.1, 1.0), rng.randrange(1, 5), pick(1e-3, 0.1, 1.0, 30.0)
    dtype = torch.float32 if name.startswith("lion") or name.endswith(" 8") else torch.float64
    key = 1000 * number
    drawn = lambda k, shape: torch.tensor(hashed(key + k, math.prod(shape)), dtype=torch.float64).float().to(dtype).reshape(shape)
    parameters = [torch.nn.Parameter(drawn(k, shape)) for k, shape in enumerate(sizes)]
    optimizer = make(name, o, parameters, lr)
    if name == "schedule-free":
        optimizer.train()
    every = rates(name, lr)
    kept = {}
    places = [sorted({rng.randrange(p.numel()) for _ in range(ELEMENTS)}) for p in parameters]
    for step in range(STEPS):
        for k, p in enumerate(parameters):
            parts = [drawn(10 * (step + 1) + k + 300 * m, p.shape) * scale for m in range(micro)]
            p.grad = sum(parts)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip, foreach=False)
        for group in optimizer.param_groups:
            group["lr"] = every[step]
        optimizer.step()
        if step + 1 in KEPT:
            kept[step + 1] = [[round(p.detach().flatten()[i].item(), 7) for i in at] for p, at in zip(parameters, places)]
    return {
        "name": name.split(" ")[0], "options": {**o, "learning_rate": lr, **({"state_bits": 8} if name.endswith(" 8") else {})},
        "shapes": sizes, "rates": every if len(set(every)) > 1 else every[:1], "clip": clip, "micro": micro, "scale": scale, "key": key,
        "places": places, "steps": kept,
    }


# PyTorch rounds the Newton-Schulz steps to bfloat16, which is patched away: the rule is compared, not that rounding
torch.Tensor.bfloat16 = lambda self: self.clone()
cases = [name for name, count in CASES.items() for _ in range(count)]
rng.shuffle(cases)
made = [run(number + 1, name) for number, name in enumerate(cases)]
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in made)
Path("tests/golden/optimizer_cases.json").write_text(f"[\n{lines}\n]\n")
