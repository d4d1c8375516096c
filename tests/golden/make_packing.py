"""Writes packing.json: into how many rows TRL packs examples of given lengths with its strategy `bfd`.

    python3 tests/golden/make_packing.py

All lengths of a set are packed at once: TRL's own default packs batches of 1000, and is never better.
"""

import json

import _witness  # offline, one thread, quiet
import datasets
import numpy
import trl
from trl.data_utils import pack_dataset


def sets():
    random = numpy.random.default_rng(7)
    yield "like instructions", 1024, numpy.clip(8 + numpy.exp(4.5 + random.normal(size=1500)), 1, 1024)
    yield "any length", 512, random.integers(1, 513, 1500)
    yield "mostly long", 256, 257 - numpy.clip(numpy.exp(2.5 + random.normal(size=1500)), 1, 256)
    yield "short and long", 128, numpy.where(random.random(1500) < 0.5, random.integers(1, 12, 1500), random.integers(90, 129, 1500))
    yield "thirds", 300, random.integers(95, 106, 1500)
    yield "just above half", 100, random.integers(51, 60, 300)
    yield "tiny", 2048, random.integers(1, 9, 1500)


def main():
    datasets.disable_progress_bars()
    out = []
    for name, capacity, lengths in sets():
        lengths = [int(length) for length in lengths]
        rows = datasets.Dataset.from_dict({"input_ids": [[0] * length for length in lengths]})
        packed = pack_dataset(rows, capacity, "bfd", {"batch_size": len(lengths)})
        out.append({"name": name, "capacity": capacity, "lengths": lengths, "trl_rows": len(packed)})
        print(name, len(packed), sum(lengths) / capacity)
    body = ",\n".join(json.dumps(one, separators=(",", ":")) for one in out)
    (_witness.GOLDEN / "packing.json").write_text(f'{{"trl": "{trl.__version__}", "sets": [\n{body}\n]}}\n')


if __name__ == "__main__":
    main()
