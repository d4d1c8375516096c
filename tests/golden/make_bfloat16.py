"""Golden numbers of products in bfloat16: the tiny models of make_models.py, with the same rounding in PyTorch.

    python3 tests/golden/make_bfloat16.py

Factors of every linear layer and of the head are rounded to bf16 and multiplied in float32, in both passes. For
training, what the backward pass reads again (inputs of activation functions, queries, keys and values) is rounded
where it is made, as is the attention's result where its gradient reads it. Writes bfloat16.json.
"""

import torch
from torch.autograd import Function
from transformers import AutoModelForCausalLM
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import repeat_kv
from transformers.pytorch_utils import Conv1D

from _witness import GOLDEN, describe_batch, make_batch, plain, real_logits, write_json

VOCAB = 61
MODELS = {
    "llama": ["layers.0.self_attn.k_proj.weight", "layers.1.input_layernorm.weight"],
    "llama-gqa-untied": ["lm_head.weight"],
    "qwen3": ["layers.0.self_attn.q_norm.weight", "layers.1.self_attn.k_norm.weight"],
    "gpt2-tied": ["h.0.attn.c_attn.bias", "h.1.ln_2.weight"],
}


def rounded(x):
    return x.to(torch.bfloat16).to(torch.float32)


class Product(Function):
    """x (..., in) times w (in, out)."""

    @staticmethod
    def forward(ctx, x, w):
        x, w = rounded(x), rounded(w)
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dy = rounded(dy)
        return dy @ w.T, x.flatten(0, -2).T @ dy.flatten(0, -2)


class Keep(Function):
    """Rounds what the backward pass reads again; its gradient passes as it is."""

    @staticmethod
    def forward(_, x):
        return rounded(x)

    @staticmethod
    def backward(_, dy):
        return dy


class Attention(Function):
    @staticmethod
    def forward(ctx, q, k, v, mask, scale):
        p = torch.softmax(q @ k.mT * scale + mask, -1)
        out = p @ v
        ctx.save_for_backward(q, k, v, p, out)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx, d_out):
        q, k, v, p, out = ctx.saved_tensors
        dots = (d_out * rounded(out)).sum(-1, keepdim=True)
        d_scores = p * (d_out @ v.mT - dots) * ctx.scale
        return d_scores @ k, d_scores.mT @ q, p.mT @ d_out, None, None


def attend(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
    groups = query.shape[1] // key.shape[1]
    keep = Keep.apply if module.training else lambda x: x
    q, k, v = keep(query), repeat_kv(keep(key), groups), repeat_kv(keep(value), groups)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = Attention.apply(q, k, v, attention_mask[:, :, :, : k.shape[-2]], scale)
    return out.transpose(1, 2).contiguous(), None


def linear(self, x):
    y = Product.apply(x, self.weight.T)
    return y if self.bias is None else y + self.bias


def conv1d(self, x):
    return Product.apply(x, self.weight) + self.bias


def gated(self, x):
    keep = Keep.apply if self.training else lambda z: z
    return self.down_proj(self.act_fn(keep(self.gate_proj(x))) * keep(self.up_proj(x)))


def gpt2_mlp(self, x):
    keep = Keep.apply if self.training else lambda z: z
    return self.c_proj(self.act(keep(self.c_fc(x))))


def load(name):
    model = AutoModelForCausalLM.from_pretrained(
        GOLDEN / "models" / name, dtype=torch.float32, attn_implementation="rounded"
    )
    for module in model.modules():
        kind = type(module).__name__
        if kind == "GPT2MLP":
            module.forward = gpt2_mlp.__get__(module)
        elif kind.endswith("MLP"):
            module.forward = gated.__get__(module)
        elif isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def main():
    torch.nn.Linear.forward = linear
    Conv1D.forward = conv1d
    ALL_ATTENTION_FUNCTIONS.register("rounded", attend)
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask

    ALL_MASK_ATTENTION_FUNCTIONS.register("rounded", eager_mask)
    record = {}
    for seed, (name, whole) in enumerate(MODELS.items()):
        model = load(name)
        batch = make_batch(VOCAB, 100 + seed)
        logits = real_logits(model.eval()(**batch).logits, batch, [1])
        output = model.train()(**batch)
        output.loss.backward()
        gradients = {key: p.grad for key, p in model.named_parameters()}
        record[name] = {
            **describe_batch(batch),
            "logits": logits,
            "loss": plain(output.loss.item()),
            "grad_norms": {key: plain(g.norm().item()) for key, g in gradients.items()},
            "gradients": {key: plain(g) for key, g in gradients.items() if key.endswith(tuple(whole))},
        }
    write_json(GOLDEN / "bfloat16.json", record)


main()
