"""Tiny random models whose layers and head are rounded to int8, as PyTorch and transformers compute them.

usage: witness_quantized_logits.py FOLDER SEED...   prints a line of JSON for each seed

The models are saved as they were before they were rounded: whoever reads them rounds them again.
"""

import json
import pathlib
import random
import sys

import torch
import transformers

from _witness import fill_hashed  # noqa: F401  sets torch's threads and its deterministic mode

transformers.utils.logging.set_verbosity_error()


def config_of(r):
    heads = r.choice([1, 2, 4])
    width = heads * r.choice([8, 16, 20, 32])
    vocab = r.randint(20, 400)
    common = dict(vocab_size=vocab, tie_word_embeddings=r.random() < 0.5, bos_token_id=0, eos_token_id=0)
    if r.random() < 0.3:
        return transformers.GPT2Config(
            n_embd=width, n_head=heads, n_layer=r.randint(1, 2), n_positions=64,
            n_inner=r.randint(8, 150), resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, **common,
        )
    return transformers.LlamaConfig(
        hidden_size=width, num_attention_heads=heads, num_key_value_heads=r.choice([h for h in (1, 2, 4) if heads % h == 0]),
        num_hidden_layers=r.randint(1, 2), intermediate_size=r.randint(8, 150), max_position_embeddings=64, **common,
    )


def rounded(weight):
    """A scale for each row, codes of -127 to 127: the rule of bitsandbytes' int8."""
    absmax = weight.abs().amax(dim=1, keepdim=True)
    factor = 127 / torch.where(absmax == 0, 1, absmax).double()
    codes = torch.round(weight.double() * factor).float()  # ties to even
    return codes * (absmax / 127)


def round_layers(model):
    head = model.get_output_embeddings()
    for module in model.modules():
        name = type(module).__name__
        if name == "Conv1D":  # (in, out)
            module.weight.data = rounded(module.weight.data.T).T.contiguous()
        elif name == "Linear" and module is not head:
            module.weight.data = rounded(module.weight.data)
    # in place: where it is the embedding too, both are rounded
    head.weight.data.copy_(rounded(head.weight.data))


def main():
    folder, *seeds = sys.argv[1:]
    for seed in seeds:
        r = random.Random(int(seed))
        torch.manual_seed(int(seed))
        model = transformers.AutoModelForCausalLM.from_config(config_of(r)).eval()
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.data.normal_(0, r.choice([0.1, 0.3]))
        model.save_pretrained(pathlib.Path(folder) / seed)
        with torch.no_grad():
            round_layers(model)
            ids = [r.randrange(model.config.vocab_size) for _ in range(r.randint(2, 24))]
            prompt = list(ids)
            for _ in range(6):
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            logits = model(torch.tensor([ids])).logits[0, :-1]
            scores = torch.log_softmax(logits, -1)
            top = scores.topk(2, -1).values
        print(json.dumps({
            "seed": seed,
            "prompt": prompt,
            "ids": ids[len(prompt):],
            "scores": [float(scores[i, t]) for i, t in enumerate(ids[1:])],
            "margins": [float(a - b) for a, b in top[len(prompt) - 1:].tolist()],
        }), flush=True)


main()
