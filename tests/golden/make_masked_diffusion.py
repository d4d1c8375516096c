"""Masked diffusion in PyTorch, float64: `masked_diffusion.json`.

    python3 tests/golden/make_masked_diffusion.py                        writes masked_diffusion.json
    python3 tests/golden/make_masked_diffusion.py --sweep 40 --seed 7    prints random cases

The models are transformers' EuroBertForMaskedLM, and LlamaForCausalLM with a mask that hides padding alone. Weights are
made on both sides by `hashed`. The noise is that of LLaDA (arXiv:2502.09992), its random numbers those of core/random.ts.
"""

import argparse
import json
import random

from _witness import GOLDEN, hashed, mix, plain, write_json
import torch
import torch.nn.functional as F
from transformers import EuroBertConfig, EuroBertForMaskedLM, LlamaConfig, LlamaForCausalLM

BITS = 2**32 - 1
LEVEL, HIDE = 0x6C65766C, 0x68696465
ADAMW = {"lr": 3e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}


# --- random numbers, as core/random.ts defines them


def mix1(x):
    return int(mix([x & BITS])[0])


def hash32(*parts):
    h = 0x9E3779B9
    for part in parts:
        h = mix1(h + part * 0x85EBCA6B)
    return h


def uniform(key, stream, column):
    return (mix1(mix1(key + stream * 0x9E3779B9) + column * 0x85EBCA6B) >> 8) / 2**24


# --- the objective


def draw(case, examples, step):
    """Which places of each example are hidden, and with which probability."""
    seed, n = case["seed"], len(examples)
    start = int(uniform(hash32(seed, step, 0), LEVEL, 0) * n)
    hidden = []
    for ordinal, (prompt, answer) in enumerate(examples):
        own = hash32(seed, step, 0, ordinal)
        t = ((start + ordinal) % n + uniform(own, LEVEL, 1)) / n
        p = (1 - case["eps"]) * t + case["eps"]
        places = range(len(prompt), len(prompt) + len(answer))
        hidden.append((p, [i for i in places if uniform(own, HIDE, i) < p]))
    return hidden


def loss_of(model, case, examples, step):
    T = max(len(prompt) + len(answer) for prompt, answer in examples)
    noise = draw(case, examples, step)
    ids = torch.zeros(len(examples), T, dtype=torch.long)
    real = torch.zeros(len(examples), T, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(examples):
        ids[row, : len(prompt + answer)] = torch.tensor(prompt + answer)
        real[row, : len(prompt + answer)] = True
    shown = ids.clone()
    for row, (_, places) in enumerate(noise):
        shown[row, places] = case["mask"]
    logits = logits_of(model, shown, real)
    total, tokens = 0.0 * logits.sum(), 0  # a step may hide nothing
    for row, (p, places) in enumerate(noise):
        at = [i - 1 if case["shift"] else i for i in places]
        losses = F.cross_entropy(logits[row, at], ids[row, places], reduction="sum") / p
        length = len(examples[row][1])
        total = total + (losses / length if case["normalize"] == "rows" else losses)
        tokens += length
    return total / (len(examples) if case["normalize"] == "rows" else tokens), noise


def logits_of(model, ids, real):
    if isinstance(model, EuroBertForMaskedLM):
        return model(ids, attention_mask=real.long()).logits
    # four dimensions are taken as they are: no causal mask is added
    mask = torch.where(real[:, None, None, :], 0.0, -1e30).double()
    return model(ids, attention_mask=mask.expand(-1, 1, ids.shape[1], -1)).logits


# --- decoding


def decode(model, case, prompt, options):
    """A plain loop; None where two places are so close that rounding decides."""
    length, mask = options["answer_length"], case["mask"]
    ids = torch.tensor([prompt + [mask] * length])
    block_length = options.get("block_length") or length
    steps = options.get("steps") or length
    for block in range(length // block_length):
        begin = len(prompt) + block * block_length
        hidden = list(range(begin, begin + block_length))
        for left in range(steps // (length // block_length), 0, -1):
            if not hidden:
                break
            real = torch.ones_like(ids, dtype=torch.bool)
            with torch.no_grad():
                logits = logits_of(model, ids, real)[0]
                if options.get("guidance"):
                    blind = ids.clone()
                    blind[0, : len(prompt)] = mask
                    other = logits_of(model, blind, real)[0]
                    logits = other + (1 + options["guidance"]) * (logits - other)
            at = [i - 1 if case["shift"] else i for i in hidden]
            p = logits[at].softmax(-1)
            top = p.topk(2, -1).values
            if (top[:, 0] - top[:, 1]).min() < 1e-4:
                return None
            sure = {
                "confidence": top[:, 0].log(), "margin": top[:, 0] - top[:, 1],
                "entropy": (p * p.log()).sum(-1),
            }[options["remasking"]]
            count = -(-len(hidden) // left)
            order = sure.argsort(descending=True)
            if len(hidden) > count and sure[order[count - 1]] - sure[order[count]] < 1e-4:
                return None
            for k in order[:count].tolist():
                ids[0, hidden[k]] = p[k].argmax()
            hidden = [place for k, place in enumerate(hidden) if k not in order[:count].tolist()]
    return ids[0, len(prompt):].tolist()


# --- cases


def whole(key, count, below):
    return [int((v + 1) / 2 * below) for v in hashed(key, count)]


def make_model(case):
    kind, config = {"eurobert": (EuroBertForMaskedLM, EuroBertConfig), "llama": (LlamaForCausalLM, LlamaConfig)}[
        case["config"]["model_type"]
    ]
    options = {k: v for k, v in case["config"].items() if k != "model_type"}
    model = kind._from_config(config(**options), attn_implementation="eager", dtype=torch.float64).eval()
    with torch.no_grad():
        for number, (_, parameter) in enumerate(sorted(model.named_parameters())):
            values = torch.from_numpy(hashed(case["key"] + number, parameter.numel())).float() * 0.5
            parameter.copy_(values.view(parameter.shape))
    return model


def random_case(rng, model_type):
    kv, group = rng.choice([1, 2]), rng.choice([1, 2])
    vocab = rng.randint(13, 30)
    config = dict(
        model_type=model_type, vocab_size=vocab, hidden_size=kv * group * 2 * rng.randint(2, 4),
        intermediate_size=rng.randint(5, 30), num_hidden_layers=rng.randint(1, 3), num_attention_heads=kv * group,
        num_key_value_heads=kv, hidden_act="silu", max_position_embeddings=64, rms_norm_eps=1e-5,
        tie_word_embeddings=rng.random() < 0.5, attention_bias=rng.random() < 0.3, mlp_bias=rng.random() < 0.5,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, pad_token_id=None, bos_token_id=1, eos_token_id=2,
    )
    if model_type == "eurobert":
        config["mask_token_id"] = vocab - 1
    return dict(
        config=config, key=rng.randrange(2**31), mask=vocab - 1, seed=rng.randrange(1000),
        normalize=rng.choice(["tokens", "rows"]), shift=rng.random() < 0.3, eps=rng.choice([1e-3, 0.05]),
        lengths=[[rng.randint(1, 5), rng.randint(1, 9)] for _ in range(rng.randint(2, 4))],
    )


def examples_of(case):
    ids = iter(whole(case["key"] + 1000, sum(map(sum, case["lengths"])), case["mask"]))
    return [([next(ids) for _ in range(a)], [next(ids) for _ in range(b)]) for a, b in case["lengths"]]


def solve(case):
    examples = examples_of(case)
    model = make_model(case)
    loss, noise = loss_of(model, case, examples, 0)
    loss.backward()
    first = torch.tensor([examples[0][0] + examples[0][1]])
    found = {
        **case, "hidden": [places for _, places in noise], "loss": loss.item(),
        "logits": plain(logits_of(model, first, torch.ones_like(first, dtype=torch.bool))[0, 0]),
        "gradients": {n: plain(p.grad.flatten()[:8]) for n, p in sorted(model.named_parameters())},
        "norms": {n: plain(p.grad.norm().numpy()[()]) for n, p in sorted(model.named_parameters())},
    }
    optimizer = torch.optim.AdamW(model.parameters(), **{**ADAMW, "betas": tuple(ADAMW["betas"])}, foreach=False)
    losses = []
    for step in range(20):
        optimizer.zero_grad(set_to_none=True)
        loss, _ = loss_of(model, case, examples, step)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return {**found, "losses": losses}


DECODING = [
    {"remasking": "confidence", "answer_length": 8},
    {"remasking": "confidence", "answer_length": 8, "steps": 4, "block_length": 4},
    {"remasking": "margin", "answer_length": 6, "steps": 3},
    {"remasking": "entropy", "answer_length": 6},
    {"remasking": "confidence", "answer_length": 6, "guidance": 0.75, "steps": 3},
]


def decoded(case, count):
    model = make_model(case)
    found = []
    for options in DECODING:
        answers = []
        for n in range(10 * count):
            prompt = whole(case["key"] + 5000 + n, 1 + n % 7, case["mask"])
            answer = decode(model, case, prompt, options)
            if answer is not None:
                answers.append({"prompt": prompt, "answer": answer})
            if len(answers) == count:
                break
        assert len(answers) == count, options
        found.append({"options": options, "answers": answers})
    return {**case, "decoding": found}


def varied(rng, model_type, shift):
    """Of some random cases the one whose answers have most different tokens."""

    def variety(case):
        model = make_model(case)
        prompts = [whole(case["key"] + 5000 + n, 1 + n % 7, case["mask"]) for n in range(6)]
        return sum(len(set(decode(model, case, p, DECODING[0]) or [])) for p in prompts)

    return max(({**random_case(rng, model_type), "shift": shift} for _ in range(30)), key=variety)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    kinds = ["eurobert", "llama"]
    if args.sweep is not None:
        print(json.dumps([solve(random_case(rng, kinds[i % 2])) for i in range(args.sweep)]))
        return
    cases = [random_case(rng, kinds[i % 2]) for i in range(8)]
    write_json(GOLDEN / "masked_diffusion.json", {
        "adamw": ADAMW, "cases": [solve(case) for case in cases],
        "decoded": [
            decoded(varied(rng, "eurobert", False), 50),
            decoded(varied(rng, "llama", True), 50),
        ],
    })


if __name__ == "__main__":
    main()
