"""The same LoRA step as lora_cpu.ts with transformers and PEFT on two threads: prints one JSON object.

    python3 tests/bench/lora_peft.py --model FOLDER [--steps 3] [--batch 4] [--length 512] [--checkpointing]
        [--full] [--autocast]

`--full` trains all weights; `--autocast` multiplies in bfloat16 as torch.autocast does.
"""

import argparse
import json
import resource
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

THREADS = 2


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--autocast", action="store_true")
    args = parser.parse_args()
    B, T = args.batch, args.length
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    model.config.use_cache = False
    vocabulary = model.config.vocab_size
    if args.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if not args.full:
        lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, lora)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)

    def step(number):
        i = torch.arange(B * T).reshape(B, T)
        ids = (i * 7919 + number * 104729) % vocabulary
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.autocast):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    step(1)
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    for number in range(2, args.steps + 2):
        loss = step(number)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "tokensPerSecond": args.steps * B * (T - 1) / seconds,
                "processor": processor / args.steps,
                "peak": after.ru_maxrss * 1024,
                "loss": loss,
            }
        )
    )


main()
