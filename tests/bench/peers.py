"""The peers of `deno task bench peers`: the same work with the libraries that others use, on as many threads.

    python3 tests/bench/peers.py COMMAND OPTIONS.json-as-one-argument

Prints one line of JSON: {work, seconds, processor, peak}, or {missing} where a library is not installed.
"""

import json
import os
import resource
import sys
import time

STARTED = time.perf_counter()
THREADS = 2


def measured(work, body):
    """Runs `body` and says what it cost."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    body()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "work": work,
        "seconds": seconds,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": after.ru_maxrss * 1024,
    }


def torch_module():
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    return torch


def model_of(config):
    """A model with random weights; a name is a folder that `save` has written."""
    torch = torch_module()
    from transformers import AutoConfig, AutoModelForCausalLM

    if isinstance(config, str):
        return AutoModelForCausalLM.from_pretrained(config, dtype=torch.float32)
    sizes = {k: v for k, v in config.items() if k != "model_type"}
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **sizes), dtype=torch.float32)


def trainer_of(o):
    """A step of training as a function of its number."""
    torch = torch_module()
    model = model_of(o["config"])
    model.config.use_cache = False
    if o.get("checkpointing"):
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if o.get("rank") is not None:
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(
            model, LoraConfig(r=o["rank"], lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        )
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0, fused=True)
    B, T, every = o["B"], o["T"], o.get("every", 1)
    vocabulary = model.config.vocab_size
    autocast = o.get("autocast", False)

    def step(number):
        i = torch.arange(B * T).reshape(B, T)
        ids = (i * 7919 + number * 104729) % vocabulary
        labels = torch.where(i % every == 0, ids, -100)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def train(o):
    step = trainer_of(o)
    step(1)
    return measured(o["steps"] * o["B"] * o["T"], lambda: [step(n) for n in range(2, o["steps"] + 2)])


def decode(o):
    torch = torch_module()
    model = model_of(o["config"]).eval()
    prompts = torch.tensor([[(7 * i + key) % 500 for i in range(16)] for key in range(o["rows"])])

    def answer():
        with torch.inference_mode():
            model.generate(
                input_ids=prompts,
                attention_mask=torch.ones_like(prompts),
                do_sample=False,
                min_new_tokens=o["tokens"],
                max_new_tokens=o["tokens"],
                pad_token_id=0,
            )

    answer()
    return measured(o["rows"] * o["tokens"], answer)


def save(o):
    """Writes a folder as of the Hub."""
    model_of(o["config"]).save_pretrained(o["folder"])
    return {}


def write_gguf(o):
    """Writes a Llama of random weights as GGUF, with a vocabulary of made-up words."""
    import gguf
    import numpy

    c = o["config"]
    random = numpy.random.default_rng(1)
    writer = gguf.GGUFWriter(o["file"], "llama")
    C, F, V = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
    writer.add_context_length(c["max_position_embeddings"])
    writer.add_embedding_length(C)
    writer.add_block_count(c["num_hidden_layers"])
    writer.add_feed_forward_length(F)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_layer_norm_rms_eps(c["rms_norm_eps"])
    writer.add_rope_dimension_count(C // heads)
    writer.add_vocab_size(V)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([f"t{i}" for i in range(V)])
    writer.add_token_types([1] * V)
    writer.add_token_merges(["t 1"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    q8 = gguf.GGMLQuantizationType.Q8_0 if o["storage"] == "q8_0" else None

    def add(name, *shape):
        values = (random.standard_normal(shape) * 0.02).astype(numpy.float32)
        if q8 is None or len(shape) == 1:
            writer.add_tensor(name, numpy.ones(shape, numpy.float32) if len(shape) == 1 else values)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, q8), raw_dtype=q8)

    add("token_embd.weight", V, C)
    add("output_norm.weight", C)
    for layer in range(c["num_hidden_layers"]):
        block = f"blk.{layer}."
        add(f"{block}attn_norm.weight", C)
        add(f"{block}ffn_norm.weight", C)
        add(f"{block}attn_q.weight", C, C)
        add(f"{block}attn_k.weight", C * kv // heads, C)
        add(f"{block}attn_v.weight", C * kv // heads, C)
        add(f"{block}attn_output.weight", C, C)
        add(f"{block}ffn_gate.weight", F, C)
        add(f"{block}ffn_up.weight", F, C)
        add(f"{block}ffn_down.weight", C, F)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp(o):
    """Answers of llama.cpp's server, as many at once as there are rows."""
    import threading
    import urllib.request

    import xllamacpp

    if not os.path.exists(o["file"]):
        write_gguf({**o, "file": o["file"] + ".part"})
        os.rename(o["file"] + ".part", o["file"])
    params = xllamacpp.CommonParams()
    params.model.path = o["file"]
    params.n_ctx = o["rows"] * 256
    params.n_parallel = o["rows"]
    params.verbosity = -1
    params.cpuparams.n_threads = THREADS
    params.cpuparams_batch.n_threads = THREADS
    server = xllamacpp.Server(params)

    def ask(key):
        body = {
            "prompt": [(7 * i + key) % 500 for i in range(16)],
            "n_predict": o["tokens"],
            "temperature": 0,
            "cache_prompt": False,
            "ignore_eos": True,
        }
        request = urllib.request.Request(
            server.listening_address + "/completion", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            json.load(response)

    def answer():
        threads = [threading.Thread(target=ask, args=(key,)) for key in range(o["rows"])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    answer()
    return measured(o["rows"] * o["tokens"], answer)


def start(o):
    """From the command to the first step: this process began with it."""
    trainer_of({**o, "config": o["folder"], "B": 1, "T": 32})(1)
    use = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "work": 1,
        "seconds": time.perf_counter() - STARTED,
        "processor": use.ru_utime + use.ru_stime,
        "peak": use.ru_maxrss * 1024,
    }


def import_library(_):
    def body():
        import peft  # noqa: F401
        from transformers import AutoModelForCausalLM, Trainer  # noqa: F401

    return measured(1, body)


def encode(o):
    """One text after the other, or all at once by the library's own threads."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(o["folder"], "tokenizer.json"))
    with open(o["file"]) as rows:
        texts = [json.loads(row)["output"] for row in rows]
    tokens = 0

    def body():
        nonlocal tokens
        tokens = sum(len(tokenizer.encode(text).ids) for text in texts)

    found = measured(1, body)
    return {**found, "work": tokens}


def product(o):
    torch = torch_module()
    m, n, k = o["m"], o["n"], o["k"]
    a, b, out = torch.rand(m, k), torch.rand(n, k), torch.empty(m, n)
    runs = max(4, int(4e9 / (2 * m * n * k)))
    torch.mm(a, b.T, out=out)

    def body():
        for _ in range(runs):
            torch.mm(a, b.T, out=out)

    return measured(runs * 2 * m * n * k / 1e9, body)


def attention(o):
    torch = torch_module()
    q, k, v, up = (torch.randn(1, 12, o["T"], 64, requires_grad=i < 3) for i in range(4))

    def once():
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        out.backward(up)
        q.grad = k.grad = v.grad = None

    once()
    runs = max(2, int(4e3 / o["T"]))
    return measured(runs * o["T"], lambda: [once() for _ in range(runs)])


COMMANDS = {
    "train": train,
    "decode": decode,
    "save": save,
    "llama-cpp": llama_cpp,
    "start": start,
    "import": import_library,
    "encode": encode,
    "product": product,
    "attention": attention,
}

try:
    print(json.dumps(COMMANDS[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
except ModuleNotFoundError as error:
    print(json.dumps({"missing": error.name}), flush=True)
os._exit(0)  # servers of other libraries may wait for their threads
