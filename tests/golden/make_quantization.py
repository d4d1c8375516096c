"""Golden numbers for 4-bit and 8-bit weights: bitsandbytes on its CPU backend is the witness.

    python tests/golden/make_quantization.py        (torch, numpy, bitsandbytes; tested with bitsandbytes 0.50.2)

The matrix is made from whole numbers and products alone, so that the test can make the same one: see `matrix`.
bitsandbytes packs the first of two codes into the upper half of a byte, this project into the lower: codes are
written one a hexadecimal digit, in order.

On the CPU bitsandbytes rounds a scale's place in the 8-bit map through a table of 65,536 entries; its CUDA
kernels take the nearest value, as the test expects. The matrix is one for which both agree, and the script
refuses any other.

Last, the loss of stories260k on the four batches of golden/stories260k_training.json with every linear layer in
nf4, by transformers: as bitsandbytes quantises on the CPU, and with the nearest scales (5 of some 4,000 differ);
and with the layers that cost most in int8 instead.
"""

import argparse
import hashlib
import json
import pathlib

import bitsandbytes.functional as functional
import numpy
import torch

from _witness import GOLDEN, add_data_argument, plain, transformers, write_json

KEPT_AT_8_BITS = ("k_proj", "v_proj", "up_proj")
ROWS, COLUMNS = 100, 172  # 269 blocks, so two groups; the last block is not full


def matrix(key):
    """Cubes of numbers in [-1, 1) from a linear congruential generator, rows of different sizes."""
    state, values = key, []
    for i in range(ROWS * COLUMNS):
        state = (state * 1664525 + 1013904223) % 2**32
        u = state / 2**31 - 1
        values.append(u * u * u * 0.05 * (1 + (i // COLUMNS) % 7 / 4))
    return numpy.array(values, dtype=numpy.float32).reshape(ROWS, COLUMNS)


def nearest(values, table):
    middles = ((table[1:].astype(numpy.float64) + table[:-1]) / 2).astype(numpy.float32)
    return numpy.searchsorted(middles, values, side="left")


def nf4(key):
    weight = torch.from_numpy(matrix(key))
    packed, state = functional.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
    dequantised = functional.dequantize_4bit(packed, state)
    packed = packed.reshape(-1).numpy()
    codes = numpy.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[: ROWS * COLUMNS]
    absmax = functional.quantize_4bit(weight, blocksize=64, compress_statistics=False, quant_type="nf4")[1].absmax
    assert state.state2.blocksize == 256
    table = state.state2.code.numpy()
    rest = (absmax - state.offset).numpy()
    groups = state.state2.absmax.numpy()
    expected = nearest(rest / numpy.repeat(groups, 256)[: len(rest)], table)
    middle = numpy.float32(absmax.numpy().astype(numpy.float64).mean())
    return {
        "agrees": bool((expected == state.absmax.numpy()).all()) and middle == state.offset.numpy(),
        "levels": state.code,
        "map": table,
        "codes": "".join(f"{c:x}" for c in codes),
        "absmax": absmax,
        "absmax_codes": bytes(state.absmax.numpy()).hex(),
        "groups": groups,
        "offset": state.offset.item(),
        "first": dequantised[0, :8],
        "sha256": hashlib.sha256(dequantised.numpy().tobytes()).hexdigest(),
    }


def nearest_scales(weight):
    """The matrix as bitsandbytes quantises it, but for scales that always have the nearest place in the map."""
    packed, state = functional.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
    absmax = functional.quantize_4bit(weight, blocksize=64, compress_statistics=False, quant_type="nf4")[1].absmax
    offset = numpy.float32(absmax.numpy().astype(numpy.float64).mean())
    rest = absmax.numpy() - offset
    groups = numpy.array([numpy.abs(rest[i : i + 256]).max() for i in range(0, len(rest), 256)], dtype=numpy.float32)
    of = numpy.repeat(groups, 256)[: len(rest)]
    table = state.state2.code.numpy()
    scales = table[nearest(rest / numpy.where(of > 0, of, 1), table)] * of + offset
    packed = packed.reshape(-1).numpy()
    codes = numpy.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[: weight.numel()]
    return torch.from_numpy(state.code.numpy()[codes] * numpy.repeat(scales, 64)[: weight.numel()]).view_as(weight)


def int8(key):
    weight = torch.from_numpy(matrix(key))
    codes, absmax, _ = functional.int8_vectorwise_quant(weight)
    return {"codes_sha256": hashlib.sha256(codes.numpy().astype(numpy.int8).tobytes()).hexdigest(), "absmax": absmax}


def losses(data):
    """Mean loss of each batch, as the model is and with its linear layers in nf4."""
    model = transformers.AutoModelForCausalLM.from_pretrained(data / "models/stories260k", dtype=torch.float32)
    batches = json.loads((data / "golden/stories260k_training.json").read_text())["batches"]

    def each():
        with torch.no_grad():
            return [
                model(**{name: torch.tensor(batch[name]) for name in ("input_ids", "attention_mask", "labels")}).loss.item()
                for batch in batches
            ]

    before = each()
    layers_by_name = [
        (name, m) for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and name != "lm_head"
    ]
    layers = [layer for _, layer in layers_by_name]
    weights = [layer.weight.data for layer in layers]
    for layer, weight in zip(layers, weights):
        layer.weight.data = functional.dequantize_4bit(
            *functional.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
        )
    cpu = each()
    for layer, weight in zip(layers, weights):
        layer.weight.data = nearest_scales(weight)
    nf4 = each()
    for (name, layer), weight in zip(layers_by_name, weights):
        if name.endswith(KEPT_AT_8_BITS):
            codes, absmax, _ = functional.int8_vectorwise_quant(weight)
            layer.weight.data = codes.float() * (absmax / 127)[:, None]
    return {
        "stories260k_losses": before,
        "stories260k_nf4_losses": nf4,
        "stories260k_nf4_losses_cpu": cpu,
        "stories260k_mixed_losses": each(),
    }


def main():
    parser = argparse.ArgumentParser()
    add_data_argument(parser)
    data = parser.parse_args().data
    for key in range(1, 200):
        golden = nf4(key)
        if golden.pop("agrees"):
            break
    else:
        raise SystemExit("no matrix on which the nearest value and the table of 65,536 agree")
    record = {"key": key, "rows": ROWS, "columns": COLUMNS}
    record |= {name: value if isinstance(value, str) else plain(value) for name, value in golden.items()}
    record |= {f"int8_{name}": value if isinstance(value, str) else plain(value) for name, value in int8(key).items()}
    record |= {name: [plain(value) for value in values] for name, values in losses(data).items()}
    write_json(pathlib.Path(GOLDEN) / "quantization.json", record)


main()
