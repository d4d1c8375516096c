"""The work of prepare_data.ts with Hugging Face `datasets` and `tokenizers`: the same rows, the same template,
ids and a mask of the answer by character offset.

    python tests/bench/prepare_data.py FILE TOKENIZER_FOLDER [num_proc]

The batch goes to `encode_batch`, which spreads it over all cores by itself (num_proc 0: no processes, the way
that is fastest on few cores); num_proc > 0 uses processes of `datasets` with one thread each.
"""

import json
import os
import resource
import sys
import tempfile
import time

path, folder = sys.argv[1:3]
processes = int(sys.argv[3]) if len(sys.argv) > 3 else 0
os.environ["TOKENIZERS_PARALLELISM"] = "false" if processes else "true"

import datasets  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

datasets.disable_progress_bars()
tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
END = "<|endoftext|>"


def prepare(batch):
    texts, starts = [], []
    for instruction, given, output in zip(batch["instruction"], batch["input"], batch["output"]):
        prompt = "### Instruction:\n" + instruction
        if given:
            prompt += "\n\n### Input:\n" + given
        prompt += "\n\n### Response:\n"
        starts.append(len(prompt))
        texts.append(prompt + output + END)
    ids, weights = [], []
    for encoding, start in zip(tokenizer.encode_batch(texts), starts):
        ids.append(encoding.ids[:1024])
        weights.append([int(a >= start) for a, _ in encoding.offsets[:1024]])
    return {"input_ids": ids, "weights": weights}


def peak_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1000 for line in status if line.startswith("VmHWM"))


with tempfile.TemporaryDirectory() as cache:
    began = time.perf_counter()
    rows = datasets.load_dataset("json", data_files=path, split="train", cache_dir=cache)
    done = rows.map(
        prepare,
        batched=True,
        remove_columns=rows.column_names,
        num_proc=processes or None,
        load_from_cache_file=False,
    )
    seconds = time.perf_counter() - began
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(use.ru_utime + use.ru_stime for use in uses)
    tokens = sum(len(ids) for batch in done.iter(10_000) for ids in batch["input_ids"])
    print(
        json.dumps(
            {
                "num_proc": processes,
                "rows": len(done),
                "tokens": tokens,
                "seconds": round(seconds, 2),
                "rowsPerSecond": round(len(done) / seconds),
                "tokensPerSecond": round(tokens / seconds),
                "cpuSeconds": round(cpu, 2),
                "peakMB": peak_mb(),
            }
        )
    )
