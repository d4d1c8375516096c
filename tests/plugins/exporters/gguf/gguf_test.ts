/** The exporter `gguf`: the public suite, what it refuses, and sabotages of what it wrote. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Exporter, ExportRequest } from "@denotune/denotune/core";
import { makePart, testExporter } from "@denotune/denotune/testing";
import { gguf } from "../../../../plugins/exporters/mod.ts";
import { byte } from "../../../../plugins/tokenizers/mod.ts";
import {
  checkSabotages,
  exportableRun,
  type Sabotage,
} from "../../../exported_run.ts";
import { testFolder } from "../../../run_harness.ts";
import {
  describe,
  TINY,
  TINY_GPT2,
  tinyExport,
} from "../onnx/_tiny_exports.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const NAMES = ALL
  ? ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m", "q6_k"]
  : ["f16", "q8_0", "q4_k_m"];

function exporter(quantization: string): Promise<Exporter> {
  return makePart({ parts: [gguf] }, "exporter", { quantization });
}

/** A request whose text is that of a tokenizer of bytes. */
async function requestOf(
  folder: string,
  config: { readonly [key: string]: unknown },
): Promise<ExportRequest> {
  const tokenizer = await makePart({ parts: [byte] }, "tokenizer");
  const template = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
  const request = tinyExport(
    folder,
    describe({ ...config, vocab_size: tokenizer.vocabSize }),
  );
  return {
    ...request,
    text: {
      tokenizer,
      files: tokenizer.files({ chatTemplate: template }),
      template,
      stopIds: [257],
      generation: { eos_token_id: [257], temperature: 0.7, top_k: 40 },
    },
  };
}

for (const quantization of NAMES) {
  testExporter(`gguf, ${quantization}`, () => exporter(quantization), {
    request: (folder) =>
      requestOf(folder, { ...TINY, hidden_size: 256, intermediate_size: 96 }),
  });
}
testExporter("gguf of a GPT-2, q4_k_m", () => exporter("q4_k_m"), {
  request: (folder) => requestOf(folder, { ...TINY_GPT2, n_embd: 256 }),
});

Deno.test("gguf refuses what llama.cpp does not compute or cut, before anything is written", async () => {
  const f32 = await exporter("f32");
  const cases: readonly [
    { readonly [key: string]: unknown },
    (request: ExportRequest) => ExportRequest,
    RegExp,
  ][] = [
    [{ ...TINY, model_type: "eurobert" }, (r) => r, /type eurobert as GGUF/],
    [{ ...TINY, hidden_act: "relu" }, (r) => r, /the activation "relu"/],
    [
      TINY,
      (r) => edited(r, (json) => json.pre_tokenizer.add_prefix_space = true),
      /"add_prefix_space":true/,
    ],
    [TINY, (r) =>
      edited(r, (json) => {
        json.model.merges = ["a b"];
        json.pre_tokenizer = {
          type: "Sequence",
          pretokenizers: [
            {
              type: "Split",
              pattern: { Regex: "x+" },
              behavior: "Isolated",
              invert: false,
            },
            { ...json.pre_tokenizer, use_regex: false },
          ],
        };
      }), /cuts text by "x\+", which llama.cpp has no name for/],
    [
      TINY,
      (r) => edited(r, (json) => json.normalizer = { type: "Lowercase" }),
      /step \{"type":"Lowercase"\}/,
    ],
    [
      TINY,
      (r) => edited(r, (json) => json.added_tokens[0].lstrip = true),
      /"<\|bos\|>" swallows spaces/,
    ],
    [
      TINY,
      (r) => ({ ...r, text: { ...r.text, stopIds: [257, 1, 2, 3] } }),
      /end at 4 tokens/,
    ],
    [
      TINY,
      (r) => ({
        ...r,
        text: {
          ...r.text,
          generation: { denotune_objective: { use: "masked-diffusion" } },
        },
      }),
      /masked-diffusion.*does not write token by token/,
    ],
  ];
  for (const [config, change, message] of cases) {
    const request = change(await requestOf("/nowhere", config));
    await assert.rejects(async () => await f32.check(request), message);
  }
});

function edited(
  request: ExportRequest,
  // deno-lint-ignore no-explicit-any -- whatever the file holds
  edit: (json: any) => void,
): ExportRequest {
  const { text } = request;
  const json: unknown = JSON.parse(text.files["tokenizer.json"]);
  edit(json);
  return {
    ...request,
    text: {
      ...text,
      files: { ...text.files, "tokenizer.json": JSON.stringify(json) },
    },
  };
}

/** Replaces bytes of the one GGUF file of a folder by as many others. */
function patch(
  folder: string,
  find: string,
  { by, after = 0 }: { readonly by: Uint8Array; readonly after?: number },
): void {
  const [entry] = [...Deno.readDirSync(folder)].filter(({ name }) =>
    name.endsWith(".gguf")
  );
  const path = join(folder, entry.name);
  const bytes = Deno.readFileSync(path);
  const wanted = new TextEncoder().encode(find);
  let at = bytes.findIndex((_, i) =>
    wanted.every((byte, k) => bytes[i + k] === byte)
  );
  assert.ok(at >= 0, find);
  at += after;
  bytes.set(by, at);
  Deno.writeFileSync(path, bytes);
}

const encode = (text: string) => new TextEncoder().encode(text);

const SABOTAGES: readonly Sabotage[] = [
  {
    what: "one merge rule",
    spoil: (folder) => patch(folder, "ab c", { by: encode("c ab") }),
    culprit: /fault merge rule 4 is "c ab" in the file, "ab c" as trained/,
  },
  {
    what: "the stop id",
    spoil: (folder) =>
      patch(folder, "tokenizer.ggml.eos_token_id", {
        by: Uint8Array.of(2, 1, 0, 0), // 258
        after: "tokenizer.ggml.eos_token_id".length + 4,
      }),
    culprit: /fault stop token 257 \("<\|eos\|>"\) is missing in the file/,
  },
  {
    what: "one line of the template",
    spoil: (folder) =>
      patch(folder, "### Response", { by: encode("### response") }),
    culprit: /fault line \d+ of the chat template is .*### response/,
  },
  {
    what: "a setting of the model",
    spoil: (folder) =>
      patch(folder, "llama.rope.freq_base", {
        by: new Uint8Array(new Float32Array([5000]).buffer),
        after: "llama.rope.freq_base".length + 4,
      }),
    culprit:
      /fault setting llama\.rope\.freq_base of the model is 5000 in the file/,
  },
  {
    what: "one number of one tensor",
    spoil(folder) {
      const [entry] = [...Deno.readDirSync(folder)].filter(({ name }) =>
        name.endsWith(".gguf")
      );
      const path = join(folder, entry.name);
      const bytes = Deno.readFileSync(path);
      // the last tensor of the file is that of the last block
      bytes[bytes.length - 65] ^= 0x80;
      Deno.writeFileSync(path, bytes);
    },
    culprit:
      /fault tensor model\.[\w.]+\[.*\] is -?[\d.e-]+ in the file, -?[\d.e-]+ as trained/,
  },
];

Deno.test("a GGUF file that is not as trained is refused, and the culprit named", async () => {
  await using folder = await testFolder();
  const trained = await exportableRun(folder);
  await checkSabotages(trained, {
    words: ["--to", "gguf", "-q", "f32"],
    sabotages: SABOTAGES,
    folder,
  });
});
