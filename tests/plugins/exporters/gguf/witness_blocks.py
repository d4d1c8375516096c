"""Compares blocks with ggml's own and with PyPI's gguf: witness_blocks.py FOLDER (x.bin, NAME.bin)."""

import ctypes
import glob
import json
import os
import sys

import gguf
import numpy
import xllamacpp

TYPES = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
    "q5_0": gguf.GGMLQuantizationType.Q5_0,
    "q4_k": gguf.GGMLQuantizationType.Q4_K,
    "q5_k": gguf.GGMLQuantizationType.Q5_K,
    "q6_k": gguf.GGMLQuantizationType.Q6_K,
}
COLUMNS = 1024

folder = sys.argv[1]
[path] = glob.glob(os.path.dirname(xllamacpp.__file__) + "/xllamacpp*.so")
quantize = ctypes.CDLL(path).ggml_quantize_chunk
quantize.restype = ctypes.c_size_t
quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
x = numpy.fromfile(f"{folder}/x.bin", numpy.float32)
answer = {}
for name, kind in TYPES.items():
    size, width = gguf.GGML_QUANT_SIZES[kind]
    ours = numpy.fromfile(f"{folder}/{name}.bin", numpy.uint8)
    theirs = numpy.zeros_like(ours)
    if size == 1:
        theirs = gguf.quants.quantize(x.reshape(-1, COLUMNS), kind).view(numpy.uint8).reshape(-1)
    else:
        quantize(int(kind), x.ctypes.data, theirs.ctypes.data, 0, len(x) // COLUMNS, COLUMNS, None)
    try:
        plain = gguf.quants.quantize(x.reshape(-1, COLUMNS), kind).view(numpy.uint8).reshape(-1)
        same_as_gguf = float((plain.reshape(-1, width) == ours.reshape(-1, width)).all(1).mean())
    except NotImplementedError:
        same_as_gguf = None
    if size == 1:
        a = b = x
    else:
        a = gguf.quants.dequantize(ours, kind).astype(numpy.float64)
        b = gguf.quants.dequantize(theirs, kind).astype(numpy.float64)
    errors = [numpy.square(v - x).reshape(-1, size).sum(1) for v in (a, b)]
    answer[name] = {
        "same": float((ours.reshape(-1, width) == theirs.reshape(-1, width)).all(1).mean()),
        "gguf": same_as_gguf,
        "worse": int((errors[0] > errors[1]).sum()),
        "different_numbers": int((a != b).sum()),
    }
print(json.dumps(answer))
