"""Makes seeds.json: what the Python functions of the seed documents give for rows drawn here.

    python3 tests/seeds/make_seeds.py ../shared/seeds ../shared/data/tokenizers/gpt2

The documents are read where they are: the functions and classes of their code blocks are compiled and called as they
stand, only what would ask a model answers from a table. Needs torch and transformers.
"""

import ast
import glob
import json
import os
import random
import re
import sys

from transformers import AutoTokenizer

SEEDS, TOKENIZER = sys.argv[1:3]
WORDS = {
    "en": "explain the state of a small model that learns to answer, why it works and what fails: 42 % of it".split(),
    "ru": "объясни коротко почему модель учится отвечать и что для этого нужно, да".split(),
    "zh": "请 解释 模型 为什么 能够 学习 回答 问题 。".split(),
    "fr": "où déjà été très naïve façon l'élève n'a pas 👍 ü".split(),
}
draw = random.Random(1104)


def definitions(seed, *names):
    """The named functions and classes of a document, with its imports, in a module of their own."""
    [path] = glob.glob(os.path.join(SEEDS, seed + "_*.txt"))
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    module = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        tree = ast.parse(block)
        kept = [node for node in tree.body
                if isinstance(node, (ast.Import, ast.ImportFrom))
                and getattr(node, "module", "") not in ("datasets", "trl", "peft")
                and all(alias.name != "AdamW" for alias in node.names)
                or isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names]
        exec(compile(ast.Module(kept, []), path, "exec"), module)
    missing = [name for name in names if name not in module]
    assert not missing, missing
    return module


def sentence(most, least=1):
    words = draw.choices(WORDS[draw.choice(list(WORDS))], k=draw.randint(least, most))
    return draw.choice([" ", " ", " ", "  ", "\n"]).join(words)


def ids_of(tokens):
    return [int(t) for t in tokens]


def labelled(item):
    """Ids without padding, and how many of them carry no label in front."""
    ids, mask, labels = (item[k].reshape(-1).tolist() for k in ("input_ids", "attention_mask", "labels"))
    length = sum(mask)
    masked = next((i for i, label in enumerate(labels) if label != -100), length)
    assert all(label == i for label, i in zip(labels[masked:length], ids[masked:length]))
    return {"ids": ids[:length], "masked": masked}


def seed_000(tokenizer):
    m = definitions("000", "preprocess_qa_pairs", "preprocess_chat_data", "ProperSFTPipeline")
    qa = [{"question": sentence(9), "answer": sentence(20)} for _ in range(30)]
    chats = []
    for _ in range(30):
        roles = ["system"] * draw.randint(0, 1) + ["user"] * draw.randint(1, 3) + ["assistant"]
        chats.append({"messages": [{"role": r, "content": sentence(9)} for r in roles]})
    pipeline = m["ProperSFTPipeline"].__new__(m["ProperSFTPipeline"])
    pipeline.tokenizer = tokenizer
    template = "Q: {question}\nA:"
    return {
        "qa": qa,
        "chats": chats,
        "template": template,
        "qa_pairs": m["preprocess_qa_pairs"](qa),
        "qa_templated": m["preprocess_qa_pairs"](qa, prompt_template=template),
        "chat_pairs": m["preprocess_chat_data"](chats),
        "tokens": [labelled(item) for item in pipeline.tokenize_data(m["preprocess_qa_pairs"](qa) + m["preprocess_chat_data"](chats))],
    }


def seed_001(tokenizer):
    names = ["InstructionExample", "ChatMessage", "ChatDataset", "SupervisedFineTuningDataset", "DataQualityAnalyzer",
             "SFTEvaluator", "detect_format_overfitting"]
    m = definitions("001", *names)
    example = m["InstructionExample"]
    rows = [{"instruction": sentence(8), "input": draw.choice([None, "", sentence(6)]), "output": sentence(20)} for _ in range(30)]
    rows += [{"instruction": "Write a short poem about " + word, "input": None, "output": "Of course! Here is a poem: " + word}
             for word in WORDS["en"][:9]] + [dict(rows[0])]
    examples = [example(**row) for row in rows]
    dataset = m["SupervisedFineTuningDataset"](examples, tokenizer, 512)
    chats = []
    for _ in range(20):
        turns = [("system", sentence(6))] * draw.randint(0, 1)
        for _ in range(draw.randint(1, 3)):
            turns += [("user", sentence(6)), ("assistant", sentence(6))]
        chats.append(turns)
    analyzer = m["DataQualityAnalyzer"](examples)
    responses = []
    for row in rows:
        kind = draw.random()
        responses.append(draw.choice(["", "### Instruction:\nagain", "   "]) if kind < 0.2
                         else sentence(30) if kind < 0.5 else row["instruction"].upper() + " " + sentence(5, 0))
    evaluator = m["SFTEvaluator"](None, tokenizer)
    table = iter(responses)
    evaluator._generate_response = lambda prompt: next(table).strip()
    # what each response is worth, and all together; the document divides by zero without keywords
    numbers = evaluator.evaluate_instruction_following(examples)
    stripped = [r.strip() for r in responses]
    assess = [[evaluator._assess_completion(e, r), evaluator._assess_format(e, r)] for e, r in zip(examples, stripped)]
    prompts = [sentence(6) for _ in range(40)]
    answers = {}
    for prompt in prompts:
        formatted = f"### Instruction:\n{prompt}\n\n### Response:\n"
        answers[formatted] = sentence(draw.choice([3, 30]))
        answers[prompt] = sentence(12) + draw.choice(["", "", "\n\n### Response:\n"])
    m["generate_response"] = lambda model, tokenizer, prompt: answers[prompt]
    return {
        "rows": rows,
        "texts": [e.format_for_training() for e in examples],
        "tokens": [labelled(dataset[i]) for i in range(len(dataset))],
        "chats": [[{"role": r, "content": c} for r, c in turns] for turns in chats],
        "chat_texts": [m["ChatDataset"].format_conversation([m["ChatMessage"](*turn) for turn in turns]) for turns in chats],
        "lengths": analyzer.analyze_length_distribution(),
        "repetitive": analyzer.detect_repetitive_patterns(),
        "diversity": analyzer.diversity_score(),
        "responses": responses,
        "following": numbers,
        "assess": assess,
        "prompts": prompts,
        "answers": answers,
        "overfitting": m["detect_format_overfitting"](None, None, prompts)["overfitting_indicators"],
    }


def seed_002(tokenizer):
    m = definitions("002", "DataCollatorForSupervisedDataset", "preprocess")
    rows = [{"prompt": sentence(9) + draw.choice(["", " ", "\n"]), "response": sentence(14)} for _ in range(40)]
    instances = [m["preprocess"](row, tokenizer) for row in rows]
    # the document knows padding by its id; here padding has an id that no text has
    class Padding:
        pad_token_id = len(tokenizer)
    batches = []
    for at in range(0, len(rows), 8):
        batch = m["DataCollatorForSupervisedDataset"](Padding)(instances[at:at + 8])
        batches.append({k: v.long().tolist() for k, v in batch.items()})
    return {"rows": rows, "pad": Padding.pad_token_id, "batches": batches}


def seed_004(tokenizer):
    m = definitions("004", "formatting_func", "DataCollatorWithPromptMask")
    rows = [{"instruction": sentence(8), "output": [sentence(10) for _ in range(draw.randint(1, 3))]} for _ in range(40)]
    features = [m["formatting_func"](row) for row in rows]
    collator = m["DataCollatorWithPromptMask"](tokenizer, 256)
    batch = collator(features)
    items = [{k: batch[k][i] for k in ("input_ids", "attention_mask", "labels")} for i in range(len(rows))]
    return {"rows": rows, "features": features, "tokens": [labelled(item) for item in items]}


def main():
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    tokenizer.pad_token = tokenizer.eos_token
    made = {name: globals()["seed_" + name](tokenizer) for name in ("000", "001", "002", "004")}
    with open(os.path.join(os.path.dirname(__file__), "seeds.json"), "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False)
        file.write("\n")


main()
