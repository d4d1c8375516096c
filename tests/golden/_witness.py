"""What the golden scripts share: number writing, the tiny models, the batch, a training run.

A float32 is written as the shortest decimal that reads back as the same float32, so that nothing is lost and
files stay small.
"""

import copy
import json
import os
import pathlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here comes from a network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy
import torch

GOLDEN = pathlib.Path(__file__).resolve().parent
REPOSITORY = GOLDEN.parent.parent

import transformers

transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)  # sums in one order, whatever the machine
torch.use_deterministic_algorithms(True)


def add_data_argument(parser):
    """Third-party data lies outside the project; only numbers derived from it come in."""
    default = os.environ.get("DENOTUNE_TEST_DATA") or str(REPOSITORY / ".." / "shared" / "data")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(default))


def plain(value):
    """Tensors, arrays and scalars as nested lists of short, lossless float32 decimals."""
    if isinstance(value, torch.Tensor):
        value = value.detach().float().numpy() if value.is_floating_point() else value.numpy()
    if isinstance(value, numpy.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, (numpy.floating, float)):
        return float(str(numpy.float32(value)))
    if isinstance(value, numpy.integer):
        return int(value)
    return value


def write_json(path, record):
    """One line a key at the first level: a diff shows which number moved."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def readable(folder):
    """safetensors writes files that only their owner may read."""
    for path in folder.iterdir():
        path.chmod(0o644)


def random_weights(model, seed):
    """Weights large enough that a wrong kernel shows: 0.2 for matrices and biases, norms around 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # a tied weight is named once
            noise = torch.randn(parameter.shape, generator=generator) * 0.2
            is_norm = parameter.dim() == 1 and name.endswith("weight")
            parameter.copy_(1 + noise if is_norm else noise)
    return model


LENGTHS = [14, 6, 10]
PROMPTS = [5, 2, 3]  # the first so many tokens of a row are not trained
HOLES = [[9, 10], [], [6]]  # nor are these later positions (a second user turn, so to speak)


def make_batch(vocab_size, seed):
    """Three rows of unequal length, right padded with id 0, which is a real token inside row 0 as well."""
    generator = torch.Generator().manual_seed(seed)
    input_ids = torch.zeros(3, max(LENGTHS), dtype=torch.long)
    labels = torch.full_like(input_ids, -100)
    for row, length in enumerate(LENGTHS):
        input_ids[row, :length] = torch.randint(1, vocab_size, (length,), generator=generator)
    input_ids[0, 7] = 0
    for row, length in enumerate(LENGTHS):
        for position in range(PROMPTS[row], length):
            if position not in HOLES[row]:
                labels[row, position] = input_ids[row, position]
    positions = torch.arange(max(LENGTHS)).expand(3, -1)
    attention_mask = (positions < torch.tensor(LENGTHS)[:, None]).long()
    return {
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "position_ids": positions.contiguous(),
        "labels": labels,
    }


def describe_batch(batch):
    """The batch as the tests read it."""
    return {
        "input_ids": plain(batch["input_ids"]),
        "lengths": plain(batch["attention_mask"].sum(-1)),
        "labels": plain(batch["labels"]),
        "trained_tokens": int((batch["labels"][:, 1:] != -100).sum()),
    }


def real_logits(logits, batch, rows):
    """Logits of the named rows on their real tokens: one list a row, (length, V)."""
    lengths = batch["attention_mask"].sum(-1)
    return {str(row): plain(logits[row, : lengths[row]]) for row in rows}


ADAMW = {"lr": 1e-2, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}


def adamw_run(model, batch, steps=5):
    """Losses before each step and after the last, and the whole gradient norm of each step; no clipping."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, **{**ADAMW, "betas": tuple(ADAMW["betas"])}, foreach=False)
    losses, norms = [], []
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = model(**batch).loss
        loss.backward()
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in parameters]))
        losses.append(loss)
        optimizer.step()
    with torch.no_grad():
        after = model(**batch).loss
    return {
        **ADAMW,
        "losses": [plain(loss.detach().numpy()[()]) for loss in losses],
        "grad_norms": [plain(norm.numpy()[()]) for norm in norms],
        "loss_after": plain(after.numpy()[()]),
    }


def mix(x):
    """`mix32` of core/random.ts, on uint32."""
    x = numpy.asarray(x, dtype=numpy.uint64) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> numpy.uint64(shift)
        x = (x * numpy.uint64(factor)) & numpy.uint64(0xFFFFFFFF)
    return x ^ (x >> numpy.uint64(16))


def hashed(key, count):
    """Numbers in [-1, 1), the same on both sides: element i is drawn by mix(mix(key) + i)."""
    bits = mix(mix([key])[0] + numpy.arange(count, dtype=numpy.uint64)) >> numpy.uint64(8)
    return bits.astype(numpy.float64) / 2**23 - 1


def fill_hashed(model, key, scale):
    """Weights in the order of their names: element i of the n-th is by `hashed(key + n)`, those of norms around 1."""
    with torch.no_grad():
        for number, (name, parameter) in enumerate(sorted(model.named_parameters())):
            values = hashed(key + number, parameter.numel()) * scale
            if parameter.dim() == 1 and name.endswith("weight"):
                values = 1 + values
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)).view(parameter.shape))


def hashed_case(kind, config, key):
    """What a random model of a config computes, its weights made by `hashed` in the order of their names."""
    given = copy.deepcopy(config)  # transformers completes settings in their place
    made = kind(**{k: v for k, v in given.items() if k != "model_type"})
    model = transformers.AutoModelForCausalLM.from_config(made, attn_implementation="eager", dtype=torch.float32)
    model.eval()
    with torch.no_grad():
        for number, (name, parameter) in enumerate(sorted(model.named_parameters())):
            values = hashed(key + number, parameter.numel()) * 0.5
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)).view(parameter.shape))
    ids = ((hashed(key + 1000, 13) + 1) / 2 * config["vocab_size"]).astype(numpy.int64)
    tokens = torch.from_numpy(ids)[None]
    out = model(tokens, labels=tokens, use_cache=False)
    out.loss.backward()
    return {
        "config": config,
        "key": key,
        "loss": plain(out.loss.detach().numpy()[()]),
        "logits": plain(out.logits[0, -1]),
        "grad_norms": {n: plain(p.grad.norm().numpy()[()]) for n, p in sorted(model.named_parameters())},
    }
