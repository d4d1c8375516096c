"""What webgpu_matmul.ts and webgpu_models.ts measure, in PyTorch: float32, TF32 off, the same sizes.

Run: python3 webgpu_pytorch.py [matmul] [gpt2-124m] [smollm2-135m] [--steps 10]
Needs torch; smollm2-135m and gpt2-124m also transformers (random weights, nothing is fetched), LoRA by hand.
"""
import argparse
import time

import torch

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def sync():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def timed(run, steps):
    run()
    run()
    sync()
    start = time.perf_counter()
    for _ in range(steps):
        run()
    sync()
    return (time.perf_counter() - start) / steps


def matmul(steps):
    for m, n, k in [(4096, 4096, 4096), (8192, 768, 768), (8192, 3072, 768), (768, 3072, 8192)]:
        a, b = torch.randn(m, k, device=DEVICE), torch.randn(k, n, device=DEVICE)
        cases = {"NN": lambda: a @ b}
        bt, at = b.t().contiguous(), a.t().contiguous()
        cases["NT"] = lambda: a @ bt.t()
        cases["TN"] = lambda: at.t() @ b
        for layout, run in cases.items():
            seconds = timed(run, steps)
            print(f"{layout} {m} x {n} x {k}: {2 * m * n * k / seconds / 1e12:.3f} TFLOP/s")


class Lora(torch.nn.Module):
    def __init__(self, base, r=16, alpha=32):
        super().__init__()
        self.base = base
        self.a = torch.nn.Parameter(torch.randn(r, base.in_features, device=DEVICE) * 0.01)
        self.b = torch.nn.Parameter(torch.zeros(base.out_features, r, device=DEVICE))
        self.scale = alpha / r

    def forward(self, x):
        frozen = torch.nn.functional.linear(x, self.base.weight.to(x.dtype))
        return frozen + (x @ self.a.t() @ self.b.t()) * self.scale


def model_of(name):
    import transformers

    if name == "gpt2-124m":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
        return model.to(DEVICE)
    config = transformers.LlamaConfig(
        hidden_size=576, num_hidden_layers=30, intermediate_size=1536, num_attention_heads=9,
        num_key_value_heads=3, vocab_size=49152, tie_word_embeddings=True, rope_theta=100000.0,
    )
    model = transformers.LlamaForCausalLM(config).to(DEVICE)
    for p in model.parameters():
        p.requires_grad_(False)
    for layer in model.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for child, linear in list(part.named_children()):
                if isinstance(linear, torch.nn.Linear):
                    linear.weight.data = linear.weight.data.bfloat16()
                    setattr(part, child, Lora(linear))
    return model


def train(name, steps, B=8, T=1024):
    model = model_of(name)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=DEVICE == "cuda")
    vocabulary = model.config.vocab_size
    tokens = torch.randint(0, vocabulary, (B, T), device=DEVICE)

    def step():
        optimizer.zero_grad(set_to_none=True)
        model(input_ids=tokens, labels=tokens).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    seconds = timed(step, steps)
    memory = torch.cuda.max_memory_allocated() / 1e9 if DEVICE == "cuda" else float("nan")
    print(f"{name}: {seconds * 1000:.1f} ms a step, {B * T / seconds:.0f} tokens/s, {memory:.2f} GB")


parser = argparse.ArgumentParser()
parser.add_argument("what", nargs="*", default=["matmul", "gpt2-124m", "smollm2-135m"])
parser.add_argument("--steps", type=int, default=10)
arguments = parser.parse_args()
print(torch.__version__, torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu")
for what in arguments.what:
    matmul(arguments.steps) if what == "matmul" else train(what, arguments.steps)
