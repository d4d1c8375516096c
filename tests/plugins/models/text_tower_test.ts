/**
 * Checkpoints of text and images by their text models: against transformers 5.23 and PEFT with DENOTUNE_TEST_ALL=1,
 * else by files of our own.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { train } from "@denotune/denotune";
import { ConfigError } from "@denotune/denotune/core";
import { ReferenceExecutor } from "../../../backends/reference/mod.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { inventoryOf } from "../../../core/engine/model/build_model.ts";
import { initialWeights } from "../../../core/io/initial_weights.ts";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import {
  tensorOf,
  type TensorToWrite,
  writeSafetensors,
} from "../../../core/io/write_safetensors.ts";
import { gemma3With, mistral3With } from "../../../plugins/models/mod.ts";
import { testModel } from "../../conformance/model.ts";
import { builtinActivations } from "../../conformance/model/architectures.ts";
import { layOut } from "../../conformance/model/tiny_model.ts";
import { close, loadGolden } from "../../golden/_model_checks.ts";
import { python } from "../../python.ts";

const activations = await builtinActivations();
const gemma3 = gemma3With(activations);
const mistral3 = mistral3With(activations);
const GOLDEN = new URL("../../golden/", import.meta.url).pathname;

const TEXT = {
  vocab_size: 23,
  hidden_size: 16,
  intermediate_size: 20,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  max_position_embeddings: 64,
};
const GEMMA3 = {
  model_type: "gemma3",
  text_config: TEXT,
  vision_config: { hidden_size: 8 },
  mm_tokens_per_image: 4,
};
const MISTRAL3 = { model_type: "mistral3", vision_config: {} };

testModel("gemma3", gemma3, { tied: GEMMA3 });
testModel("mistral3", mistral3, {
  mistral: { ...MISTRAL3, text_config: TEXT, tie_word_embeddings: false },
  ministral3: {
    ...MISTRAL3,
    text_config: { ...TEXT, model_type: "ministral3" },
  },
});

Deno.test("a text tower is named as transformers' modules, and saved as its files", () => {
  const spec = gemma3.describe(GEMMA3);
  const { weights, sites } = inventoryOf(spec, 8);
  assert.equal(weights[0].name, "model.language_model.embed_tokens.weight");
  assert.equal(
    spec.fileName?.(weights[0].name),
    "language_model.model.embed_tokens.weight",
  );
  assert.equal(spec.head.name, weights[0].name);
  assert.ok(
    sites.some((s) =>
      s.kind === "linear" &&
      s.site.name === "model.language_model.layers.1.self_attn.q_proj"
    ),
  );
  const grown = gemma3.describe({ ...spec.config, vocab_size: 30 });
  assert.equal(grown.vocabSize, 30);
  assert.equal(grown.config.vocab_size, undefined);
});

Deno.test("a text tower refuses what it cannot follow, by name", () => {
  for (
    const [message, change] of [
      [/text_config is undefined/, { text_config: undefined }],
      [/text_config.model_type is "llama"/, {
        text_config: { ...TEXT, model_type: "llama" },
      }],
      [/quantization_config/, { quantization_config: { quant_method: "fp8" } }],
      [/text_config.final_logit_softcapping is 30/, {
        text_config: { ...TEXT, final_logit_softcapping: 30 },
      }],
      [/use_bidirectional_attention/, {
        text_config: { ...TEXT, use_bidirectional_attention: true },
      }],
    ] as const
  ) {
    assert.throws(
      () => gemma3.describe({ ...GEMMA3, ...change }),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  }
});

/** A folder with a text tower under its file's names, and a tensor of a vision tower in another type. */
async function writeTower(folder: string): Promise<Uint8Array> {
  const config = { ...GEMMA3, text_config: { ...TEXT, vocab_size: 259 } };
  const spec = gemma3.describe(config);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(config));
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const tensors: TensorToWrite[] = inventoryOf(spec, 8).weights.map((w) =>
    tensorOf(spec.fileName?.(w.name) ?? w.name, w.shape, initialWeights(w, 1))
  );
  tensors.push({
    name: "vision_tower.patch.weight",
    shape: [3, 4],
    dtype: "BF16",
    readBytes: ({ start, count }) =>
      bytes.slice(2 * start, 2 * (start + count)),
  });
  await writeSafetensors(join(folder, "model.safetensors"), tensors, {
    dtype: "F32",
  });
  return bytes;
}

function run(
  folder: string,
  model: string,
  more: Record<string, unknown> = {},
) {
  return train({
    output_dir: join(folder, "run"),
    backend: "reference",
    model: { path: model },
    tokenizer: "byte",
    data: {
      train: [{ rows: [{ text: "abc def" }, { text: "g" }], format: "text" }],
      max_length: 32,
    },
    training: { max_steps: 2, batch_size: 2, save_steps: 1 },
    trackers: [],
    ...more,
  });
}

Deno.test("tensors of a vision tower are carried through a run byte for byte, and a checkpoint resumes", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const bytes = await writeTower(join(folder, "model"));
    await run(folder, join(folder, "model"));
    const saved = join(folder, "run", "model.safetensors");
    using file = new SafetensorsFile(saved);
    using before = new SafetensorsFile(join(folder, "model/model.safetensors"));
    assert.deepEqual(
      [...file.tensors.keys()].sort(),
      [
        ...before.tensors.keys(),
      ].sort(),
    );
    const carried = file.tensors.get("vision_tower.patch.weight");
    assert.equal(carried?.dtype, "BF16");
    assert.deepEqual(carried?.readBytes(), bytes);
    const name = "language_model.model.norm.weight";
    assert.notDeepEqual(
      file.tensors.get(name)?.read(),
      before.tensors.get(name)?.read(),
    );
    // half of the run, and the other half
    const half = join(folder, "half");
    await run(half, join(folder, "model"), {
      training: { max_steps: 2, batch_size: 2, save_steps: 1, resume: "auto" },
    });
    await Deno.remove(join(half, "run", "model.safetensors"));
    await run(half, join(folder, "model"), {
      output_dir: join(half, "again"),
      training: {
        max_steps: 2,
        batch_size: 2,
        save_steps: 1,
        resume: join(half, "run", "checkpoint-1"),
      },
    });
    using resumed = new SafetensorsFile(join(half, "again/model.safetensors"));
    assert.deepEqual(
      resumed.tensors.get(name)?.read(),
      file.tensors.get(name)?.read(),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What the script of towers prints. */
async function towers(...args: string[]) {
  return JSON.parse(await python([`${GOLDEN}make_towers.py`, ...args]));
}

for (const type of ["gemma3", "mistral3-mistral", "mistral3-ministral3"]) {
  Deno.test({
    name:
      `${type} computes and saves what transformers does, and PEFT loads its adapter`,
    ignore: Deno.env.get("DENOTUNE_TEST_ALL") !== "1",
    async fn() {
      const folder = await Deno.makeTempDir();
      const path = join(folder, "model");
      const architecture = type === "gemma3" ? gemma3 : mistral3;
      const logitsOf = async (ids: number[]) => {
        await using device = localDevice(new ReferenceExecutor());
        await using model = await loadGolden(device, { path, architecture });
        return await model.logits(layOut([[{ ids, labels: ids }]]));
      };
      try {
        const wanted = await towers(type, path);
        close(await logitsOf(wanted.ids), wanted.logits.flat(), {
          absolute: 1e-4,
        });
        await run(folder, path, {
          optimizer: { use: "adamw", learning_rate: 0, weight_decay: 0 },
        });
        const saved = await towers(type, join(folder, "run"), "--read");
        assert.deepEqual(saved.problems, []);
        assert.deepEqual(saved.digests, wanted.digests);
        await run(folder, path, {
          output_dir: join(folder, "lora"),
          adapter: { use: "lora", r: 2 },
        });
        const adapted = await towers(
          type,
          path,
          "--read",
          "--adapter",
          join(folder, "lora"),
        );
        assert.deepEqual(adapted.problems, []);
        assert.notDeepEqual(adapted.logits, wanted.logits);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
