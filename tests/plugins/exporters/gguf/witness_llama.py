"""llama.cpp itself: witness_llama.py JOBS.json prints what it answers to each job, as a list.

A job: {file, loras?, context?, tokenize?: [text], complete?: [{ids, count}], banned?: [id], messages?: [conversation]}.
The cache is in float32, without flash attention, which on processors rounds to float16.
"""

import json
import multiprocessing
import sys
import urllib.request

import xllamacpp


def work(job, pipe):
    try:
        pipe.send(answer_of(job))
    except Exception as error:
        pipe.send({"error": f"{job['file']}: {error!r}"})


def answer_of(job):
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
                    # halves of characters: the server holds them back, and says no probabilities for them
                    "logit_bias": [[token, False] for token in job.get("banned", [])],
                },
            )
            answer["complete"].append(
                {
                    "ids": done["tokens"],
                    # tokens that end within a character have no entry
                    "top": [
                        [one["id"], [[other["id"], other["logprob"]] for other in one["top_logprobs"]]]
                        for one in done.get("completion_probabilities", [])
                    ],
                }
            )
    if "messages" in job:
        answer["prompts"] = [post("/apply-template", {"messages": m})["prompt"] for m in job["messages"]]
    return answer


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    answers = []
    for job in json.load(open(sys.argv[1])):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=work, args=(job, theirs))
        process.start()
        theirs.close()
        try:
            answer = ours.recv()
        except EOFError:
            answer = None
        process.join()
        if answer is None:
            answer = {"error": f"llama.cpp ended with {process.exitcode} at {job['file']}"}
        answers.append(answer)
    print("\n" + json.dumps(answers))
