"""Loads a folder that denotune saved as the Python tools would, and prints one JSON object.

    python3 tests/golden/witness_load.py FOLDER [BASE] [--ids 1,2,3] [--text TEXT] [--messages JSON]
        [--add-generation-prompt] [--max-new-tokens N] [--masked] [--no-model] [--resize ROWS]

FOLDER with an adapter_config.json is loaded by PEFT on BASE (default: the base that it names). Anything that
could not be loaded as its own author meant it is listed under `problems`, which should be empty.
"""

import argparse
import contextlib
import hashlib
import json
import pathlib
import sys

from _witness import plain
from peft import PeftConfig, PeftModel, get_peft_model_state_dict
from safetensors import safe_open
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast


def load_model(folder, kind=AutoModelForCausalLM):
    model, info = kind.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    problems = [f"{kind}: {key}" for kind, keys in info.items() for key in sorted(map(str, keys or []))]
    return model.eval(), problems


def load_adapter(folder, base, rows):
    model, problems = load_model(base or PeftConfig.from_pretrained(folder).base_model_name_or_path)
    if rows:
        model.resize_token_embeddings(rows)
    model = PeftModel.from_pretrained(model, folder).eval()
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        saved = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}
    # PEFT passes over tensors that it does not know and leaves those that it misses at their start values
    wanted = {key: tuple(tensor.shape) for key, tensor in get_peft_model_state_dict(model, save_embedding_layers=False).items()}
    problems += [f"missing_keys: {key}" for key in sorted(wanted.keys() - saved.keys())]
    problems += [f"unexpected_keys: {key}" for key in sorted(saved.keys() - wanted.keys())]
    problems += [f"shape: {key}" for key in sorted(wanted.keys() & saved.keys()) if wanted[key] != saved[key]]
    return model, problems


def digest(model):
    """Of every weight by its name, in float32: equal where the bits are."""
    found = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        found.update(name.encode() + parameter.detach().float().contiguous().numpy().tobytes())
    return found.hexdigest()


def run_model(args):
    is_adapter = (args.folder / "adapter_config.json").exists()
    model, problems = load_adapter(args.folder, args.base, args.resize) if is_adapter else load_model(
        args.folder, AutoModelForMaskedLM if args.masked else AutoModelForCausalLM
    )
    record = {
        "kind": "adapter" if is_adapter else "model",
        "model_type": model.config.model_type,
        "parameters": sum(p.numel() for p in model.parameters()),
        "eos_token_id": None if args.masked else model.generation_config.eos_token_id,
        "problems": problems,
        "digest": digest(model),
    }
    if args.ids:
        ids = torch.tensor([args.ids])
        with torch.no_grad():
            record["logits"] = plain(model(ids).logits[0])  # (T, V)
        if args.max_new_tokens:  # greedy, never stopped
            model.generation_config = GenerationConfig(eos_token_id=None, pad_token_id=0)
            output = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
                max_new_tokens=args.max_new_tokens,
            )
            record["continuation_ids"] = output[0, len(args.ids):].tolist()
    return record


def run_tokenizer(args):
    """By AutoTokenizer, and by tokenizer.json alone: transformers 5 rebuilds some classes from their names."""
    auto = AutoTokenizer.from_pretrained(args.folder)
    file = PreTrainedTokenizerFast.from_pretrained(args.folder)
    record = {
        "tokenizer_class": type(auto).__name__,
        "bos_token": auto.bos_token, "eos_token": auto.eos_token, "pad_token": auto.pad_token,
        "has_chat_template": auto.chat_template is not None,
    }
    if args.text is not None:
        record["text_ids"] = auto(args.text)["input_ids"]
        record["text_ids_by_file"] = file(args.text)["input_ids"]
        record["text_decoded"] = auto.decode(record["text_ids"])
    if args.messages is not None:
        options = dict(add_generation_prompt=args.add_generation_prompt)
        record["chat_text"] = auto.apply_chat_template(args.messages, tokenize=False, **options)
        record["chat_ids"] = auto.apply_chat_template(args.messages, return_dict=True, **options)["input_ids"]
    return record


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("base", nargs="?", type=pathlib.Path)
    parser.add_argument("--ids", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--text")
    parser.add_argument("--messages", type=json.loads)
    parser.add_argument("--add-generation-prompt", action="store_true")
    parser.add_argument("--max-new-tokens", type=int, default=0)
    parser.add_argument("--resize", type=int, help="rows that the base of an adapter is given first, as for added tokens")
    parser.add_argument("--masked", action="store_true", help="a model for masked tokens, as EuroBERT")
    parser.add_argument("--no-model", action="store_true", help="the tokenizer alone")
    args = parser.parse_args()
    record = {}
    with contextlib.redirect_stdout(sys.stderr):  # stdout is the answer's alone
        if not args.no_model:
            record |= run_model(args)
        if (args.folder / "tokenizer.json").exists():
            record |= run_tokenizer(args)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
