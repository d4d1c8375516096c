"""A rank of ranks.ts with torch DDP and gloo: the same model, rows and update. Prints the seconds of each step.

    RANK=0 WORLD_SIZE=2 MASTER_ADDR=... MASTER_PORT=... python3 tests/bench/ranks_gloo.py full|lora STEPS
"""

import json
import sys
import time

import torch
import torch.distributed as dist
from transformers import LlamaConfig, LlamaForCausalLM

kind, steps = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(1)
dist.init_process_group("gloo")
config = LlamaConfig(
    vocab_size=4096,
    hidden_size=384,
    intermediate_size=1024,
    num_hidden_layers=6,
    num_attention_heads=6,
    num_key_value_heads=6,
    max_position_embeddings=256,
    tie_word_embeddings=True,
    use_cache=False,
)
model = LlamaForCausalLM(config)
if kind == "lora":
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"))
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=5e-5)
model = torch.nn.parallel.DistributedDataParallel(model)
seconds = []
for step in range(steps):
    ids = (torch.arange(4 * 256).reshape(4, 256) * 7919 + step) % 256
    start = time.perf_counter()
    # one rank alone computes both micro-batches of the step
    for _ in range(2 // dist.get_world_size()):
        model(input_ids=ids, labels=ids).loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    seconds.append(time.perf_counter() - start)
if dist.get_rank() == 0:
    print(json.dumps({"seconds": seconds[2:]}))
dist.destroy_process_group()
