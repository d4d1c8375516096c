"""Golden numbers of update rules, gradient clipping and learning-rate schedules.

    python3 tests/golden/make_optimizers.py

Writes optimizers.json and schedules.json.
"""

from _witness import GOLDEN, plain, write_json
import numpy
import torch
from transformers import (
    get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup,
)

START = [0.5, -0.3, 1.25, -2.0, 0.0, 0.01, 3.0]
# Five steps: signs that flip, exact zeros, gradients far below eps, and one that is large.
GRADIENTS = [
    [0.1, -0.2, 0.3, 0.0, 1e-9, -5.0, 0.02],
    [0.1, 0.4, -0.3, 0.0, -2e-9, 4.0, 0.02],
    [-0.05, 0.0, 0.6, 0.25, 3e-9, -3.0, 0.02],
    [0.7, -0.1, -0.2, -0.5, 0.0, 20.0, 0.02],
    [0.01, 0.3, 0.1, 0.125, 1e-9, 0.5, -0.02],
]

TORCH_RUNS = {
    "adamw": (torch.optim.AdamW, dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)),
    "adamw-decay": (torch.optim.AdamW, dict(lr=3e-3, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    "sgd": (torch.optim.SGD, dict(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)),
    "sgd-momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)),
    "sgd-nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0)),
    "sgd-decay": (torch.optim.SGD, dict(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.1)),
    "sgd-nesterov-decay": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)),
}
LION_RUNS = {
    "lion": dict(lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0),
    "lion-decay": dict(lr=3e-3, betas=(0.95, 0.98), weight_decay=0.1),
}


def torch_run(optimizer_class, options):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = optimizer_class([parameter], **options, foreach=False)
    after = []
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        after.append(plain(parameter))
    return after


def lion_run(options):
    """Algorithm 2 of arXiv 2302.06675, by hand in float32: torch has no Lion. sign(0) is 0."""
    f = numpy.float32
    lr, decay = f(options["lr"]), f(options["weight_decay"])
    beta1, beta2 = (f(beta) for beta in options["betas"])
    parameter, momentum = numpy.array(START, f), numpy.zeros(len(START), f)
    after = []
    for gradient in numpy.array(GRADIENTS, f):
        update = numpy.sign(beta1 * momentum + (f(1) - beta1) * gradient)
        parameter = parameter - lr * (update + decay * parameter)
        momentum = beta2 * momentum + (f(1) - beta2) * gradient
        after.append(plain(parameter))
    return after


def clip_cases():
    """torch multiplies by min(1, max_norm / (norm + 1e-6)), over all tensors together."""
    cases = {
        "above": (1.0, [[3.0, -4.0, 0.5], [12.0, 0.25]]),
        "below": (100.0, [[3.0, -4.0, 0.5], [12.0, 0.25]]),
        "zero": (1.0, [[0.0, 0.0, 0.0], [0.0, 0.0]]),
        "equal": (13.0, [[3.0, -4.0, 0.0], [12.0, 0.0]]),  # the 1e-6 makes it shrink a little
    }
    record = {}
    for name, (max_norm, gradients) in cases.items():
        parameters = [torch.nn.Parameter(torch.zeros(len(g))) for g in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = torch.tensor(gradient)
        norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=False)
        record[name] = {
            "max_norm": max_norm,
            "gradients": gradients,
            "norm": plain(norm.numpy()[()]),
            "clipped": [plain(p.grad) for p in parameters],
        }
    return record


TOTAL = 20
SCHEDULES = {
    "constant": lambda optimizer, warmup: get_constant_schedule_with_warmup(optimizer, warmup),
    "linear": lambda optimizer, warmup: get_linear_schedule_with_warmup(optimizer, warmup, TOTAL),
    "cosine": lambda optimizer, warmup: get_cosine_schedule_with_warmup(optimizer, warmup, TOTAL),
}


def multipliers(make, warmup):
    """The multiplier that step s trains with (s from 0), and one more, which is left after the last step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer, warmup)
    values = []
    for _ in range(TOTAL + 1):
        values.append(schedule.get_last_lr()[0])  # doubles, as python computes them
        optimizer.step()
        schedule.step()
    return values


def main():
    runs = {
        name: {"rule": kind.__name__, **options, "after": torch_run(kind, options)}
        for name, (kind, options) in TORCH_RUNS.items()
    }
    runs |= {name: {"rule": "Lion", **options, "after": lion_run(options)} for name, options in LION_RUNS.items()}
    write_json(GOLDEN / "optimizers.json", {
        "start": START, "gradients": GRADIENTS, "runs": runs, "clip_grad_norm": clip_cases(),
    })
    write_json(GOLDEN / "schedules.json", {
        "total_steps": TOTAL,
        **{
            name: {str(warmup): multipliers(make, warmup) for warmup in (0, 3, 5)}
            for name, make in SCHEDULES.items()
        },
    })


if __name__ == "__main__":
    main()
