"""Losses and gradients with dropout, by transformers with the masks that denotune draws.

    python3 tests/golden/make_dropout.py

Writes dropout.json; needs make_models.py to have run. The masks are laid out from the rule of core/random.ts (a hash of
the token's key, the dropout's number and the element) and put in the place of every dropout that the model calls.
"""
import numpy
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from _witness import GOLDEN, describe_batch, make_batch, plain, write_json

U32 = numpy.uint32


def mix(x):
    x = (x ^ (x >> U32(16))) * U32(0x7FEB352D)
    x = (x ^ (x >> U32(15))) * U32(0x846CA68B)
    return x ^ (x >> U32(16))


def uniform(keys, stream, columns):
    """keys and columns broadcast against each other."""
    with numpy.errstate(over="ignore"):
        bits = mix(mix(keys + U32(stream) * U32(0x9E3779B9)) + columns * U32(0x85EBCA6B))
    return (bits >> U32(8)).astype(numpy.float64) / 16777216


class Masks:
    def __init__(self, B, T):
        self.keys = (numpy.arange(B * T, dtype=numpy.int64) * 7919).astype(U32).reshape(B, T)
        self.stream = 0x40000000

    def __call__(self, x, p):
        """The next dropout of the model: of (B, T, C), or of attention's probabilities (B, H, T, T)."""
        stream, self.stream = self.stream, self.stream + 1
        if x.dim() == 3:
            u = uniform(self.keys[:, :, None], stream, numpy.arange(x.shape[2], dtype=U32)[None, None])
        else:
            H, T = x.shape[1], x.shape[3]
            columns = numpy.arange(T, dtype=U32)[None, None, None] * U32(H) + numpy.arange(H, dtype=U32)[None, :, None, None]
            u = uniform(self.keys[:, None, :, None], stream, columns)
        return x * torch.from_numpy((u >= numpy.float32(p)) / (1 - p)).to(x.dtype)


def measure(name, shares):
    model = AutoModelForCausalLM.from_pretrained(GOLDEN / "models" / name, dtype=torch.float64, attn_implementation="eager")
    batch = make_batch(model.config.vocab_size, 3)
    with torch.no_grad():
        undropped = model.eval()(**batch).loss
    model.train()
    masks = Masks(*batch["input_ids"].shape)
    if model.config.model_type == "gpt2":
        model.transformer.drop.p = shares["embedding"]
        for block in model.transformer.h:
            block.attn.attn_dropout.p = shares["attention"]
            block.attn.resid_dropout.p = block.mlp.dropout.p = shares["residual"]
    else:
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = shares["attention"]
    before = nn.functional.dropout
    nn.functional.dropout = lambda x, p=0.5, training=True, inplace=False: masks(x, p) if training and p else x
    loss = model(**batch).loss
    nn.functional.dropout = before
    loss.backward()
    layers, on = model.config.num_hidden_layers, {place: share > 0 for place, share in shares.items()}
    assert masks.stream - 0x40000000 == on["embedding"] + layers * (on["attention"] + 2 * on["residual"])
    return {
        "model": name, "shares": shares, **describe_batch(batch), "undropped": float(undropped), "loss": float(loss),
        "gradients": {n: float(p.grad.norm()) for n, p in model.named_parameters()},
    }


write_json(GOLDEN / "dropout.json", {
    "gpt2": measure("gpt2-tied", {"embedding": 0.1, "attention": 0.25, "residual": 0.2}),
    "attention": measure("gpt2-tied", {"embedding": 0.0, "attention": 0.1, "residual": 0.0}),
    "llama": measure("llama-gqa-untied", {"embedding": 0.0, "attention": 0.3, "residual": 0.0}),
})
