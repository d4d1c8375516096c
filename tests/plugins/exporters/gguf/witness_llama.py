"""llama.cpp itself: witness_llama.py JOBS.json prints what it answers to each job, as a list.

A job: {file, loras?, context?, tokenize?: [text], complete?: [{ids, count}], messages?: [conversation]}. The cache is in
float32, without flash attention, which on processors rounds to float16.
"""

import json
import multiprocessing
import sys
import urllib.request

import xllamacpp


def work(job, pipe):
    params = xllamacpp.CommonParams()
    params.model.path = job["file"]
    if job.get("loras"):
        loras = []
        for path in job["loras"]:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path = path
            lora.scale = 1.0
            loras.append(lora)
        params.lora_adapters = loras
    params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
    params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.n_ctx = job.get("context", 512)
    params.n_parallel = 1
    params.warmup = False
    params.verbosity = -1
    params.use_jinja = True
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)

    def post(path, body):
        request = urllib.request.Request(
            server.listening_address + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    answer = {}
    if "tokenize" in job:
        answer["tokenize"] = [
            post("/tokenize", {"content": text, "add_special": True})["tokens"] for text in job["tokenize"]
        ]
    if "complete" in job:
        answer["complete"] = []
        for asked in job["complete"]:
            done = post(
                "/completion",
                {
                    "prompt": asked["ids"],
                    "n_predict": asked["count"],
                    "temperature": 0,
                    "n_probs": 5,
                    "return_tokens": True,
                    "cache_prompt": False,
                    "ignore_eos": True,
                },
            )
            answer["complete"].append(
                {
                    "ids": done["tokens"],
                    # tokens that end within a character have no entry
                    "top": [
                        [one["id"], [[other["id"], other["logprob"]] for other in one["top_logprobs"]]]
                        for one in done["completion_probabilities"]
                    ],
                }
            )
    if "messages" in job:
        answer["prompts"] = [post("/apply-template", {"messages": m})["prompt"] for m in job["messages"]]
    pipe.send(answer)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    answers = []
    for job in json.load(open(sys.argv[1])):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=work, args=(job, theirs))
        process.start()
        theirs.close()
        try:
            answers.append(ours.recv())
        except EOFError:
            answers.append({"error": f"llama.cpp ended while it read {job['file']}"})
        process.join()
    print("\n" + json.dumps(answers))
