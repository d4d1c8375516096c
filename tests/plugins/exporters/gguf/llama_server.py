"""llama.cpp's own server under the options of its program `llama-server`, for machines that have it as a Python package."""

import argparse
import os
import signal

import xllamacpp

parser = argparse.ArgumentParser(allow_abbrev=False)
for name in ("model", "host", "api-key", "device", "cache-type-k", "cache-type-v"):
    parser.add_argument("--" + name, required=True)
for name in ("port", "ctx-size", "parallel"):
    parser.add_argument("--" + name, type=int, required=True)
parser.add_argument("--no-warmup", action="store_true")
asked = parser.parse_args()
assert asked.device == "none" and os.environ["LLAMA_ARG_FLASH_ATTN"] == "off"


def type_of(name):
    return getattr(xllamacpp.ggml_type, "GGML_TYPE_" + name.upper())


params = xllamacpp.CommonParams()
params.model.path = asked.model
params.hostnames = [asked.host]
params.port = asked.port
params.api_keys = [asked.api_key]
params.n_ctx = asked.ctx_size
params.n_parallel = asked.parallel
params.warmup = not asked.no_warmup
params.cache_type_k = type_of(asked.cache_type_k)
params.cache_type_v = type_of(asked.cache_type_v)
params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
params.n_gpu_layers = 0
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = xllamacpp.Server(params)
while True:
    signal.pause()
