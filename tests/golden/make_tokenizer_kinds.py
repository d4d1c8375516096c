"""Small tokenizers of every kind, trained on a few sentences, and what Hugging Face tokenizers gives for
texts that are hard to trace: writes tokenizer_kinds.json beside this file.

    python3 tests/golden/make_tokenizer_kinds.py

Offsets are not kept: where a tokenizer puts in or joins characters, ours say more than its own do.
"""

import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers import decoders as D
from tokenizers import models as M
from tokenizers import normalizers as N
from tokenizers import pre_tokenizers as P
from tokenizers import processors as PP
from tokenizers import trainers as T

CORPUS = [
    "The small boat left the harbour at dawn, and the crew slept.",
    "Don't count 1234 gulls; count 56 waves instead.",
    "Grüße aus Köln! Ça va? Ωμέγα ΣΟΦΟΣ é 你好 안녕 ﬁne Ⅳ",
    "def f(x):\n    return x + 1\n",
] * 4
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = P.ByteLevel.alphabet()
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

TEXTS = [
    "",
    " ",
    "The boat",
    "  the  crew\n\n slept.\t",
    "Don't count 1234 gulls",
    "e\u0301a\u0300 Köln",
    "ΣΟΦΟΣ, Σ",
    "ﬁne Ⅳ ～ ½",
    "你好👋🏽👨\u200d👩",
    "안녕 \u1112\u1161\u11ab",
    "<s>the</s> <mask> boat<r>  x",
    "\ufeffthe\u00a0boat\u0085 \u3000x",
    "▁the <0x0A>##a",
    "İSTANBUL ß",
    "a\u0301\u0327b",
    "\r\n\x00\x7f",
]


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def bpe(size, **options):
    return T.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False, **options)


def llama3():
    t = Tokenizer(M.BPE(ignore_merges=True))
    t.normalizer = N.NFC()
    split = P.Split(Regex(LLAMA3), "isolated")
    t.pre_tokenizer = P.Sequence([split, P.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = D.ByteLevel()
    train(t, bpe(330, initial_alphabet=BYTES))
    t.post_processor = PP.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    t.add_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("<r>", rstrip=True, normalized=False)])
    return t


def prefix_space():
    t = Tokenizer(M.BPE())
    t.pre_tokenizer = P.ByteLevel(add_prefix_space=True)
    t.decoder = D.ByteLevel()
    train(t, bpe(320, initial_alphabet=BYTES))
    t.post_processor = PP.RobertaProcessing(("</s>", 2), ("<s>", 1))
    return t


def digits():
    t = Tokenizer(M.BPE())
    t.pre_tokenizer = P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)])
    t.decoder = D.ByteLevel()
    return train(t, bpe(320, initial_alphabet=BYTES))


def unigram(scheme):
    t = Tokenizer(M.Unigram())
    t.normalizer = N.Sequence([N.NFKC(), N.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = P.Metaspace(prepend_scheme=scheme)
    t.decoder = D.Metaspace(prepend_scheme=scheme)
    trainer = T.UnigramTrainer(vocab_size=90, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    return train(t, trainer)


def words_unigram():
    t = Tokenizer(M.Unigram())
    t.pre_tokenizer = P.Sequence([P.WhitespaceSplit(), P.Metaspace()])
    t.decoder = D.Metaspace()
    trainer = T.UnigramTrainer(vocab_size=90, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    return train(t, trainer)


def wordpiece():
    t = Tokenizer(M.WordPiece(unk_token="[UNK]"))
    t.normalizer = N.BertNormalizer(lowercase=True)
    t.pre_tokenizer = P.BertPreTokenizer()
    t.decoder = D.WordPiece()
    trainer = T.WordPieceTrainer(vocab_size=150, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False)
    train(t, trainer)
    t.post_processor = PP.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return t


def wordlevel():
    t = Tokenizer(M.WordLevel(unk_token="<unk>"))
    t.normalizer = N.Lowercase()
    t.pre_tokenizer = P.Whitespace()
    return train(t, T.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))


def word_ends():
    t = Tokenizer(M.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()])
    t.pre_tokenizer = P.BertPreTokenizer()
    t.decoder = D.BPEDecoder("</w>")
    return train(t, bpe(150, end_of_word_suffix="</w>"))


def sentencepiece(byte_fallback, normalizer):
    """As Llama 2 and Gemma are converted: no pre-tokenizer, spaces as ▁, bytes for what is unknown."""
    t = Tokenizer(M.BPE(unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=True))
    t.normalizer = normalizer
    # trained on words, so that no merge goes over a space
    t.pre_tokenizer = P.Metaspace()
    named = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    train(t, T.BpeTrainer(vocab_size=len(named) + 110, special_tokens=SPECIAL + named, show_progress=False))
    state = json.loads(t.to_str())
    state["pre_tokenizer"] = None
    state["added_tokens"] = [a for a in state["added_tokens"] if a["content"] in SPECIAL]
    t = Tokenizer.from_str(json.dumps(state))
    t.decoder = D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])
    return t


LLAMA2 = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
KINDS = {
    "byte-level BPE, split by a pattern, NFC": llama3(),
    "byte-level BPE with a space in front": prefix_space(),
    "byte-level BPE after digits": digits(),
    "Unigram, space always in front": unigram("always"),
    "Unigram, space in front of the first": unigram("first"),
    "Unigram, no space in front": unigram("never"),
    "Unigram by words": words_unigram(),
    "WordPiece": wordpiece(),
    "WordLevel": wordlevel(),
    "BPE with word ends": word_ends(),
    "SentencePiece BPE with bytes": sentencepiece(True, LLAMA2),
    "SentencePiece BPE without a space in front": sentencepiece(True, N.Replace(" ", "▁")),
    "SentencePiece BPE with unknown tokens": sentencepiece(False, LLAMA2),
}

result = []
for name, tokenizer in KINDS.items():
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)})
    with_special = tokenizer.encode("The boat", add_special_tokens=True).ids
    state = json.loads(tokenizer.to_str())
    result.append({"name": name, "tokenizer": state, "with_special": with_special, "cases": cases})

path = pathlib.Path(__file__).with_name("tokenizer_kinds.json")
path.write_text(json.dumps(result, ensure_ascii=True, separators=(",", ":")) + "\n")
