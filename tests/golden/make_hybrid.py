"""Golden numbers of `examples/hybrid_model`, written anew in PyTorch, token by token.

    python3 tests/golden/make_hybrid.py

Writes hybrid.json: cases of several sizes. Weights are made by `hashed` on both sides, in the order of their names.
"""

import json

from _witness import GOLDEN, hashed, plain
import numpy
import torch

SIZES = [
    dict(vocab_size=23, hidden_size=8, num_heads=2, key_dim=3, conv_taps=3),
    dict(vocab_size=31, hidden_size=15, num_heads=3, key_dim=5, conv_taps=4),
    dict(vocab_size=17, hidden_size=9, num_heads=1, key_dim=1, conv_taps=2),
    dict(vocab_size=29, hidden_size=20, num_heads=5, key_dim=8, conv_taps=6),
]
LENGTHS = [9, 1, 6, 13]


def shapes(c):
    V, C, H, D = c["vocab_size"], c["hidden_size"], c["num_heads"], c["key_dim"]
    return {
        "embedding.weight": (V, C),
        "layers.0.norm.weight": (C,),
        "layers.0.in_proj.weight": (3 * C, C),
        "layers.0.conv.weight": (C, 1, c["conv_taps"]),
        "layers.0.out_proj.weight": (C, C),
        "layers.1.norm.weight": (C,),
        "layers.1.gate_proj.weight": (H, C),
        "layers.1.q_proj.weight": (H * D, C),
        "layers.1.k_proj.weight": (H * D, C),
        "layers.1.v_proj.weight": (C, C),
        "layers.1.out_proj.weight": (C, C),
        "norm.weight": (C,),
    }


def make_weights(c, key):
    weights = {}
    for number, (name, shape) in enumerate(sorted(shapes(c).items())):
        values = hashed(key + number, int(numpy.prod(shape))) * 0.5
        weights[name] = torch.tensor(values.astype(numpy.float32)).view(shape).requires_grad_()
    return weights


def logits_of(c, w, ids):
    C, H, D = c["hidden_size"], c["num_heads"], c["key_dim"]
    norm = lambda x, name: w[name] * x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)
    x = w["embedding.weight"][ids]  # (T, C)
    b, g, y = (norm(x, "layers.0.norm.weight") @ w["layers.0.in_proj.weight"].T).split(C, dim=-1)
    conv = torch.nn.Conv1d(C, C, c["conv_taps"], groups=C, bias=False, padding=c["conv_taps"] - 1)
    out = torch.nn.functional.conv1d(
        (b * y).T[None], w["layers.0.conv.weight"], padding=conv.padding, groups=C
    )[0, :, : len(ids)].T
    x = x + (g * out) @ w["layers.0.out_proj.weight"].T
    h = norm(x, "layers.1.norm.weight")
    of = lambda name: h @ w[f"layers.1.{name}.weight"].T
    q, k = of("q_proj").view(-1, H, D), of("k_proj").view(-1, H, D)
    v = of("v_proj").view(-1, H, C // H)
    stays = torch.sigmoid(of("gate_proj"))  # (T, H)
    state = torch.zeros(H, D, C // H)
    rows = []
    for t in range(len(ids)):
        state = stays[t][:, None, None] * state + k[t][:, :, None] * v[t][:, None, :]
        rows.append(torch.einsum("hdv,hd->hv", state, q[t]).reshape(C))
    x = x + torch.stack(rows) @ w["layers.1.out_proj.weight"].T
    return norm(x, "norm.weight") @ w["embedding.weight"].T


def greedy(c, w, prompt, count):
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(logits_of(c, w, torch.tensor(ids))[-1].argmax()))
    return ids[len(prompt):]


def case(c, key):
    w = make_weights(c, key)
    V = c["vocab_size"]
    rows = [
        ((hashed(key + 1000 + i, n) + 1) / 2 * V).astype(numpy.int64) for i, n in enumerate(LENGTHS)
    ]
    logits = [logits_of(c, w, torch.from_numpy(ids)) for ids in rows]
    losses = [
        torch.nn.functional.cross_entropy(l[:-1], torch.from_numpy(ids)[1:], reduction="sum")
        for l, ids in zip(logits, rows)
    ]
    loss = sum(losses) / sum(len(ids) - 1 for ids in rows)
    loss.backward()
    return {
        "config": {"model_type": "hybrid", **c},
        "key": key,
        "rows": [plain(ids) for ids in rows],
        "logits": [plain(l[-1]) for l in logits],
        "loss": plain(loss.detach().numpy()[()]),
        "grad_norms": {name: plain(t.grad.norm().numpy()[()]) for name, t in w.items()},
        "gradients": {
            name: plain(w[name].grad.flatten())
            for name in ["layers.0.conv.weight", "layers.1.gate_proj.weight"]
        },
        "greedy": [greedy(c, w, ids.tolist(), 12) for ids in rows],
    }


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(case(c, 77 * (i + 1))) for i, c in enumerate(SIZES))
    (GOLDEN / "hybrid.json").write_text(f"[\n{lines}\n]\n")
