"""Makes multiple_choice.json: 200 questions, and what lm-eval makes of them with the model stories260k.

    pip install lm-eval==0.4.13
    python3 tests/golden/make_multiple_choice.py ../shared/data/models/stories260k
"""

import json
import os
import random
import sys
import tempfile

from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

MODEL = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
draw = random.Random(7)
OPENINGS = ["Once upon a time, there was a little girl named {n}. She loved to", "One day, {n} went to the park with",
            "{n} was very sad because", "The big dog said to {n},", "{n} had a red ball. It was", "Mom gave {n} a",
            "They all lived happily", "{n} looked up at the sky and saw a big"]
NAMES = ["Lily", "Tom", "Ben", "Sue", "Max"]
CHOICES = ["play outside", "play with her toys", "her mom", "his friend", "bird", "bright sun", "he lost his toy", "she fell down",
           "very big", "big hug", "new toy", "ever after", "purple carburettor", "the of and", "Zürich", "eat the wall", "\"Hello!\"",
           "happy", "a", "quantum", "ran away and hid under the bed for a long time"]


def main():
    rows = []
    for _ in range(200):
        choices = draw.sample(CHOICES, draw.choice([2, 3, 4, 5]))
        rows.append({"question": draw.choice(OPENINGS).format(n=draw.choice(NAMES)), "choices": choices,
                     "answer": draw.randrange(len(choices))})
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        task = {
            "task": "own_rows",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": path}, "cache_dir": folder},
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "answer",
            "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True},
                            {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True}],
        }
        lm = HFLM(pretrained=MODEL, device="cpu", dtype="float32", batch_size=1, add_bos_token=True)
        found = simple_evaluate(model=lm, tasks=[task], task_manager=TaskManager(), bootstrap_iters=0, log_samples=True)
    samples = sorted(found["samples"]["own_rows"], key=lambda s: s["doc_id"])
    numbers = found["results"]["own_rows"]
    golden = {
        "acc": numbers["acc,none"],
        "acc_norm": numbers["acc_norm,none"],
        "rows": [{**row, "log_likelihoods": [round(float(r[0]), 5) for r in sample["filtered_resps"]]} for row, sample in zip(rows, samples)],
    }
    with open(os.path.join(HERE, "multiple_choice.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False)
        file.write("\n")
    print(golden["acc"], golden["acc_norm"])


main()
