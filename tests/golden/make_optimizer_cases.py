"""Random cases of optimizers, 20 steps each beside their authors' code: optimizer_cases.json, or of another seed and in
another file.

AdamW, SGD and Muon are PyTorch's, Adafactor transformers', 8-bit AdamW and Lion bitsandbytes', schedule-free AdamW its
authors' package, Lion in 32 bits bitsandbytes', too. Shapes, learning rates of each step, coefficients, decay with and
without norms and biases, and clipping are drawn; learning rates are constant, jump, or are those of a random schedule of
transformers; gradients of a step are the sum of one to four micro-batches. Of each case some elements after steps 7 and
20 are kept. Numbers are drawn by `hashed` on both sides.

Run from the root of the project: python3 tests/golden/make_optimizer_cases.py [SEED FILE]
"""

import json
import math
import random
import sys
from pathlib import Path

import bitsandbytes as bnb
import torch
from schedulefree import AdamWScheduleFree
from transformers import optimization as hf
from transformers.optimization import Adafactor

from _witness import hashed

STEPS, KEPT, ELEMENTS = 20, (7, 20), 5
CASES = {"adamw": 110, "sgd": 90, "lion": 50, "muon": 70, "adafactor": 80, "schedule-free": 60, "adamw 8": 40, "lion 8": 30}
SEED, FILE = (int(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 1 else (5, "tests/golden/optimizer_cases.json")
LEAST, BLOCK = 4096, 256
rng = random.Random(SEED)


def pick(*values):
    return rng.choice(values)


def shapes(name):
    if name.endswith(" 8"):  # blocks of 256: smaller tensors, and those of part of a block, stay in 32 bits
        return [
            pick((64, 64), (32, 160), (4096,), (128, 40), (17, 256), (1, 4352), (4608, 1)),
            pick((6, 5), (9,), (3, 17), (1,), (65, 67), (4100,), (4095,)),
        ]
    side = lambda: rng.randrange(1, 14) if rng.random() < 0.9 else pick(31, 32, 33, 65)
    matrix = lambda: (side(), side())
    if name == "muon":
        return [matrix() for _ in range(rng.randrange(1, 4))]
    length = lambda: rng.randrange(1, 30) if rng.random() < 0.9 else pick(255, 256, 1025)
    return [matrix() if rng.random() < 0.6 else (length(),) for _ in range(rng.randrange(1, 4))]


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
    return {"betas": betas, "eps": pick(1e-8, 1e-6, 1e-3), **decay}


def rates(name, lr):
    """The learning rate of each step: constant, a schedule of transformers, or one that jumps and is 0."""
    kind = "constant" if name == "schedule-free" else pick("constant", "scheduled", "jumps")
    if kind == "constant":
        return [lr] * STEPS
    if kind == "jumps":
        return [lr * pick(0.0, 0.1, 1.0, 2.0) for _ in range(STEPS)]
    warm = rng.randrange(6)
    o = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = pick(
        lambda: hf.get_linear_schedule_with_warmup(o, warm, STEPS),
        lambda: hf.get_polynomial_decay_schedule_with_warmup(o, warm, STEPS, lr_end=lr / 8, power=2.0),
        lambda: hf.get_cosine_with_hard_restarts_schedule_with_warmup(o, warm, STEPS, num_cycles=2),
        lambda: hf.get_inverse_sqrt_schedule(o, warm, timescale=4),
        lambda: hf.get_wsd_schedule(o, warm, 7, num_stable_steps=STEPS - warm - 7, decay_type="1-sqrt"),
    )()
    found = []
    for _ in range(STEPS):
        found.append(schedule.get_last_lr()[0])
        o.step()
        schedule.step()
    return found


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
    narrow, wide = {
        "lion": (None, bnb.optim.Lion), "lion 8": (bnb.optim.Lion8bit, bnb.optim.Lion),
        "adamw 8": (bnb.optim.AdamW8bit, bnb.optim.AdamW),
    }[name]
    more = {"eps": o["eps"]} if "eps" in o else {}
    fits = lambda p: narrow is not None and p.numel() >= LEAST and p.numel() % BLOCK == 0
    return Several([
        kind(own, lr=lr, betas=tuple(o["betas"]), **more, **({"min_8bit_size": LEAST} if kind is narrow else {}))
        for kind, own in ((narrow, [g for g in groups if fits(g["params"][0])]), (wide, [g for g in groups if not fits(g["params"][0])]))
        if own
    ])


class Several:
    """Optimizers as one."""

    def __init__(self, optimizers):
        self.optimizers = optimizers
        self.param_groups = [group for o in optimizers for group in o.param_groups]

    def step(self):
        for o in self.optimizers:
            o.step()


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
Path(FILE).write_text(f"[\n{lines}\n]\n")
