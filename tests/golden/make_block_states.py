"""8-bit block states beside bitsandbytes: its maps and codes, and 20 steps of AdamW whose states it stores: block_states.json.

The steps are PyTorch's AdamW in float32, whose two states go through bitsandbytes' quantize_blockwise and
dequantize_blockwise (blocks of 256, signed and unsigned map) after each step; `float32` are the same steps without.

Run from the root of the project: python3 tests/golden/make_block_states.py
"""

import json
import math
from pathlib import Path

import torch
from bitsandbytes import functional as F

from _witness import hashed

SHAPES = {"w": (64, 80), "v": (4096,)}  # the smallest that are stored in blocks
STEPS, KEPT, EVERY = 20, (1, 2, 5, 20), 37
LR, B1, B2, EPS, DECAY = 0.01, 0.9, 0.999, 1e-8, 0.1
MAPS = {True: F.create_dynamic_map(signed=True), False: F.create_dynamic_map(signed=False)}


def stored(x, signed):
    """Codes and scales. On processors bitsandbytes looks float32 up at a resolution of 1/65536; of float64 it takes the
    nearest, as it does on cards."""
    return torch.ops.bitsandbytes.quantize_blockwise(x.double(), MAPS[signed], 256)


def through(x, signed):
    codes, absmax = stored(x, signed)
    return F.dequantize_blockwise(codes, absmax=absmax, code=MAPS[signed], blocksize=256)


def gradient(k, step, n):
    return [math.cos(0.37 * i * (1 + 0.1 * step) + 1.3 * step + 2.1 * k) * 10 ** (i % 5 - 4) for i in range(n)]


def run(bits):
    p = {name: torch.tensor([math.sin(0.7 * i + 1.9 * k) for i in range(math.prod(shape))])
         for k, (name, shape) in enumerate(SHAPES.items())}
    m = {name: torch.zeros_like(t) for name, t in p.items()}
    v = {name: torch.zeros_like(t) for name, t in p.items()}
    kept = {}
    for step in range(1, STEPS + 1):
        for k, name in enumerate(SHAPES):
            g = torch.tensor(gradient(k, step, p[name].numel()))
            m[name] = B1 * m[name] + (1 - B1) * g
            v[name] = B2 * v[name] + (1 - B2) * g * g
            divisor = v[name].sqrt() / math.sqrt(1 - B2**step) + EPS
            decay = DECAY if len(SHAPES[name]) > 1 else 0.0
            p[name] = p[name] * (1 - LR * decay) - LR / (1 - B1**step) * m[name] / divisor
            if bits == 8:
                m[name], v[name] = through(m[name], True), through(v[name], False)
        if step in KEPT:
            kept[step] = {name: [round(x, 8) for x in t[::EVERY].tolist()] for name, t in p.items()}
    return kept


def codes(signed):
    x = torch.tensor(hashed(5, 2048)) ** 5  # many small numbers
    x = x if signed else x.abs()
    found, absmax = stored(x.float(), signed)
    return {"codes": found.numpy().tobytes().hex(), "absmax": [float(a) for a in absmax]}


record = {
    "shapes": SHAPES, "every": EVERY,
    "maps": {"signed": MAPS[True].tolist(), "unsigned": MAPS[False].tolist()},
    "codes": {"signed": codes(True), "unsigned": codes(False)},
    "steps": run(8), "float32": {20: run(32)[20]},
}
lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
Path("tests/golden/block_states.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
