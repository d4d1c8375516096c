/**
 * What a page does with exported models, run as it is in Node, in Deno and in Chromium: the same module, given
 * transformers.js and a way to read a file.
 */

/** The tensors of an adapter, from the bytes of its safetensors file. */
function adapterInputs(Tensor, bytes) {
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(
    new TextDecoder().decode(new Uint8Array(bytes, 8, length)),
  );
  const inputs = {};
  for (const [name, { shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, end] = data_offsets.map((offset) => 8 + length + offset);
    const values = new Float32Array(bytes.slice(start, end));
    inputs[name] = new Tensor("float32", values, shape);
  }
  return inputs;
}

/** Log-probability of each token but the first. */
function logProbabilities(logits, ids) {
  const [, T, V] = logits.dims;
  const found = [];
  for (let t = 0; t + 1 < T; t++) {
    const row = logits.data.subarray(t * V, (t + 1) * V);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((a, v) => a + Math.exp(v - largest), 0);
    found.push(row[ids[t + 1]] - largest - Math.log(sum));
  }
  return found;
}

/** Answers the jobs: each a folder, a prompt, and the adapters that answer one after the other (null: none is given). */
export async function answer(
  { AutoModelForCausalLM, AutoTokenizer, Tensor },
  { jobs, readBytes },
) {
  const results = [];
  for (const { folder, dtype, prompt, adapters } of jobs) {
    const tokenizer = await AutoTokenizer.from_pretrained(folder);
    const model = await AutoModelForCausalLM.from_pretrained(folder, {
      ...(dtype === undefined ? {} : { dtype }),
      session_options: { logSeverityLevel: 3 },
    });
    const inputs = tokenizer(prompt);
    const read = [...inputs.input_ids.data].map(Number);
    for (const adapter of adapters) {
      const own = adapter === null
        ? {}
        : adapterInputs(Tensor, await readBytes(adapter));
      // `generate` passes on what it knows by name
      model.forward_params = [
        ...new Set([...model.forward_params, ...Object.keys(own)]),
      ];
      const ids = await model.generate({
        ...inputs,
        ...own,
        max_new_tokens: 24,
        do_sample: false,
      });
      const all = [...ids.data].map(Number);
      const { logits } = await model({ ...inputs, ...own });
      results.push({
        read,
        ids: all.slice(read.length),
        text: tokenizer.decode(all.slice(read.length), {
          skip_special_tokens: true,
        }),
        logProbabilities: logProbabilities(logits, read),
      });
    }
    await model.dispose();
  }
  return results;
}
