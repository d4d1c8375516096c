"""Rows of tokens as TRL reads them: random rows with labels, masks and packed documents, and the documents with
their labels that TRL's SFTTrainer and its collator make of them. Writes pretokenized.json beside this file.

    python3 tests/golden/make_pretokenized.py

The documents of `position_ids` are those of transformers' DataCollatorWithFlattening, whose positions TRL writes.
"""

import json
import pathlib
import random
from types import SimpleNamespace

from datasets import Dataset
from transformers import DataCollatorWithFlattening
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

random.seed(28)


def documents_of(row):
    """What the trainer feeds: [(ids, labels) of each document], labels at first tokens masked by the collator."""
    data = Dataset.from_list([{k: v for k, v in row.items() if k != "position_ids"}])
    trainer = SimpleNamespace(completion_only_loss=True, chat_template=None, _is_vlm=False)
    args = SFTConfig(output_dir="/tmp/unused", max_length=None, packing=False, report_to=[], use_cpu=True, bf16=False)
    args.shuffle_dataset = False
    data = SFTTrainer._prepare_dataset(trainer, data, None, args, False, None, "train")
    kept = {k: data[0][k] for k in ("input_ids", "labels", "seq_lengths") if k in data[0]}
    batch = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)([kept])
    ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
    borders = batch["cu_seq_lens_q"].tolist()
    return [[ids[a:b], labels[a:b]] for a, b in zip(borders, borders[1:])]


cases = []
for _ in range(300):
    lengths = [random.randint(1, 6) for _ in range(random.choice([1, 1, 2, 3, 4]))]
    n = sum(lengths)
    row = {"input_ids": [random.randint(1, 250) for _ in range(n)]}
    bits = lambda: [random.randint(0, 1) for _ in range(n)]
    if random.random() < 0.3:
        row["labels"] = [i if b else -100 for i, b in zip(row["input_ids"], bits())]
    if random.random() < 0.5:
        row["completion_mask"] = bits()
    if random.random() < 0.5:
        row["assistant_masks"] = bits()
    packed = random.random() < 0.7
    if packed:
        row["seq_lengths"] = lengths
    documents = documents_of(row)
    if packed and random.random() < 0.6:
        parts, at = [], 0
        for length in lengths:
            parts.append({"input_ids": row["input_ids"][at : at + length]})
            at += length
        row["position_ids"] = DataCollatorWithFlattening()(parts)["position_ids"][0].tolist()
        if random.random() < 0.5:
            del row["seq_lengths"]
    names = list(row)
    random.shuffle(names)
    cases.append({"row": {name: row[name] for name in names}, "documents": documents})

path = pathlib.Path(__file__).with_name("pretokenized.json")
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
path.write_text(f"[\n{lines}\n]\n")
