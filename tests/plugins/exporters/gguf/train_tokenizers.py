"""Trains a small byte-level BPE for each way to cut text: train_tokenizers.py SPEC.json, {name: {folder, json, texts}}."""

import json
import sys

import tokenizers

for spec in json.load(open(sys.argv[1])).values():
    plain = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": spec["pre_tokenizer"],
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": {}, "merges": [], "ignore_merges": spec["ignore_merges"]},
    }
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(plain))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<|end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(spec["texts"], trainer)
    saved = json.loads(tokenizer.to_str())
    saved["model"]["ignore_merges"] = spec["ignore_merges"]
    json.dump(saved, open(spec["folder"] + "/tokenizer.json", "w"))
    json.dump(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>"},
        open(spec["folder"] + "/tokenizer_config.json", "w"),
    )
