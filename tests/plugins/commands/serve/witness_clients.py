"""Asks a server by the openai package, and answers the same conversations by transformers.

    python3 witness_clients.py FOLDER http://127.0.0.1:PORT/v1 NAME

Prints JSON.
"""

import asyncio
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import openai
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, server, name = sys.argv[1:4]
client = openai.AsyncOpenAI(base_url=server, api_key="none", max_retries=0)
result = {}


async def stream(**asked):
    text, reason = "", None
    async for chunk in await client.chat.completions.create(stream=True, **asked):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
    return text, reason


async def whole(**asked):
    found = await client.chat.completions.create(**asked)
    return found.choices[0].message.content, found.choices[0].finish_reason


async def many():
    result["models"] = [m.id async for m in await client.models.list()]
    gate = asyncio.Semaphore(8)

    async def one(i):
        async with gate:
            asked = dict(
                model=name, max_tokens=2 + i % 9, seed=i, temperature=(i % 3) / 2,
                messages=[{"role": "user", "content": f"say {i // 2}"}],
            )
            return await (stream if i % 2 else whole)(**asked)

    result["answered"] = len(await asyncio.gather(*(one(i) for i in range(200))))
    # streamed and not, the same request
    pairs = [
        dict(
            model=name, max_tokens=12, seed=i, temperature=1,
            messages=[{"role": "user", "content": f"say {i}"}],
        )
        for i in range(8)
    ]
    result["same"] = [(await stream(**p)) == (await whole(**p)) for p in pairs]
    refused = []
    for wrong in (dict(temperature=-1), dict(max_tokens=1.5), dict(extra_body={"odd": 1})):
        try:
            await client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": "a"}], **wrong)
        except openai.BadRequestError as error:
            refused.append(error.body["message"])
    try:
        await client.chat.completions.create(model="other", messages=[{"role": "user", "content": "a"}])
    except openai.NotFoundError as error:
        refused.append(error.body["message"])
    result["refused"] = refused
    conversations = [
        [{"role": "user", "content": "say 3"}],
        [{"role": "system", "content": "Be short."}, {"role": "user", "content": "say 12"}],
        [
            {"role": "user", "content": "say 1"},
            {"role": "assistant", "content": "it is 1"},
            {"role": "user", "content": "and say 2?"},
        ],
        [{"role": "user", "content": "é ü 中 🙂"}],
    ]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    both = []
    for messages in conversations:
        ids = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
        out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24)
        new = out[0, ids.shape[1]:].tolist()
        found = await client.chat.completions.create(
            model=name, messages=messages, temperature=0, max_tokens=24)
        raw = await client.completions.create(
            model=name, prompt=ids[0].tolist(), temperature=0, max_tokens=24)
        both.append({
            "wanted": tokenizer.decode(new, skip_special_tokens=True),
            "found": found.choices[0].message.content,
            "completion": raw.choices[0].text,
            "prompt": [ids.shape[1], found.usage.prompt_tokens],
            "tokens": [len(new), found.usage.completion_tokens],
        })
    result["conversations"] = both


asyncio.run(many())
json.dump(result, sys.stdout)
