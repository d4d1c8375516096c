/** The exporter `huggingface`: the public suite, and sabotages of what it wrote. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { makePart, testExporter } from "@denotune/denotune/testing";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import { huggingface } from "../../../plugins/exporters/mod.ts";
import {
  checkSabotages,
  editJson,
  exportableRun,
  type Sabotage,
} from "../../exported_run.ts";
import { testFolder } from "../../run_harness.ts";

for (const quantization of ["f32", "f16", "bf16"]) {
  testExporter(
    `huggingface, ${quantization}`,
    () => makePart({ parts: [huggingface] }, "exporter", { quantization }),
  );
}

/** Changes the sign of one number of a tensor. */
function spoilTensor(folder: string): void {
  const path = join(folder, "model.safetensors");
  const bytes = Deno.readFileSync(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Record<string, { data_offsets: number[] }> = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
  );
  const [start] = header["model.layers.1.mlp.up_proj.weight"].data_offsets;
  // the sign of a little-endian float is the highest bit of its last byte; of a 16-bit one too
  bytes[8 + length + start + 4 * 50 + 3] ^= 0x80;
  Deno.writeFileSync(path, bytes);
}

const SABOTAGES: readonly Sabotage[] = [
  {
    what: "one number of one tensor",
    spoil: spoilTensor,
    culprit:
      /fault tensor model\.layers\.1\.mlp\.up_proj\.weight\[1, \d+\] is -?[\d.e-]+ in the file, -?[\d.e-]+ as trained/,
  },
  {
    what: "one merge rule",
    spoil: (folder) =>
      editJson(join(folder, "tokenizer.json"), ({ model }) => {
        model.merges[3] = "c ab";
        model.vocab.cab = model.vocab.abc;
        delete model.vocab.abc;
      }),
    culprit: /fault merge rule 4 is "c ab" in the file, "ab c" as trained/,
  },
  {
    what: "the stop id",
    spoil: (folder) =>
      editJson(
        join(folder, "generation_config.json"),
        (config) => config.eos_token_id = 258,
      ),
    culprit:
      /fault stop token 257 \("<\|eos\|>"\) is missing in the file, which has 258 \("<\|pad\|>"\)/,
  },
  {
    what: "one line of the template",
    spoil: (folder) =>
      editJson(join(folder, "tokenizer_config.json"), (config) => {
        const lines: string[] = config.chat_template.split("\n");
        const at = lines.findIndex((line) => line.includes("### Instruction"));
        lines[at] = lines[at].replace("###", "##");
        config.chat_template = lines.join("\n");
      }),
    culprit:
      /fault line \d+ of the chat template is "\{\{- '## Instruction:.* in the file, "\{\{- '### Instruction:.* as trained/,
  },
  {
    what: "a setting of the model",
    spoil: (folder) =>
      editJson(
        join(folder, "config.json"),
        (config) => config.rms_norm_eps = 1e-3,
      ),
    culprit:
      /fault setting rms_norm_eps of the model is 0\.001 in the file, 0\.00001 as trained/,
  },
  {
    what: "the file ends too early",
    spoil: (folder) => {
      const path = join(folder, "model.safetensors");
      Deno.truncateSync(path, Deno.statSync(path).size - 8);
    },
    culprit: /fault the files cannot be read back: .*model\.safetensors/,
  },
];

for (
  const { name, adapter, quantization } of [
    { name: "all weights", adapter: null, quantization: "f32" },
    {
      name: "a merged adapter in bf16",
      adapter: { use: "lora", r: 4 },
      quantization: "bf16",
    },
  ]
) {
  Deno.test(`huggingface, ${name}: exported as trained, and every sabotage is named`, async () => {
    using folder = testFolder();
    const trained = await exportableRun(folder, { adapter });
    const all = quantization === "f32" ? SABOTAGES : SABOTAGES.slice(1, 2);
    await checkSabotages(trained, {
      words: ["--to", "huggingface", "-q", quantization],
      sabotages: all,
      folder,
    });
    using written = openModelFolder(folder.at("exported"));
    const { tensors, config } = written;
    assert.equal(
      tensors.get("model.norm.weight")?.dtype,
      quantization === "f32" ? "F32" : "BF16",
    );
    assert.equal(
      config.dtype,
      quantization === "f32" ? "float32" : "bfloat16",
    );
  });
}
