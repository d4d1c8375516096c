"""Holds conversations by transformers: apply_chat_template, then generate, greedily.

Reads a job from stdin: {"folder", "tokenizer", "stories", "templates": {name: jinja}, "conversation": [message, ...],
"tokens"}. Makes a tiny model with random weights of each type below in folder/TYPE, with the tokenizer and a chat
template, and prints {type: [{"prompt": ids, "answer": ids, "text": text}, ...]}.
"""

import json
import os
import shutil
import sys

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

SIZES = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=16, max_position_embeddings=2048, initializer_range=0.3)
TYPES = {
    "llama": SIZES,
    "qwen2": SIZES,
    "qwen3": SIZES,
    "mistral": SIZES | dict(sliding_window=None),
    "gemma2": SIZES,
    "gpt2": dict(n_embd=64, n_layer=2, n_head=4, n_positions=2048, initializer_range=0.3),
}


def converse(model, tokenizer, job):
    messages, turns = [], []
    for said in job["conversation"]:
        messages.append(said)
        if said["role"] == "system":
            continue
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                                 max_new_tokens=job["tokens"], do_sample=False)
        answer = out[0][len(prompt):].tolist()
        # the text that continues the prompt: a decoder may write a first word otherwise
        begun = tokenizer.decode(prompt, skip_special_tokens=True)
        whole = tokenizer.decode(prompt + answer, skip_special_tokens=True)
        text = whole[len(begun):]
        turns.append({"prompt": prompt, "answer": answer, "text": text})
        messages.append({"role": "assistant", "content": text})
    return turns


def main():
    transformers.logging.set_verbosity_error()
    job = json.load(sys.stdin)
    results = {}
    for i, (kind, sizes) in enumerate(TYPES.items()):
        folder = os.path.join(job["folder"], kind)
        tokenizer = AutoTokenizer.from_pretrained(job["tokenizer"])
        tokenizer.chat_template = job["templates"].get(kind, tokenizer.chat_template)
        torch.manual_seed(i)
        config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id,
                                      eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **sizes)
        model = AutoModelForCausalLM.from_config(config).float().eval()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        results[kind] = converse(model, tokenizer, job)
    folder = os.path.join(job["folder"], "stories260k")
    shutil.copytree(job["stories"], folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = job["templates"]["stories260k"]
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    results["stories260k"] = converse(model, tokenizer, job)
    json.dump(results, sys.stdout)


main()
