"""Writes masks/data/NAME.json: what TRL's SFTTrainer trains in each row of the test data.

    python3 tests/golden/make_data_masks.py [--data FOLDER] [NAME ...]

`completion_only_loss` on prompts and completions, `assistant_only_loss` on conversations, on ids of one
tokenisation. Only numbers come out: of each row the count of its tokens, a hash of its ids, and the stretches
[from, to) of tokens that have a label. A template that TRL cannot train with is written with its error.
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile

import _witness  # offline, one thread, quiet
import datasets
import trl
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig

from witness_masks import Preparation, Prepared

MOST = 300  # rows of a file
TOOLS = 60  # rows with tools, which are prepared one by one: a table would give them each other's keys
ROLES = {"human": "user", "gpt": "assistant"}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def alpaca(data):
    """The recipe that the Alpaca rows came with, without its preamble."""
    for row in json.loads((data / "instruct/alpaca_999.json").read_text())[:MOST]:
        given = f"\n\n### Input:\n{row['input']}" if row["input"] else ""
        yield {
            "prompt": f"### Instruction:\n{row['instruction']}{given}\n\n### Response:\n",
            "completion": row["output"],
        }


def prompts(data):
    return lines(data / "instruct/prompt_completion_200.jsonl")[:MOST]


def sharegpt(data):
    for row in json.loads((data / "instruct/sharegpt_500.json").read_text())[:MOST]:
        yield {"messages": [{"role": ROLES[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]}


def tools(data):
    """Conversations with tools; each call's arguments as the object that they are the JSON of."""
    for row in json.loads((data / "instruct/sharegpt_tools_300.json").read_text())[:TOOLS]:
        messages = []
        for turn in row["conversations"]:
            if turn["from"] == "function_call":
                call = json.loads(turn["value"])
                messages.append({
                    "role": "assistant", "content": "",
                    "tool_calls": [{"type": "function", "function": call}],
                })
            else:
                role = {"observation": "tool", **ROLES}[turn["from"]]
                messages.append({"role": role, "content": turn["value"]})
        given = json.loads(row["tools"]) if row["tools"] else []
        yield {"messages": messages, **({"tools": json.dumps(given)} if given else {})}


def unlike(row):
    """Whether calls of a row have arguments of different names: a table writes null for those that one lacks."""
    calls = [call["function"]["arguments"] for turn in row["messages"] for call in turn.get("tool_calls", [])]
    return len({tuple(sorted(call)) for call in calls}) > 1


def parts(data):
    for row in lines(data / "instruct/messages_parts_500.jsonl")[:MOST]:
        yield {
            "messages": [
                {"role": turn["role"], "content": "".join(part["value"] for part in turn["content"])}
                for turn in row["messages"]
            ]
        }


def dialogues(data):
    for row in lines(data / "parquet/dialogues_525.jsonl")[:MOST]:
        yield {"messages": [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]}


def openai(data):
    for row in lines(data / "instruct/messages_5.jsonl"):
        yield {"messages": [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]}


OURS = _witness.GOLDEN / "masks/chatml.jinja"
QWEN = "chat_templates/Qwen-Qwen2.5-7B-Instruct.jinja"

# name: rows, tokenizer, chat template
CASES = {
    "alpaca_gpt2": (alpaca, "tokenizers/gpt2", None),
    "prompts_gpt2": (prompts, "tokenizers/gpt2", None),
    "prompts_minimind": (prompts, "tokenizers/minimind", None),
    "prompts_stories260k": (prompts, "models/stories260k", None),
    "sharegpt_minimind": (sharegpt, "tokenizers/minimind", OURS),
    "parts_minimind": (parts, "tokenizers/minimind", OURS),
    "openai_minimind": (openai, "tokenizers/minimind", OURS),
    "dialogues_minimind": (dialogues, "tokenizers/minimind", OURS),
    "sharegpt_gpt2": (sharegpt, "tokenizers/gpt2", OURS),
    "dialogues_gpt2": (dialogues, "tokenizers/gpt2", OURS),
    "sharegpt_qwen": (sharegpt, "tokenizers/minimind", QWEN),
    "parts_qwen": (parts, "tokenizers/minimind", QWEN),
    "dialogues_qwen": (dialogues, "tokenizers/minimind", QWEN),
    "tools_qwen": (tools, "tokenizers/minimind", QWEN),
}


def prepare(tokenizer, rows):
    """SFTTrainer's own preparation, with a model that is never run."""
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    loss = "assistant_only_loss" if "messages" in rows[0] else "completion_only_loss"
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder, max_length=None, use_cpu=True, bf16=False, report_to="none", **{loss: True}
        )
        try:
            Preparation(
                model=LlamaForCausalLM(config), args=arguments, processing_class=tokenizer,
                train_dataset=datasets.Dataset.from_list(rows),
            )
        except Prepared as done:
            return done.args[0]


def hash_of(ids):
    """FNV-1a over the ids, 32 bits."""
    value = 0x811C9DC5
    for number in ids:
        value = ((value ^ number) * 0x01000193) & 0xFFFFFFFF
    return value


def stretches(labels):
    found = []
    for index, label in enumerate(labels):
        if label == -100:
            continue
        if found and found[-1][1] == index:
            found[-1][1] = index + 1
        else:
            found.append([index, index + 1])
    return found


def main():
    parser = argparse.ArgumentParser()
    _witness.add_data_argument(parser)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    datasets.disable_progress_bars()
    folder = _witness.GOLDEN / "masks/data"
    folder.mkdir(exist_ok=True)
    for name, (make, tokenizer, template) in CASES.items():
        if args.names and name not in args.names:
            continue
        loaded = PreTrainedTokenizerFast.from_pretrained(args.data / tokenizer)
        if template is not None:
            loaded.chat_template = (args.data / template).read_text()
        with contextlib.redirect_stdout(sys.stderr):
            rows = list(make(args.data))
            if make is tools:
                prepared = [None if unlike(row) else prepare(loaded, [row])[0] for row in rows]
            else:
                prepared = prepare(loaded, rows)
        rows = [
            None if row is None else [len(row["input_ids"]), hash_of(row["input_ids"]), stretches(row["labels"])]
            for row in prepared
        ]
        body = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        (folder / f"{name}.json").write_text(f'{{"trl": "{trl.__version__}", "rows": [\n{body}\n]}}\n')
        print(name, len(rows))


if __name__ == "__main__":
    main()
