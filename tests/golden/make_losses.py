"""Losses of an objective's own, from torch in float64: `losses.json`.

    python3 tests/golden/make_losses.py                        writes losses.json
    python3 tests/golden/make_losses.py --random 400 --seed 7  prints random expressions and their gradients

Pairs on `llama-smollm` (tied) and `llama-gqa-untied`: SimPO with an entropy bonus, ORPO, and DPO with given reference
log-probabilities; the formulas of SimPO and ORPO are asked of TRL's CPOTrainer and ORPOTrainer. The same models moved
away from their files, beside the files as their base: distillation, KL to the base, and DPO.

An expression is a tree, as the test builds it again: ["add", a, b], ["sum", level, a], ["member", k, a], ... over
statistics of random logits. Numbers of a case come from `hashed`, so that a case is its seed and its tree.
"""

import argparse
import json
import os
import random
import sys
from types import SimpleNamespace

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
from _witness import GOLDEN, plain, write_json
import numpy
import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM

PAIRS = [  # prompt, chosen, rejected
    ([5, 6], [7, 8, 9], [10, 11]),
    ([3, 1, 2, 12], [13], [14, 15, 16, 17, 18]),
    ([20], [21, 22, 23, 24], [25, 26, 27]),
]
BETA, GAMMA, BONUS = 2.0, 0.5, 0.1
REFERENCE = [[-6.5, -4.25], [-2.0, -11.5], [-9.75, -7.0]]  # of the whole answers, for DPO


def statistics(logits, targets):
    log_p = F.log_softmax(logits, -1)
    return {
        "logProbability": log_p.gather(-1, targets[:, None])[:, 0],
        "logsumexp": torch.logsumexp(logits, -1),
        "meanLogProbability": log_p.mean(-1),
        "entropy": -(log_p.exp() * log_p).sum(-1),
        "collision": (2 * log_p).exp().sum(-1),
    }


def answer_statistics(model, prompt, answer):
    ids = torch.tensor([prompt + answer])
    logits = model(ids).logits[0, len(prompt) - 1:-1]
    return statistics(logits, torch.tensor(answer))


def pair_losses(model, kind):
    """One loss a pair."""
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

    stub = SimpleNamespace(
        accelerator=SimpleNamespace(device="cpu"), loss_type="simpo", beta=BETA, simpo_gamma=GAMMA,
        label_smoothing=0.0, alpha=0.0,
    )
    losses = []
    for (prompt, chosen, rejected), reference in zip(PAIRS, REFERENCE):
        found = [answer_statistics(model, prompt, answer) for answer in (chosen, rejected)]
        if kind == "simpo":
            scores = [(s["logProbability"] + BONUS * s["entropy"]).mean() for s in found]
            theirs = CPOTrainer.cpo_loss(stub, scores[0], scores[1])[0]
            own = -F.logsigmoid(BETA * (scores[0] - scores[1]) - GAMMA)
        elif kind == "orpo":
            means = [s["logProbability"].mean() for s in found]
            ratio = ORPOTrainer.odds_ratio_loss(stub, means[0], means[1])[0]
            theirs = -means[0] - ratio
            odds = means[0] - means[1] - (torch.log1p(-means[0].exp()) - torch.log1p(-means[1].exp()))
            own = -means[0] - BETA * F.logsigmoid(odds)
        else:
            sums = [s["logProbability"].sum() for s in found]
            theirs = own = -F.logsigmoid(BETA * (sums[0] - sums[1] - reference[0] + reference[1]))
        assert torch.allclose(theirs.double(), own, rtol=1e-5), kind  # TRL's ORPO is in float32
        losses.append(own)
    return torch.stack(losses)


def moved(model):
    """The model that is trained, some way from its base: `movedWeights` of the test."""
    with torch.no_grad():
        for k, (_, p) in enumerate(sorted(model.named_parameters())):
            p.copy_((p + 0.1 * tensor(1000 + k, *p.shape)).float())
    return model


def base_losses(model, base, kind):
    """One loss an answer, or one a pair: of a model beside its base, which gets no gradient."""
    losses = []
    for prompt, chosen, rejected in PAIRS:
        margins = []
        for answer in (chosen, rejected):
            ids, targets = torch.tensor([prompt + answer]), torch.tensor(answer)
            log_p = F.log_softmax(model(ids).logits[0, len(prompt) - 1:-1], -1)
            with torch.no_grad():
                log_q = F.log_softmax(base(ids).logits[0, len(prompt) - 1:-1], -1)
            entropy = F.nll_loss(log_p, targets, reduction="none")
            if kind == "distillation":
                divergence = F.kl_div(log_p, log_q, reduction="none", log_target=True).sum(-1)
                losses.append((0.5 * divergence + 0.5 * entropy).sum())
            elif kind == "kl_to_base":
                divergence = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
                losses.append((entropy + 0.25 * divergence).sum())
            else:
                margins.append((log_p - log_q).gather(-1, targets[:, None]).sum())
        if margins:
            losses.append(-F.logsigmoid(0.1 * (margins[0] - margins[1])))
    return torch.stack(losses)


def result(model, losses, divisor):
    (losses.sum() / divisor).backward()
    gradients = {n: p.grad for n, p in model.named_parameters()}
    return {
        "losses": losses.tolist(),
        "norms": {n: float(g.norm()) for n, g in gradients.items()},
        "gradients": {n: plain(g.flatten()[:12]) for n, g in gradients.items()},
    }


def write_golden(cases):
    models = {}
    beside_base = {}
    rows = sum(len(chosen) + len(rejected) for _, chosen, rejected in PAIRS)
    for name in ("llama-smollm", "llama-gqa-untied"):
        models[name] = {}
        for kind in ("simpo", "orpo", "dpo"):
            model = LlamaForCausalLM.from_pretrained(GOLDEN / "models" / name, dtype=torch.float64).eval()
            models[name][kind] = result(model, pair_losses(model, kind), len(PAIRS))
        beside_base[name] = {}
        for kind in ("distillation", "kl_to_base", "dpo"):
            base = LlamaForCausalLM.from_pretrained(GOLDEN / "models" / name, dtype=torch.float64).eval()
            model = moved(LlamaForCausalLM.from_pretrained(GOLDEN / "models" / name, dtype=torch.float64).eval())
            divisor = len(PAIRS) if kind == "dpo" else rows
            beside_base[name][kind] = result(model, base_losses(model, base, kind), divisor)
    write_json(GOLDEN / "losses.json", {
        "pairs": PAIRS, "beta": BETA, "gamma": GAMMA, "bonus": BONUS, "reference": REFERENCE,
        "models": models, "beside_base": beside_base, "expressions": cases,
    })


# --- random expressions

MASK = 2**32 - 1


def mix(x):
    x &= MASK
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & MASK
    x = ((x ^ (x >> 15)) * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def hashed(key, count):
    """Numbers in [-1, 1), exact in float32: `hashed` of the test."""
    start = mix(key)
    return [(mix(start + i) >> 8) / 2**23 - 1 for i in range(count)]


def tensor(key, *shape):
    count = int(numpy.prod(shape))
    return torch.tensor(hashed(key, count), dtype=torch.float64).reshape(shape)


LEVELS = ["row", "sequence", "group", "window"]
LEAVES = {
    "row": ["logProbability", "logsumexp", "meanLogProbability", "entropy", "collision", "divergence", "weights",
            "own_row"],
    "sequence": ["own_sequence"],
    "group": ["own_group"],
    "window": ["own_window"],
}
UNARY = ["neg", "abs", "tanh", "sigmoid", "logSigmoid", "exp", "log", "sqrt", "reciprocal", "square"]
BINARY = ["add", "sub", "mul", "div", "min", "max"]


def make_tree(rng, level, depth):
    """A tree whose numbers are of a level, or of a coarser one."""
    if depth == 0:
        kind = rng.random()
        if kind < 0.1:
            return ["number", round(rng.uniform(-2, 2), 3)]
        if level in ("row", "window") or kind < 0.3:
            return ["leaf", rng.choice(LEAVES[level])]
        return ["sum", level, ["leaf", rng.choice(LEAVES["row"])]]
    kind = rng.random()
    if kind < 0.25:
        return [rng.choice(UNARY), make_tree(rng, level, depth - 1)]
    if kind < 0.60:
        other = rng.choice(LEVELS[LEVELS.index(level):])
        operands = [make_tree(rng, level, depth - 1), make_tree(rng, other, depth - 1)]
        rng.shuffle(operands)
        return [rng.choice(BINARY), *operands]
    if kind < 0.68:
        return ["select", *(make_tree(rng, level, depth - 1) for _ in range(4))]
    if kind < 0.74:
        return ["detach", make_tree(rng, level, depth - 1)]
    if level == "sequence":
        return ["sum", "sequence", make_tree(rng, "row", depth - 1)]
    if level == "group":
        if rng.random() < 0.5:
            return ["member", rng.randrange(2), make_tree(rng, "sequence", depth - 1)]
        return ["sum", "group", make_tree(rng, rng.choice(["row", "sequence"]), depth - 1)]
    return make_tree(rng, level, depth - 1)


class Case:
    """Random logits of 11 rows in 5 sequences of 2 groups; row 3's sequence is in the middle of the second group."""

    SEQUENCE = [0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4]
    GROUP = [0, 0, 1, 1, 1]
    R, C, V = 11, 6, 9

    def __init__(self, key, cap, factor=1.0):
        R, C, V = self.R, self.C, self.V
        self.hidden = (factor * tensor(key + 1, R, C)).requires_grad_()
        self.weight = (2 * tensor(key + 2, V, C)).requires_grad_()
        self.bias = tensor(key + 3, V).requires_grad_()
        second = tensor(key + 4, R, C) @ (2 * tensor(key + 5, V, C)).T
        targets = torch.tensor([int((v + 1) / 2 * V) for v in hashed(key + 6, R)])
        logits = self.hidden @ self.weight.T + self.bias
        if cap:
            logits, second = 3 * torch.tanh(logits / 3), 3 * torch.tanh(second / 3)
        self.values = statistics(logits, targets)
        log_q = F.log_softmax(second, -1)
        self.values["divergence"] = (log_q.exp() * (log_q - F.log_softmax(logits, -1))).sum(-1)
        self.values["weights"] = tensor(key + 7, R) + 1.5
        for offset, level in enumerate(LEVELS):
            count = {"row": R, "sequence": 5, "group": 2, "window": 1}[level]
            self.values[f"own_{level}"] = tensor(key + 8 + offset, count)
        self.sequence, self.group = torch.tensor(self.SEQUENCE), torch.tensor(self.GROUP)

    def repeat(self, level, value, to):
        if level == "group" and to in ("row", "sequence"):
            level, value = "sequence", value[self.group]
        if level == "sequence" and to == "row":
            level, value = "row", value[self.sequence]
        return value  # a number of the window meets any other by itself

    def total(self, level, value, to):
        if level == "row":
            level, value = "sequence", torch.zeros(5, dtype=torch.float64).index_add(0, self.sequence, value)
        if to == "group" and level == "sequence":
            value = torch.zeros(2, dtype=torch.float64).index_add(0, self.group, value)
        return value

    def run(self, tree):
        name, *rest = tree
        if name == "number":
            return "window", torch.tensor([rest[0]], dtype=torch.float64)
        if name == "leaf":
            level = next(level for level, names in LEAVES.items() if rest[0] in names)
            return level, self.values[rest[0]]
        if name == "sum":
            level, value = self.run(rest[1])
            if LEVELS.index(level) >= LEVELS.index(rest[0]):
                raise Untame("a sum of a number that is not finer")
            return rest[0], self.total(level, value, rest[0])
        if name == "member":
            level, value = self.run(rest[1])
            if level != "sequence":
                raise Untame("a member of what is no sequence")
            first = torch.tensor([0, 2]) + rest[0]
            return "group", value[first]
        if name == "detach":
            level, value = self.run(rest[0])
            return level, value.detach()
        found = [self.run(own) for own in rest]
        level = LEVELS[min(LEVELS.index(own) for own, _ in found)]
        x = [self.repeat(own, value, level) for own, value in found]
        return level, apply(name, x)


class Untame(Exception):
    """A tree that is left out: no such tree can be written, or its numbers leave what float32 keeps."""


def apply(name, x):
    a = x[0]
    if name == "square":
        return a * a
    if name == "select":
        return torch.where(a < x[1], x[2], x[3])
    if name in ("neg", "abs", "tanh", "sigmoid", "exp", "log", "sqrt", "reciprocal"):
        return getattr(torch, name)(a)
    if name == "logSigmoid":
        return F.logsigmoid(a)
    operation = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div,
                 "min": torch.minimum, "max": torch.maximum}[name]
    return operation(*torch.broadcast_tensors(a, x[1]))


def tame(values):
    """Whether numbers stay where float32 keeps six digits of them."""
    return all(bool(torch.isfinite(v).all()) and float(v.detach().abs().max()) < 1e3 for v in values)


def evaluate(tree, key, cap):
    case = Case(key, cap)
    level, value = case.run(tree)
    if level == "window" or not value.requires_grad or not tame([value]):
        raise Untame
    loss = value.sum()
    parameters = [case.hidden, case.weight, case.bias]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    if any(g is None for g in gradients) or not tame(gradients):
        raise Untame
    if min(float(g.abs().max()) for g in gradients) < 1e-4:
        raise Untame
    # a kink or a pole nearby: float32 may find itself on its other side
    for factor in (1 + 1e-5, 1 - 1e-5):
        moved = Case(key, cap, factor)
        nearby = torch.autograd.grad(moved.run(tree)[1].sum(), [moved.hidden, moved.weight, moved.bias])
        for g, n in zip(gradients, nearby):
            if float((g - n.detach()).abs().max()) > 2e-3 * float(g.abs().max()):
                raise Untame
    return loss, gradients


def random_cases(count, seed):
    rng = random.Random(seed)
    cases = []
    tried = 0
    while len(cases) < count:
        tried += 1
        key = rng.randrange(2**20)
        tree = make_tree(rng, rng.choice(["row", "sequence", "group"]), rng.choice([2, 3, 3, 4, 5]))
        cap = rng.random() < 0.4
        try:
            loss, (hidden, weight, bias) = evaluate(tree, key, cap)
        except (Untame, RuntimeError):
            continue
        cases.append({
            "key": key, "cap": cap, "tree": tree, "loss": float(loss.detach()),
            "hidden": plain(hidden.flatten()), "weight": plain(weight.flatten()), "bias": plain(bias),
        })
    rng.shuffle(cases)
    print(f"{count} of {tried} trees", file=sys.stderr)
    return cases


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.random is None:
        write_golden(random_cases(40, arguments.seed))
    else:
        print(json.dumps(random_cases(arguments.random, arguments.seed)))
