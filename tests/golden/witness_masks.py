"""Ids and labels of rows as two other recipes make them; prints one JSON object a row.

    python3 tests/golden/witness_masks.py TOKENIZER_FOLDER ROWS.jsonl [--auto] [--chat-template FILE.jinja]

A row is {prompt, completion} or {messages, tools?}. The answer has

- `standard`: prompt and response tokenised apart and joined, EOS after the response, labels -100 on the
  prompt. Of messages, each assistant turn is a response: what the chat template adds when that turn joins the
  rendered conversation before it, markers included, so that no further EOS is added.
- `trl`: what TRL's SFTTrainer prepares with its defaults: prompt and completion tokenised as one text, labels
  from where prompt ids and whole ids part (`completion_only_loss`); for messages, every token trained.
- `trl_assistant_only` (messages): the same with `assistant_only_loss`, which needs `{% generation %}` in the
  template, or one of the templates for which TRL has a patched one.

Each is {ids, labels} or {error}. Labels are unshifted. The tokenizer is read from tokenizer.json as it stands;
--auto takes AutoTokenizer, which in transformers 5 rebuilds some classes and may differ.
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile

import _witness  # offline, one thread, quiet
import datasets
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

UNTRAINED = -100


def add_part(record, ids, trained):
    record["ids"] += ids
    record["labels"] += ids if trained else [UNTRAINED] * len(ids)


def standard_prompt_completion(tokenizer, row):
    record = {"ids": [], "labels": []}
    add_part(record, tokenizer(row["prompt"])["input_ids"], False)  # with BOS where the tokenizer adds it
    add_part(record, tokenizer(row["completion"], add_special_tokens=False)["input_ids"], True)
    add_part(record, [tokenizer.eos_token_id], True)
    return record


def standard_messages(tokenizer, row):
    def render(messages, **options):
        return tokenizer.apply_chat_template(messages, tools=row.get("tools"), tokenize=False, **options)

    if tokenizer.chat_template is None:
        return {"error": "the tokenizer has no chat template"}
    record, done = {"ids": [], "labels": []}, ""
    messages = row["messages"]
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(messages[:index], add_generation_prompt=True)
        after = render(messages[: index + 1])
        if not (before.startswith(done) and after.startswith(before)):
            return {"error": f"the template does not render message {index} as a continuation"}
        for text, trained in ((before[len(done):], False), (after[len(before):], True)):
            add_part(record, tokenizer(text, add_special_tokens=False)["input_ids"], trained)
        done = after
    whole = render(messages)
    if not whole.startswith(done):
        return {"error": "the template does not render the last messages as a continuation"}
    add_part(record, tokenizer(whole[len(done):], add_special_tokens=False)["input_ids"], False)
    return record


class Prepared(Exception):
    """Ends the construction of a trainer once its data is prepared."""


class Preparation(SFTTrainer):
    def _prepare_dataset(self, *args, **kwargs):
        raise Prepared(super()._prepare_dataset(*args, **kwargs))


def trl(tokenizer, row, **options):
    """SFTTrainer's own preparation, of one row, with a model that is never run."""
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    keys = ["messages", "tools"] if "messages" in row else ["prompt", "completion"]
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder, max_length=None, use_cpu=True, bf16=False, report_to="none", **options
        )
        try:
            Preparation(
                model=LlamaForCausalLM(config), args=arguments, processing_class=tokenizer,
                train_dataset=datasets.Dataset.from_list([{key: row[key] for key in keys if row.get(key)}]),
            )
        except Prepared as done:
            prepared = done.args[0][0]
            return {"ids": prepared["input_ids"], "labels": prepared["labels"]}
        except Exception as error:  # an unsupported template is an answer too
            return {"error": f"{type(error).__name__}: {error}".split("\n")[0]}


def witness(load, row):
    """A fresh tokenizer for each recipe: SFTTrainer sets its pad token."""
    if "messages" in row:
        return {
            "standard": standard_messages(load(), row),
            "trl": trl(load(), row),
            "trl_assistant_only": trl(load(), row, assistant_only_loss=True),
        }
    return {
        "standard": standard_prompt_completion(load(), row),
        "trl": trl(load(), row, completion_only_loss=True),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("rows", type=pathlib.Path)
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--chat-template", type=pathlib.Path, help="in place of the tokenizer's own")
    args = parser.parse_args()
    kind = AutoTokenizer if args.auto else PreTrainedTokenizerFast
    options = {"chat_template": args.chat_template.read_text()} if args.chat_template else {}
    datasets.disable_progress_bars()
    for number, line in enumerate(args.rows.read_text().splitlines()):
        if not line.strip():
            continue
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the answers' alone
            record = witness(lambda: kind.from_pretrained(args.tokenizer, **options), json.loads(line))
        print(json.dumps({"row": number, **record}), flush=True)


if __name__ == "__main__":
    main()
