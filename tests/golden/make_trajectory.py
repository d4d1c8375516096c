"""Twenty steps of AdamW on stories260k in float32, by the torch that is installed: trajectory.json.

    python3 tests/golden/make_trajectory.py [--data FOLDER]

`golden/stories260k_training.json` of the test data has the same run by torch 1.13. The two differ by up to
5.6e-4 in a loss, because one of 260,032 first gradients is -1.6e-7 in exact arithmetic and has the other sign
after float32's rounding: AdamW's first step is the sign. `float64` shows which run is which.
"""

import argparse
import json

from _witness import GOLDEN, add_data_argument
import torch
from transformers import AutoModelForCausalLM


def follow(folder, golden, dtype):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    record = {"losses": [], "grad_norms": []}
    for step in range(20):
        batch = {key: torch.tensor(value) for key, value in golden["batches"][step % 4].items()}
        loss = model(**batch).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), float("inf"))
        record["losses"].append(loss.item())
        record["grad_norms"].append(norm.item())
        optimizer.step()
        optimizer.zero_grad()
    return record


def main():
    parser = argparse.ArgumentParser()
    add_data_argument(parser)
    data = parser.parse_args().data
    golden = json.loads((data / "golden" / "stories260k_training.json").read_text())
    record = {
        name: follow(data / "models" / "stories260k", golden, dtype)
        for name, dtype in (("float32", torch.float32), ("float64", torch.float64))
    }
    (GOLDEN / "trajectory.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
