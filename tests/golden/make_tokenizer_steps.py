"""What Hugging Face tokenizers gives for 3,000 random strings a kind: normalisers, pre-tokenizers, added tokens and
models, one by one and together. Writes tokenizer_steps.json beside this file: the sections of each kind, and hashes
of the ids of every hundred strings, which are made again by tests/golden/_random_strings.ts.

    python3 tests/golden/make_tokenizer_steps.py            writes the file
    python3 tests/golden/make_tokenizer_steps.py ids KIND   prints the strings and ids of a kind, to look for a difference
    python3 tests/golden/make_tokenizer_steps.py rule NAME FOLDER
                                                            writes FOLDER/tokenizer.json with a whole table of
                                                            SentencePiece (nmt_nfkc, which T5 and XLM-R have), and
                                                            prints its hashes
"""

import base64
import json
import pathlib
import sys
import tempfile

import sentencepiece
from tokenizers import Tokenizer
from tokenizers import models as M
from tokenizers import pre_tokenizers as P
from tokenizers import trainers as T

COUNT = 3000
BLOCK = 100
HERE = pathlib.Path(__file__)

# what strings are made of; a number stands for a random character of the range with that index
FRAGMENTS = [
    "the", " the", "The boat", "don't", "DON'T", "I'll", "we've", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n ",
    "1", "23", "4567", "3.14", "-", "--", "_", "a-b", "a_b", "...", "!", "?!", "(", ")", "{}", "'", "''", "\"",
    "é", "e\u0301", "a\u0327\u0301", "ß", "İ", "ı", "Σ", "ς", "ﬁ", "Ⅳ", "½", "²", "①", "\u212b", "\u00c5",
    "你好", "世", "中国", "𠀀", "𠜎", "𫝆", "𫠝", "𮯠", "鿿", "㐀", "\uf900", "\U0002f800", "ー", "カ", "ｶﾞ", "が", "か\u3099",
    "안녕", "\u1112\u1161\u11ab", "สวัสดี", "नमस्ते", "क्षि", "مرحبا", "שלום", "👋", "👋🏽", "👨\u200d👩\u200d👧", "🇩🇪", "☃️",
    "\u00a0", "\u0085", "\u2028", "\u200b", "\u200d", "\ufeff", "\u3000", "\u00ad", "\u0000", "\u0007", "\u007f",
    "\ufffd", "\ue000", "▁", "▁▁", "##a", "<0x0A>", "<s>", "</s>", "<mask>", "mask", "<r>", "word", "swordfish", "Ġ", "Ċ",
    "～", "！", "＄", "$", "+", "<", "=", "^", "`", "|", "~", "@", "#", "%", "&", "*", "/", "\\", "http://a.b/c?d=e",
    "snake_case", "CamelCase", "ALLCAPS", "x1y2", "١٢٣", "४५", "ñ", "ü", "œ", "ſ", "\u212a", "\u2126", 0, 1, 2, 3, 4, 5, 0, 1, 2,
]
RANGES = [
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x3FF), (0x900, 0x97F), (0x4E00, 0x9FFF), (0x20000, 0x2A6DF),
]


class Numbers:
    """The random numbers of _random_strings.ts."""

    def __init__(self, seed):
        self.state = seed & 0xFFFFFFFF

    def below(self, n):
        self.state = (self.state + 0x9E3779B9) & 0xFFFFFFFF
        x = self.state
        x = ((x ^ (x >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
        x = ((x ^ (x >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
        return (x ^ (x >> 16)) % n


def random_strings(count):
    numbers = Numbers(29)
    result = []
    for _ in range(count):
        text = ""
        for _ in range(1 + numbers.below(12)):
            fragment = FRAGMENTS[numbers.below(len(FRAGMENTS))]
            if isinstance(fragment, int):
                low, high = RANGES[fragment]
                fragment = chr(low + numbers.below(high - low + 1))
            text += fragment
        result.append(text)
    return result


def hash_of(lists):
    """FNV-1a over the ids, four bytes each, and a mark after every string."""
    value = 0x811C9DC5
    for ids in lists:
        for number in [*ids, 0xFFFFFFFF]:
            for shift in (0, 8, 16, 24):
                value = ((value ^ ((number >> shift) & 0xFF)) * 0x01000193) & 0xFFFFFFFF
    return f"{value:08x}"


def hashes(tokenizer, texts):
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    return [hash_of(ids[at : at + BLOCK]) for at in range(0, len(ids), BLOCK)]


def train(model, trainer, pre_tokenizer=None):
    t = Tokenizer(model)
    if pre_tokenizer is not None:
        t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator([text for text in STRINGS[:400] if "\0" not in text], trainer)
    return json.loads(t.to_str())["model"]


STRINGS = random_strings(COUNT)
LATIN = sorted({c for text in STRINGS for c in text if ord(c) < 0x2000 or c in "▁世中国你好"})


def pieces_model():
    """A token for each character, another within a piece: ids show every cut."""
    vocab = {"[UNK]": 0}
    for character in LATIN[:700]:
        vocab[character] = len(vocab)
        vocab["##" + character] = len(vocab)
    return {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 1000, "vocab": vocab,
    }


def charsmap_of(**options):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "text.txt").write_text("\n".join(f"the boat {i} left" for i in range(200)))
        for name, content in options.pop("files", {}).items():
            (pathlib.Path(folder) / name).write_text(content)
        options = {key: value.replace("FOLDER", folder) for key, value in options.items()}
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text.txt", model_prefix=f"{folder}/m", vocab_size=30, hard_vocab_limit=False,
            minloglevel=2, **options,
        )
        from sentencepiece import sentencepiece_model_pb2 as pb

        model = pb.ModelProto()
        model.ParseFromString((pathlib.Path(folder) / "m.model").read_bytes())
        return base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()


def charsmap():
    """A small table of SentencePiece: what it replaces, some of it over several characters."""
    rules = {
        "ﬁ": "fi", "Ⅳ": "IV", "½": "1⁄2", "①": "1", "\u212b": "\u00c5", "e\u0301": "é", "～": "~", "！": "!", "\u3000": " ",
        "\u00a0": " ", "\t": " ", "\n": " ", "\u200b": " ", "\ufeff": "", "\u0085": " ", "\u00ad": "", "か\u3099": "が",
        "ｶﾞ": "ガ", "ｶ": "カ", "\u0007": "", "²": "2", "\u212a": "K", "\U0002f800": "丽", "\r": "", "İ": "i", "a\u0327": "ą",
    }
    lines = ["\t".join(" ".join(f"{ord(c):X}" for c in side) for side in rule) for rule in rules.items()]
    return charsmap_of(normalization_rule_tsv="FOLDER/rules.tsv", files={"rules.tsv": "\n".join(lines) + "\n"})


def bytes_of(model):
    """The same Unigram model with a token for each byte."""
    vocab = [*model["vocab"], *[[f"<0x{byte:02X}>", -30.0 - byte / 7] for byte in range(256)]]
    return {**model, "vocab": vocab, "byte_fallback": True}


def added(content, id, **options):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {**token, **options}


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+",
])
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def kinds():
    result = {}

    def kind(name, model, **sections):
        assert name not in result, name
        result[name] = {"model": model, **sections}

    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            mark = ", inverted" if invert else ""
            kind(f"Split {behavior}{mark}: a text", "pieces", pre_tokenizer=split("-", behavior, invert, "String"))
            kind(f"Split {behavior}{mark}: spaces", "pieces", pre_tokenizer=split(r"\s", behavior, invert))
            kind(f"Split {behavior}{mark}: words", "pieces", pre_tokenizer=split(r"\w+|[^\w\s]+", behavior, invert))
            kind(f"Split {behavior}{mark}: Llama 3", "bytes", pre_tokenizer=sequence(split(LLAMA3, behavior, invert), BYTES))
        kind(f"Punctuation {behavior}", "pieces", pre_tokenizer={"type": "Punctuation", "behavior": behavior})
    expressions = {
        "o200k": O200K, "cl100k": CL100K, "Qwen 2": QWEN2, "DeepSeek": DEEPSEEK, "GPT-2": GPT2,
        "lines": r"^\s*\S+$|\b\w", "classes": r"[[:alpha:]&&[^a-f]]+|[[:punct:]]|\h{2}|\p{Han}+|\p{^L}",
        "looking around": r"(?<=a)b|(?<!\w)th(?=e)|(?>a*)a|(?i)s(?-i)X?|x*?1|(?:ab){1,2}?", "empty": r"x*|",
    }
    for name, pattern in expressions.items():
        kind(f"pattern of {name}", "pieces", pre_tokenizer=split(pattern, "Isolated"))
        kind(f"pattern of {name}, removed", "pieces", pre_tokenizer=split(pattern, "Removed"))
    for name in ["BertPreTokenizer", "Whitespace", "WhitespaceSplit"]:
        kind(name, "pieces", pre_tokenizer={"type": name})
    for individual in [False, True]:
        kind(f"Digits, individual {individual}", "pieces", pre_tokenizer={"type": "Digits", "individual_digits": individual})
    kind("CharDelimiterSplit", "pieces", pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": "e"})
    kind("FixedLength", "pieces", pre_tokenizer={"type": "FixedLength", "length": 3})
    for scheme in ["always", "first", "never"]:
        for cuts in [False, True]:
            space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cuts}
            kind(f"Metaspace {scheme}, split {cuts}", "pieces", pre_tokenizer=space)
            kind(f"words, Metaspace {scheme}, split {cuts}", "pieces", pre_tokenizer=sequence({"type": "WhitespaceSplit"}, space))
    for lead in [False, True]:
        level = {"type": "ByteLevel", "add_prefix_space": lead, "trim_offsets": True, "use_regex": True}
        kind(f"ByteLevel, prefix space {lead}", "bytes", pre_tokenizer=level)
        kind(f"digits, ByteLevel, prefix space {lead}", "bytes", pre_tokenizer=sequence({"type": "Digits", "individual_digits": True}, level))
    falcon = sequence(
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]", "Isolated"),
    )
    kind("Falcon", "bytes", pre_tokenizer=falcon)
    kind("Falcon, marks", "pieces", pre_tokenizer=falcon)
    words = {"type": "WhitespaceSplit"}
    normalizers = {name: {"type": name} for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"]}
    normalizers |= {
        "Strip": {"type": "Strip", "strip_left": True, "strip_right": True},
        "Strip left": {"type": "Strip", "strip_left": True, "strip_right": False},
        "Prepend": {"type": "Prepend", "prepend": "▁"},
        "Replace a text": {"type": "Replace", "pattern": {"String": "a"}, "content": "bb"},
        "Replace spaces": {"type": "Replace", "pattern": {"Regex": r"\s{2,}|\."}, "content": " "},
        "Replace by nothing": {"type": "Replace", "pattern": {"Regex": r"[^\x00-\x7F]+"}, "content": ""},
        "Precompiled": {"type": "Precompiled", "precompiled_charsmap": charsmap()},
        "Unicode, accents, capitals": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
    }
    for clean in [False, True]:
        for chinese in [False, True]:
            for accents in [None, False, True]:
                for lower in [False, True]:
                    name = f"Bert, clean {clean}, Chinese {chinese}, accents {accents}, lower {lower}"
                    normalizers[name] = {
                        "type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese,
                        "strip_accents": accents, "lowercase": lower,
                    }
    for name, normalizer in normalizers.items():
        kind(f"normalizer {name}", "pieces", normalizer=normalizer, pre_tokenizer=words)
    kind("T5", "unigram", normalizer=normalizers["Precompiled"], pre_tokenizer=sequence(words, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}))
    kind("Unigram, byte fallback", "unigram bytes", pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False})
    kind("Unigram of whole texts", "unigram")
    kind("BPE with a prefix", "bpe prefix", pre_tokenizer=words)
    kind("BPE of whole texts, unknown ones", "bpe")
    kind("BPE of whole texts, unknown ones fused", "bpe fused")
    kind("BPE of whole texts, whole pieces first", "bpe whole", pre_tokenizer=words)
    for single in [False, True]:
        for left in [False, True]:
            for right in [False, True]:
                for normalized in [False, True]:
                    tokens = [
                        added(content, 5000 + i, single_word=single, lstrip=left, rstrip=right, normalized=normalized)
                        for i, content in enumerate(["<mask>", "word", "the", "\u00e9", "-", "Ca"])
                    ]
                    name = f"added tokens, word {single}, left {left}, right {right}, normalized {normalized}"
                    kind(name, "pieces", added_tokens=tokens, normalizer=normalizers["Unicode, accents, capitals"])
    return result


def models():
    no_merges = dict(show_progress=False, special_tokens=["<unk>", "<s>", "</s>"])
    unigram = train(M.Unigram(), T.UnigramTrainer(vocab_size=350, unk_token="<unk>", **no_merges), P.Metaspace())
    bpe = train(M.BPE(unk_token="<unk>"), T.BpeTrainer(vocab_size=600, limit_alphabet=300, **no_merges))
    prefixed = T.BpeTrainer(vocab_size=700, limit_alphabet=250, continuing_subword_prefix="##", **no_merges)
    alphabet = P.ByteLevel.alphabet()
    return {
        "pieces": pieces_model(),
        "bytes": train(M.BPE(), T.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, **no_merges), P.ByteLevel(False, use_regex=False)),
        "unigram": unigram,
        "unigram bytes": bytes_of(unigram),
        "bpe": bpe,
        "bpe fused": {**bpe, "fuse_unk": True},
        "bpe whole": {**bpe, "ignore_merges": True},
        "bpe prefix": train(M.BPE(unk_token="<unk>", continuing_subword_prefix="##"), prefixed, P.WhitespaceSplit()),
    }


def whole(kind, all_models):
    sections = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return {**sections, **kind, "model": all_models[kind["model"]]}


if __name__ == "__main__" and sys.argv[1:2] == ["rule"]:
    kind = {
        "model": "pieces", "pre_tokenizer": {"type": "WhitespaceSplit"},
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap_of(normalization_rule_name=sys.argv[2])},
    }
    file = pathlib.Path(sys.argv[3]) / "tokenizer.json"
    file.write_text(json.dumps(whole(kind, {"pieces": pieces_model()})))
    print("".join(hashes(Tokenizer.from_file(str(file)), STRINGS)))
elif __name__ == "__main__":
    path = HERE.with_name("tokenizer_steps.json")
    if sys.argv[1:2] == ["ids"]:
        saved = json.loads(path.read_text())
        tokenizer = Tokenizer.from_str(json.dumps(whole(saved["kinds"][sys.argv[2]]["sections"], saved["models"])))
        for text in STRINGS:
            print(json.dumps([text, tokenizer.encode(text, add_special_tokens=False).ids]))
        sys.exit()
    all_models = models()
    saved = {"fragments": FRAGMENTS, "ranges": RANGES, "models": all_models, "kinds": {}}
    for name, sections in kinds().items():
        tokenizer = Tokenizer.from_str(json.dumps(whole(sections, all_models)))
        if "added_tokens" in sections:
            sections["added_tokens"] = json.loads(tokenizer.to_str())["added_tokens"]
        saved["kinds"][name] = {"sections": sections, "hashes": "".join(hashes(tokenizer, STRINGS))}
    path.write_text(json.dumps(saved, ensure_ascii=True, separators=(",", ":")).replace('"kinds":', '\n"kinds":') + "\n")
    print(len(saved["kinds"]), "kinds,", path.stat().st_size, "bytes")
