"""Schedules of transformers, each with random options and a random number of steps: schedule_cases.json.

Run from the root of the project: python3 tests/golden/make_schedules.py
"""

import json
import random

import torch
from transformers import optimization as hf

from _witness import GOLDEN

COUNT, KEPT = 80, 8


def multipliers(make, total):
    """The multiplier that step s trains with (s from 0), and one more, which is left after the last step: some of them."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    values = []
    for _ in range(total + 1):
        values.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    # the first, the last, and the places between them
    kept = sorted({0, total, *(rng.randrange(total) for _ in range(KEPT))})
    return {step: values[step] for step in kept}


def draw(rng, name, total):
    warm = rng.choice([0, rng.randrange(6), rng.randrange(total)])
    least = rng.choice([0.0, 0.1, 0.25])
    if name == "polynomial":
        power = rng.choice([0.5, 1.0, 2.0, 3.0])
        return {"warmup_steps": warm, "min_factor": least, "power": power}, lambda o: (
            hf.get_polynomial_decay_schedule_with_warmup(o, warm, total, lr_end=least, power=power))
    if name == "cosine-restarts":
        cycles = rng.randrange(1, 5)
        return {"warmup_steps": warm, "cycles": cycles}, lambda o: (
            hf.get_cosine_with_hard_restarts_schedule_with_warmup(o, warm, total, num_cycles=cycles))
    if name == "inverse-sqrt":
        timescale = rng.choice([None, 4, 30])
        return {"warmup_steps": warm, "timescale": timescale}, lambda o: (
            hf.get_inverse_sqrt_schedule(o, warm, timescale=timescale))
    decay = rng.choice(["cosine", "linear", "1-sqrt"])
    steps = rng.randrange(1, total - warm + 1)
    if warm > 0:
        least = 0.0  # transformers' warm-up starts at the least factor
    return {"warmup_steps": warm, "min_factor": least, "decay": decay, "decay_steps": steps}, lambda o: (
        hf.get_wsd_schedule(o, warm, steps, num_stable_steps=total - warm - steps, decay_type=decay, min_lr_ratio=least))


rng = random.Random(3)
cases = []
for name in ("polynomial", "cosine-restarts", "inverse-sqrt", "wsd"):
    for _ in range(COUNT):
        total = rng.randrange(2, 120)
        options, make = draw(rng, name, total)
        cases.append({"name": name, "total_steps": total, "options": options, "factors": multipliers(make, total)})
rng.shuffle(cases)
lines = ",\n".join(json.dumps(case) for case in cases)
(GOLDEN / "schedule_cases.json").write_text(f"[\n{lines}\n]\n")
