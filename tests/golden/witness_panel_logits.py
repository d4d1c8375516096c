"""Random models of every family that answers, most with a LoRA, as transformers and PEFT compute their answers.

usage: witness_panel_logits.py FOLDER SEED...   prints a line of JSON for each seed

Sizes are wider than those of make_families.py, whose configs these are, so that matrices are of several panels. A model is
saved as FOLDER/SEED, its adapter as FOLDER/SEED/adapter.
"""

import copy
import json
import pathlib
import random
import sys

import torch
import transformers
from peft import LoraConfig, get_peft_model

import _witness  # noqa: F401  sets torch's threads and its deterministic mode
from make_families import FAMILIES, common

transformers.utils.logging.set_verbosity_error()
NEW = 5


class Wide(random.Random):
    """Draws sizes that are up to eight times as large, and no run that is longer than what longrope calls short: of
    longer ones denotune chooses the list by the whole run (core/DECISIONS.md), transformers by each batch."""

    def randint(self, a, b):
        return super().randint(a, 8 * b)

    def choice(self, values):
        return super().choice([48] if values == [8, 48] else values)


def gpt2(draw):
    heads = draw.choice([1, 2, 3, 4])
    return transformers.GPT2Config, dict(
        n_embd=2 * heads * draw.randint(2, 8), n_head=heads, n_layer=draw.choice([1, 2, 3]), n_positions=64,
        n_inner=draw.randint(5, 40), vocab_size=draw.randint(11, 40), tie_word_embeddings=draw.random() < 0.5,
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=0, eos_token_id=0,
    )


def of_llama(kind, model_type):
    def config(draw):
        made = common(draw, model_type)
        if model_type in ("mistral", "qwen2"):  # have no such key
            del made["attention_bias"]
        return kind, made

    return config


KINDS = dict(
    FAMILIES, gpt2=gpt2, llama=of_llama(transformers.LlamaConfig, "llama"), qwen2=of_llama(transformers.Qwen2Config, "qwen2"),
    qwen3=of_llama(transformers.Qwen3Config, "qwen3"), mistral=of_llama(transformers.MistralConfig, "mistral"),
)


def model_of(r, folder):
    """A model and, of two in three, the same with an adapter."""
    kind, config = KINDS[r.choice(sorted(KINDS))](r)
    given = {k: v for k, v in config.items() if k != "model_type"}
    model = transformers.AutoModelForCausalLM.from_config(kind(**given), attn_implementation="eager", dtype=torch.float32).eval()
    for parameter in model.parameters():
        if parameter.dim() == 2:
            parameter.data.normal_(0, 1.5 * parameter.shape[-1] ** -0.5)
        elif parameter.dim() == 1:
            parameter.data.add_(0.2 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    if r.random() < 1 / 3:
        return model, None
    narrowest = min(min(p.shape) for p in model.parameters() if p.dim() == 2)
    lora = dict(r=min(narrowest, r.choice([1, 2, 8, 16])), lora_alpha=r.choice([4, 16]), target_modules="all-linear", bias="none")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **lora)).eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.3 * parameter.shape[-1] ** -0.5)
    model.save_pretrained(folder / "adapter")
    return model, lora


def scores_of(model, ids):
    return torch.log_softmax(model(input_ids=ids, use_cache=False).logits[:, :-1], -1)


def answers(model, precise, prompts):
    """Greedy answers of prompts of one length, the scores of all their tokens, the leads of the chosen ones, and how far
    scores of a model whose products are in float64 are from these at most."""
    ids = torch.tensor(prompts)
    for _ in range(NEW):
        ids = torch.cat([ids, model(input_ids=ids, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)], 1)
    scores = scores_of(model, ids)
    off = (scores - scores_of(precise, ids)).gather(-1, ids[:, 1:, None]).abs().max()
    top = scores.topk(2, -1).values
    start = len(prompts[0])
    for row, prompt in enumerate(prompts):
        yield {
            "prompt": prompt,
            "ids": ids[row, start:].tolist(),
            "scores": scores[row].gather(-1, ids[row, 1:, None]).flatten().tolist(),
            "margins": (top[row, start - 1:, 0] - top[row, start - 1:, 1]).tolist(),
            "rounding": off.item(),
        }


def main():
    folder, *seeds = sys.argv[1:]
    for seed in seeds:
        r = Wide(int(seed))
        torch.manual_seed(int(seed))
        model, lora = model_of(r, pathlib.Path(folder) / seed)
        precise = copy.deepcopy(model).double()
        found = []
        with torch.no_grad():
            for _ in range(3):
                length = r.choice([1, 2, 3, 5, 8, 13, 17, 24])
                rows = r.choice([1, 1, 2, 3, 5, 8, 14, 20])
                prompts = [[r.randrange(model.config.vocab_size) for _ in range(length)] for _ in range(rows)]
                found += answers(model, precise, prompts)
        r.shuffle(found)
        print(json.dumps({"seed": seed, "type": model.config.model_type, "lora": lora, "rows": found}), flush=True)


main()
