"""Log-probabilities and entropies of the tokens of texts, by transformers in float64.

    python3 tests/golden/make_score.py [--data FOLDER]

Writes score.json; needs the test data (stories260k).
"""
import argparse
import random

from _witness import GOLDEN, add_data_argument, plain, write_json
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser()
add_data_argument(parser)
folder = parser.parse_args().data / "models" / "stories260k"
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
random.seed(2)
WORDS = "Once upon a time there was little girl named Lily She liked to play the park with her dog big red ball and".split()


def text(length):
    return " ".join(random.choice(WORDS) for _ in range(length)) + "."


cases = []
for i in range(60):
    before = "" if i % 2 == 0 else text(random.randint(1, 10)) + " "
    scored = text(random.randint(1, 30)) if i % 5 else "Zoë’s 42\n\nétoiles"
    encoded = tokenizer(before + scored, return_offsets_mapping=True)
    ids = encoded["input_ids"]
    first = next(t for t, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(before)) if before else 1
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
    first = max(1, first)
    rows = log_p[first - 1:-1]
    chosen = rows.gather(1, torch.tensor(ids[first:])[:, None])[:, 0]
    entropy = -(rows.exp() * rows).sum(1)
    cases.append({
        "before": before, "text": scored, "ids": ids, "from": first, "loss": float(-chosen.mean()),
        "log_probabilities": [round(x, 7) for x in chosen.tolist()], "entropies": [round(x, 7) for x in entropy.tolist()],
    })
write_json(GOLDEN / "score.json", {"stories260k": cases})
