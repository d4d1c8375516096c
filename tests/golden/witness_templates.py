"""What transformers makes of conversations with published chat templates; prints one JSON object a template.

    python3 tests/golden/witness_templates.py [--folder FOLDER] [--trl] [--every N] < conversations.json

The templates are the *.jinja of FOLDER and those that the installed `trl` ships, every Nth of them. Standard
input has {"conversations": [{"name", "messages", "tools"}], "bos_token", "eos_token"}. Of each conversation:

- `text`: what `apply_chat_template` renders, or `error`; `prompt`: with `add_generation_prompt`.
- `generation`: where the template has {% generation %}, the ranges (in UTF-16 units) of which
  `return_assistant_tokens_mask` makes its mask.
- `turns`: by index of each assistant message, the prompt before it and the conversation up to it.

The date is 2026-01-05.
"""

import argparse
import datetime
import json
import pathlib
import sys

import transformers.utils.chat_template_utils as chat


class OneDay(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 5, 15, 4, 9)


chat.datetime = OneDay


def units(text, characters):
    return len(text[:characters].encode("utf-16-le")) // 2


def render(source, messages, tools, tokens, prompt=False, marked=False):
    try:
        texts, ranges = chat.render_jinja_template(
            [messages],
            tools=tools,
            chat_template=source,
            add_generation_prompt=prompt,
            return_assistant_tokens_mask=marked,
            **tokens,
        )
    except Exception as error:
        return {"text": None, "error": f"{type(error).__name__}: {error}"}
    text = texts[0]
    answer = {"text": text, "error": None}
    if marked:
        answer["generation"] = [[units(text, start), units(text, end)] for start, end in ranges[0]]
    return answer


def case(source, conversation, tokens):
    messages, tools = conversation["messages"], conversation["tools"]
    marked = "endgeneration" in source
    answer = {"name": conversation["name"], **render(source, messages, tools, tokens, marked=marked)}
    answer["prompt"] = render(source, messages, tools, tokens, prompt=True)["text"]
    answer["turns"] = {
        index: [
            render(source, messages[:index], tools, tokens, prompt=True)["text"],
            render(source, messages[: index + 1], tools, tokens)["text"],
        ]
        for index, message in enumerate(messages)
        if message["role"] == "assistant"
    }
    return answer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--trl", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    asked = json.load(sys.stdin)
    tokens = {"bos_token": asked["bos_token"], "eos_token": asked["eos_token"]}
    files = sorted(options.folder.glob("*.jinja")) if options.folder else []
    if options.trl:
        import trl

        files += sorted((pathlib.Path(trl.__file__).parent / "chat_templates").glob("*.jinja"))
    for path in files[:: options.every]:
        source = path.read_text()
        cases = [case(source, conversation, tokens) for conversation in asked["conversations"]]
        print(json.dumps({"name": path.stem, "source": source, "cases": cases}, ensure_ascii=False))


main()
