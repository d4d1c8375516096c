"""Runs three tasks of its own with lm-eval, once with `--model hf` and once against a server, eight requests at a time.

    python3 witness_lm_eval.py FOLDER http://127.0.0.1:PORT NAME

Prints JSON: accuracies, word perplexities and every log-likelihood of both, and the generated texts.
"""

import json
import os
import random
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import logging

logging.disable(logging.WARNING)

import lm_eval
from lm_eval.tasks import TaskManager

folder, server, name = sys.argv[1:4]
rows = int(sys.argv[4]) if len(sys.argv) > 4 else 20

random.seed(3)
NAMES = ["Lily", "Tom", "Sara", "Ben", "Mia", "Max"]
THINGS = ["ball", "dog", "cat", "tree", "cake", "hat", "car", "bird"]
PLACES = ["park", "house", "garden", "kitchen", "woods"]


def story():
    who, thing, place = (random.choice(x) for x in (NAMES, THINGS, PLACES))
    return (
        f"Once upon a time, there was a little girl named {who}. She had a {thing}."
        f" One day, she went to the {place} with her {thing}. She was very happy."
    )


def write(path, rows):
    with open(path, "w") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


COMMON = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {path}
test_split: test
"""

with tempfile.TemporaryDirectory() as tmp:
    choice = f"{tmp}/choice.jsonl"
    write(choice, [
        {
            "question": f"{random.choice(NAMES)} went to the",
            "choices": random.sample(PLACES, 4),
            "answer": random.randrange(4),
        }
        for _ in range(rows)
    ])
    texts = f"{tmp}/texts.jsonl"
    # some are longer than the context, so that they are scored in windows
    write(texts, [{"text": " ".join(story() for _ in range(1 + 2 * (i % 6)))} for i in range(rows // 2)])
    prompts = f"{tmp}/prompts.jsonl"
    write(prompts, [{"prompt": story()[: 20 + 7 * i], "answer": "happy"} for i in range(rows // 2)])
    with open(f"{tmp}/choice.yaml", "w") as out:
        out.write(COMMON.format(name="own_choice", path=choice) + """
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
doc_to_choice: "{{choices}}"
metric_list:
  - metric: acc
  - metric: acc_norm
""")
    with open(f"{tmp}/rolling.yaml", "w") as out:
        out.write(COMMON.format(name="own_rolling", path=texts) + """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - metric: word_perplexity
  - metric: bits_per_byte
""")
    with open(f"{tmp}/until.yaml", "w") as out:
        out.write(COMMON.format(name="own_until", path=prompts) + """
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
generation_kwargs:
  until: ["."]
  max_gen_toks: 40
  do_sample: false
metric_list:
  - metric: exact_match
""")
    tasks = ["own_choice", "own_rolling", "own_until"]
    manager = TaskManager(include_path=tmp, include_defaults=False)

    def run(model, args):
        found = lm_eval.simple_evaluate(
            model=model, model_args=args, tasks=tasks, task_manager=manager,
            batch_size=1, log_samples=True, bootstrap_iters=0, device="cpu",
        )
        flat = lambda x: [y for z in x for y in flat(z)] if isinstance(x, (list, tuple)) else [x]
        return {
            "results": {
                task: {k: v for k, v in values.items() if isinstance(v, (int, float))}
                for task, values in found["results"].items()
            },
            "responses": {
                task: [flat(sample["resps"]) for sample in samples]
                for task, samples in found["samples"].items()
            },
        }

    both = {
        "hf": run("hf", {"pretrained": folder, "dtype": "float32", "max_length": 512, "add_bos_token": True}),
        "server": run("local-completions", {
            "model": name, "base_url": f"{server}/v1/completions", "tokenizer": folder,
            "num_concurrent": 8, "max_retries": 1, "tokenized_requests": True, "max_length": 512,
            "add_bos_token": True,
        }),
    }
json.dump(both, sys.stdout)
