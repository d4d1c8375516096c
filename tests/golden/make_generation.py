"""Greedy continuations by transformers' `generate`.

    python3 tests/golden/make_generation.py [--data FOLDER]

Writes generation.json. `models` needs make_models.py to have run; `stories260k` needs the test data.
"""

import argparse
import pathlib

from _witness import GOLDEN, add_data_argument, plain, write_json
from tokenizers import Tokenizer
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

TINY_PROMPT = [7, 23, 11, 42]
STORIES = [
    ("Once upon a time", 60, 1.0),
    ("Lily and Tom went to the park.", 60, 1.0),
    ("The little dog", 60, 1.0),
    ("Once upon a time", 60, 1.3),
]


def greedy(model, prompt, new_tokens, repetition_penalty=1.0, eos=None):
    """The new ids, and the smallest lead of a winner over the runner-up: a tie would be no witness."""
    model.generation_config = GenerationConfig(eos_token_id=eos, pad_token_id=0)
    output = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False, max_new_tokens=new_tokens, repetition_penalty=repetition_penalty,
        return_dict_in_generate=True, output_scores=True,
    )
    ids = output.sequences[0, len(prompt):].tolist()
    best = torch.stack(output.scores)[:, 0].topk(2).values
    return ids, plain((best[:, 0] - best[:, 1]).min().numpy()[()])


def greedy_without_cache(model, prompt, new_tokens):
    """The same by running the whole row anew for every token."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(new_tokens):
            ids.append(int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[len(prompt):]


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def main():
    parser = argparse.ArgumentParser()
    add_data_argument(parser)
    folder = parser.parse_args().data / "models" / "stories260k"

    tokenizer, model = AutoTokenizer.from_pretrained(folder), load(folder)
    from_file = Tokenizer.from_file(str(folder / "tokenizer.json"))
    stories = []
    for text, new_tokens, penalty in STORIES:
        prompt = tokenizer(text)["input_ids"]
        # transformers 5 rebuilds this tokenizer and differs from its file where a text starts with a space
        assert prompt == from_file.encode(text).ids
        ids, margin = greedy(model, prompt, new_tokens, penalty, eos=2)
        if penalty == 1.0:
            assert ids == greedy_without_cache(model, prompt, len(ids))
        stories.append({
            "prompt": text, "prompt_ids": prompt, "max_new_tokens": new_tokens, "repetition_penalty": penalty,
            "continuation_ids": ids,
            "continuation_text": tokenizer.decode(ids, skip_special_tokens=True),
            "text": tokenizer.decode(prompt + ids, skip_special_tokens=True),
            "smallest_margin": margin,
        })

    models = {}
    for path in sorted(path for path in (GOLDEN / "models").iterdir() if path.is_dir()):
        ids, margin = greedy(load(path), TINY_PROMPT, 8)
        assert len(ids) == 8 and ids == greedy_without_cache(load(path), TINY_PROMPT, 8), path.name
        models[path.name] = {"continuation_ids": ids, "smallest_margin": margin}

    write_json(GOLDEN / "generation.json", {
        "stories260k": stories, "tiny_prompt_ids": TINY_PROMPT, "models": models,
    })


if __name__ == "__main__":
    main()
