"""Logits of exported models in onnxruntime against transformers.

    python3 tests/plugins/exporters/onnx/witness_onnxruntime.py FOLDER...

Each folder has a model as transformers saves it, `onnx/model.onnx`, and `adapters/` where the graph takes one. Three rows of different lengths, padded before
or behind, are read at once (prefill), then 20 tokens of each, one at a time behind the cache. transformers reads each
row alone; where rotary frequencies follow from the length, the same batch behind its own cache. A type that it does not know
has the logits of rows of 27, 24 and 22 tokens in `wanted.json`. Prints a JSON object: by folder the largest difference of a logit, and the largest logit.
"""

import glob
import json
import os
import sys

import numpy as np
import onnxruntime
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

PROMPT, STEPS = 7, 20
LENGTHS = [7, 4, 2]

torch.set_num_threads(1)
logging.set_verbosity_error()
logging.disable_progress_bar()


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def empty_states(session, rows):
    sizes = {"batch_size": rows, "past_sequence_length": 0}
    return {
        i.name: np.zeros([sizes.get(d, d) for d in i.shape], np.float32)
        for i in session.get_inputs()
        if i.name.startswith("past")
    }


def adapter_inputs(folder):
    """The tensors of the adapter that is beside the graph, if any, as a page reads them."""
    found = {}
    for path in glob.glob(os.path.join(folder, "adapters", "*.safetensors")):
        data = open(path, "rb").read()
        length = int.from_bytes(data[:8], "little")
        for name, entry in json.loads(data[8:8 + length]).items():
            if name != "__metadata__":
                start, end = (8 + length + o for o in entry["data_offsets"])
                found[name] = np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])
    return found


def past_name(name):
    return name.replace("present.", "past_key_values.") if name.startswith("present.") else "past" + name[len("present"):]


def together(model, feeds, before):
    """What transformers makes of the same padded batch behind its own cache."""
    with torch.no_grad():
        return model(
            **{k: torch.tensor(feeds[k]) for k in ("input_ids", "attention_mask", "position_ids")},
            past_key_values=None if before is None else before.past_key_values,
            use_cache=True,
        )


def distance(found, wanted, mask):
    return float(np.abs(found - wanted)[mask == 1].max())


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


def rows_and_logits(folder, model):
    """Rows of tokens, and the logits of each read alone: by transformers, or as `wanted.json` has them."""
    path = os.path.join(folder, "wanted.json")
    if os.path.exists(path):
        given = json.load(open(path))
        rows = [np.array(r, np.int64) for r in given["rows"]]
        return rows, [np.array(w, np.float32).reshape(len(r), -1) for r, w in zip(rows, given["logits"])]
    draw = np.random.RandomState(3)
    vocabulary = model.config.get_text_config().vocab_size
    rows = [draw.randint(0, vocabulary, n + STEPS).astype(np.int64) for n in LENGTHS]
    with torch.no_grad():
        return rows, [model(torch.tensor(r[None]), use_cache=False).logits[0].numpy() for r in rows]


def compare(folder, side):
    model = None if os.path.exists(os.path.join(folder, "wanted.json")) else load(folder)
    session = session_of(os.path.join(folder, "onnx", "model.onnx"))
    inputs = {i.name for i in session.get_inputs()}
    names = [o.name for o in session.get_outputs()]
    rows, wanted = rows_and_logits(folder, model)
    tokens = np.zeros((len(rows), PROMPT), np.int64)
    mask = np.zeros((len(rows), PROMPT), np.int64)
    for b, n in enumerate(LENGTHS):
        at = slice(PROMPT - n, PROMPT) if side != "right" else slice(0, n)
        tokens[b, at], mask[b, at] = rows[b][:n], 1
    states = empty_states(session, len(rows))
    adapter = adapter_inputs(folder)
    worst, cache = 0.0, None
    for step in range(STEPS + 1):
        new = tokens.shape[1]
        feeds = {
            "input_ids": tokens,
            "attention_mask": mask,
            "position_ids": np.maximum(mask.cumsum(1) - 1, 0)[:, -new:],
            **states,
            **adapter,
        }
        outputs = dict(zip(names, session.run(None, {k: v for k, v in feeds.items() if k in inputs})))
        states = {past_name(n): v for n, v in outputs.items() if n.startswith("present")}
        if side == "cached":
            cache = together(model, feeds, cache)
            worst = max(worst, distance(outputs["logits"], cache.logits.numpy(), mask[:, -new:]))
        for b, n in enumerate(LENGTHS if side != "cached" else []):
            found = outputs["logits"][b][mask[b, -new:] == 1]
            end = n + step
            worst = max(worst, float(np.abs(found - wanted[b][end - len(found):end]).max()))
        if step < STEPS:
            tokens = np.array([[r[n + step]] for r, n in zip(rows, LENGTHS)])
            mask = np.concatenate([mask, np.ones((len(rows), 1), np.int64)], 1)
    return worst, float(max(np.abs(w).max() for w in wanted))


def has_long_factors(folder):
    return "long_factor" in open(os.path.join(folder, "config.json")).read()


results = {}
for folder in sys.argv[1:]:
    # rotary frequencies that change with the length: only a cache has earlier tokens with those of shorter rows
    sides = ("cached",) if has_long_factors(folder) else ("left", "right")
    both = [compare(folder, side) for side in sides]
    results[folder] = {"difference": max(d for d, _ in both), "largest": both[0][1]}
print(json.dumps(results))
