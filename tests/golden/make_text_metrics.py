"""Makes text_metrics.json: ROUGE, BLEU and chrF of 500 pairs in four scripts, and stems of words.

    pip install rouge_score==0.1.2 sacrebleu==2.6.0
    python3 tests/golden/make_text_metrics.py

The pairs are drawn here: sentences of words of four scripts, and what a model may have made of them.
"""

import json
import os
import random

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

WORDS = {
    "latin": """the of running quickly nations relational hopefulness geology argued flies dying 3.14 1,000 state-of-the-art
        "quoted" (aside) e.g. naïve Zürich İstanbul & it's don't end. 10-20 <tag> &amp; caresses ponies agreed plastered
        conflated hopping falling filing happy enjoyment spy adoption generalizations controlling roll probate cease""".split(),
    "cyrillic": "быстрая коричневая лиса прыгает через ленивую собаку в 2024 году, «да» — нет; Москва. и э́то ёлка".split(),
    "han": "我们 今天 去 北京 天安门 看 日出 。 你好 ， 世界 ！ 3.5 公里 GPT 模型 是 什么 ？ 𠀀 ＡＢＣ （ 注 ）".split(),
    "arabic": "السلام عليكم مرحبا بالعالم في 2024 مدينة كبيرة، جميلة! نعم؛ لا؟ الكتاب على الطاولة".split(),
}
SPACES = [" ", " ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u3000"]


def sentence(draw, script):
    joined = "" if script == "han" and draw.random() < 0.5 else None
    text = ""
    for word in draw.choices(WORDS[script], k=draw.randint(0, 24)):
        text += word + (joined if joined is not None else draw.choice(SPACES))
    return text if draw.random() < 0.3 else text.strip()


def answer(draw, target, script):
    kind = draw.random()
    if kind < 0.08:
        return target
    if kind < 0.16:
        return sentence(draw, script)
    if kind < 0.2:
        return draw.choice(["", " ", ".", "-\n", "a", "<skipped>", "👍🏽 ok", "a.b,c 1.5-2"])
    words = target.split(" ")
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(words) + 1)
        act = draw.random()
        if act < 0.4:
            words.insert(at, draw.choice(WORDS[draw.choice(list(WORDS)) if draw.random() < 0.1 else script]))
        elif act < 0.7 and words:
            words.pop(min(at, len(words) - 1))
        elif words:
            i, j = draw.randrange(len(words)), draw.randrange(len(words))
            words[i], words[j] = words[j], words[i]
    text = " ".join(words)
    return text.upper() if draw.random() < 0.05 else text


def main():
    draw = random.Random(11)
    pairs = []
    for script in WORDS:
        for _ in range(125):
            target = sentence(draw, script)
            pairs.append((target, answer(draw, target, script)))
    draw.shuffle(pairs)
    types = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorers = [rouge_scorer.RougeScorer(types, use_stemmer=s) for s in (False, True)]
    bleus = [(tok, lower, BLEU(tokenize=tok, lowercase=lower, effective_order=True), BLEU(tokenize=tok, lowercase=lower))
             for tok, lower in [("13a", False), ("13a", True), ("zh", False), ("char", False), ("intl", False), ("none", False)]]
    chrfs = [(c, w, b, lower, CHRF(char_order=c, word_order=w, beta=b, lowercase=lower))
             for c, w, b, lower in [(6, 0, 2, False), (6, 2, 2, False), (4, 1, 1, True)]]
    cases = []
    for target, prediction in pairs:
        rouge = []
        for scorer in scorers:
            found = scorer.score(target, prediction)
            rouge.append([[found[t].precision, found[t].recall, found[t].fmeasure] for t in types])
        cases.append({
            "target": target,
            "prediction": prediction,
            "rouge": rouge,
            "bleu": [sentence.sentence_score(prediction, [target]).score for _, _, sentence, _ in bleus],
            "chrf": [metric.sentence_score(prediction, [target]).score for *_, metric in chrfs],
        })
    targets, predictions = [t for t, _ in pairs], [p for _, p in pairs]
    words = sorted({w.lower() for w in WORDS["latin"] if w.isascii() and w.isalpha()}
                   | {"".join(draw.choices(["b", "c", "a", "e", "y", "o", "l", "s", "t"], k=draw.randint(1, 5)))
                      + draw.choice("s ies sses ed eed ing ied y ational bli alli fulli logi ement ion ness e ll ization".split())
                      for _ in range(600)} | {"skies", "dying", "news", "innings", "proceed", "geologi", "alli", "radicalli"})
    draw.shuffle(words)
    stemmer = PorterStemmer()
    golden = {
        "bleu_options": [[tok, lower] for tok, lower, *_ in bleus],
        "chrf_options": [list(options) for *options, _ in chrfs],
        "corpus": {
            "bleu": [corpus.corpus_score(predictions, [targets]).score for *_, corpus in bleus],
            "chrf": [metric.corpus_score(predictions, [targets]).score for *_, metric in chrfs],
        },
        "cases": cases,
        "stems": [[w, stemmer.stem(w)] for w in words],
    }
    path = os.path.join(os.path.dirname(__file__), "text_metrics.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False)
        file.write("\n")


main()
