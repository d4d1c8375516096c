"""Random regular expressions and texts, and what Python's `re` and Oniguruma (in Hugging Face tokenizers) find in
them: writes regular_expressions.json beside this file.

    python3 tests/golden/make_regular_expressions.py

PEFT reads `target_modules` with `re.fullmatch`; tokenizer files are read with Oniguruma.
"""

import json
import pathlib
import random
import re
import warnings

from tokenizers import Regex
from tokenizers import pre_tokenizers as P

warnings.simplefilter("ignore")
random.seed(29)
ATOMS = ["a", "b", "1", " ", "\\.", "_", "é", "A", "\\d", "\\w", "\\s", "\\S", "\\W", ".", "[ab]", "[^a1]", "[a-c_]", "\\n", "[\\w.]", "[-a]", "[\\s\\d]"]
ENDS = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "*?", "+?", "??", "{1,3}?", "*+", "++"]
LOOKS = ["(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)"]
ALPHABET = ["a", "b", "c", "1", "2", " ", ".", "_", "é", "A", "B", "\n", "-", "ab", "a1"]
NAMES = ["model.layers.0.self_attn.q_proj", "model.layers.11.mlp.up_proj", "lm_head", "transformer.h.3.attn.c_attn", "model.layers.2.self_attn.v_proj"]
FILTERS = [
    r".*\.(q|v)_proj", r"model\.layers\.\d+\.self_attn\.[qv]_proj", r".*(attn|mlp).*", r"(?!lm_head).*", r".*layers\.(1[0-9]|2)\..*proj$",
    r"^model\.layers\.(0|2)\.(?:self_attn|mlp)\.\w+$", r"lm_head|.*c_attn", r".*\.(?P<part>up|down)_proj", r".*_proj\Z", r"(?i)MODEL.*Q_PROJ", r"(?s).*",
]


def expression(depth):
    parts = []
    for _ in range(random.randint(1, 3)):
        roll = random.random()
        if depth > 0 and roll < 0.2:
            group = random.choice(["(%s)", "(?:%s)", "(?i:%s)", "(?>%s)"]) % expression(depth - 1)
            # how often a group that may be empty is empty within {2,} is Oniguruma's own matter
            parts.append(group + random.choice([end for end in ENDS if not end.startswith("{2")]))
        elif roll < 0.3:
            parts.append(random.choice(LOOKS) % random.choice(ATOMS))
        elif roll < 0.36:
            parts.append(random.choice(["^", "$", "\\b", "\\B"]))
        else:
            parts.append(random.choice(ATOMS) + random.choice(ENDS))
    joined = "".join(parts)
    return joined if depth == 0 or random.random() < 0.7 else f"{joined}|{expression(depth - 1)}"


def text():
    return "".join(random.choice(ALPHABET) for _ in range(random.randint(0, 10)))


def python(pattern, value):
    return bool(re.compile(pattern).fullmatch(value))


def oniguruma(pattern, value):
    """Offsets (code points) of the non-empty matches."""
    kept = P.Split(Regex(pattern), "removed").pre_tokenize_str(value)
    return [list(offsets) for _, offsets in kept]


cases = []
while len(cases) < 1200:
    dialect = random.choice(["python", "oniguruma"])
    pattern, value = expression(2), text()
    # {n,m}+ and {n}? mean other things to each; Python's classes do not nest
    if dialect == "oniguruma" and re.search(r"\}\?", pattern) is not None and re.search(r"\{\d\}\?", pattern):
        continue
    try:
        found = (python if dialect == "python" else oniguruma)(pattern, value)
    except Exception:
        continue
    cases.append([dialect, pattern, value, found])
for pattern in FILTERS:
    cases += [["python", pattern, name, python(pattern, name)] for name in NAMES]
random.shuffle(cases)
path = pathlib.Path(__file__).with_name("regular_expressions.json")
path.write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
print(len(cases), path.stat().st_size, sum(1 for c in cases if c[3] is True), sum(1 for c in cases if c[0] == "oniguruma"))
