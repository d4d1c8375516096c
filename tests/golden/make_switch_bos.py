"""Writes switch_bos.json: ids of Hugging Face's tokenizers with a BOS in front, without, and as the file says.

    python3 tests/golden/make_switch_bos.py           # needs tokenizer_kinds.json
    python3 tests/golden/make_switch_bos.py --check FOLDER   # FOLDER/NAME/{on,off}: files that denotune saved

The first token of each text is put in front by the library's own TemplateProcessing.
"""
import argparse, json, os, pathlib
from tokenizers import Tokenizer
from tokenizers.processors import Sequence, TemplateProcessing

HERE = pathlib.Path(__file__).parent
KINDS = ["byte-level BPE, split by a pattern, NFC", "byte-level BPE with a space in front", "byte-level BPE after digits",
         "SentencePiece BPE with bytes", "Unigram, space always in front"]
TEXTS = ["", "The boat", "  the  crew\n\n slept.\t", "Grüße 你好", "a <s> b"]
kinds = {one["name"]: one["tokenizer"] for one in json.load(open(HERE / "tokenizer_kinds.json"))}

def ids(tokenizer, text, special):
    return tokenizer.encode(text, add_special_tokens=special).ids

records = []
for name in KINDS:
    file = kinds[name]
    own = Tokenizer.from_str(json.dumps(file))
    bos = own.token_to_id("<s>")
    plain = lambda text: ids(own, text, False)
    first = ids(own, "The boat", True)[:1]
    adds = bool(first) and first != plain("The boat")[:1] and first[0] == bos
    on = Tokenizer.from_str(json.dumps({**file, "post_processor": None}))
    on.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", bos)])
    cases = []
    for text in TEXTS:
        with_bos = ids(on, text, True)
        cases.append({"text": text, "ids": {"on": with_bos, "off": plain(text), "as it is": with_bos if adds else plain(text)}})
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    records.append({"name": name, "tokenizer": file, "config": config, "adds": adds, "cases": cases})

parser = argparse.ArgumentParser()
parser.add_argument("--check")
folder = parser.parse_args().check
if folder is None:
    json.dump(records, open(HERE / "switch_bos.json", "w"), ensure_ascii=False, separators=(",", ":"))
else:
    from transformers import AutoTokenizer
    for i, record in enumerate(records):
        for key in ["on", "off"]:
            at = os.path.join(folder, str(i), key)
            fast, auto = Tokenizer.from_file(os.path.join(at, "tokenizer.json")), AutoTokenizer.from_pretrained(at)
            for case in record["cases"]:
                ends = 1 if "RobertaProcessing" in json.dumps(record["tokenizer"]["post_processor"]) and key == "on" else 0
                for found in (ids(fast, case["text"], True), auto(case["text"])["input_ids"]):
                    assert found[:len(found) - ends] == case["ids"][key], (record["name"], key, case, found)
        print("equal:", record["name"])
