import assert from "node:assert/strict";
import { join } from "node:path";
import type { ModelSpec, WeightSpec } from "../../../core/contracts/model.ts";
import { DataError } from "../../../core/contracts/errors.ts";
import {
  findWeights,
  loadWeights,
} from "../../../core/io/weights/load_weights.ts";
import { openModelFolder } from "../../../core/io/model_folder.ts";
import { saveModelFolder } from "../../../core/io/save_model.ts";
import {
  tensorOf,
  writeSafetensors,
} from "../../../core/io/write_safetensors.ts";
import { f32ToBf16 } from "../../../core/io/half.ts";

async function inFolder(body: (folder: string) => Promise<void> | void) {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const init = { kind: "zeros" } as const;
const WEIGHTS: readonly WeightSpec[] = [
  { name: "model.embed.weight", shape: [3, 2], init },
  { name: "model.norm.weight", shape: [2], init },
];

const SPEC: Pick<ModelSpec, "aliases" | "ignores" | "head" | "modelType"> = {
  modelType: "toy",
  head: { name: "model.embed.weight", tied: true, init },
  ignores: (name) => name.endsWith("inv_freq"),
  aliases: (name) => [name.replace("model.", "")],
};

const EMBED = Float32Array.of(1, 2, 3, 4, 5, 6);
const NORM = Float32Array.of(0.5, 0.25);

/** Writes config.json and model.safetensors; `tensors` are [name, shape, data]. */
async function write(
  folder: string,
  tensors: readonly [string, readonly number[], Float32Array][],
  name = "model.safetensors",
): Promise<void> {
  await Deno.writeTextFile(join(folder, "config.json"), "{}");
  await writeSafetensors(
    join(folder, name),
    tensors.map(([n, s, d]) => tensorOf(n, s, d)),
    { dtype: "F32" },
  );
}

const refused = (body: () => unknown, message: RegExp) =>
  assert.throws(
    body,
    (error) => error instanceof DataError && message.test(error.message),
  );

Deno.test("a folder is saved and loaded, with config, tokenizer and generation config", () =>
  inFolder(async (parent) => {
    const path = join(parent, "model");
    for (const maxShardBytes of [undefined, 12]) {
      await saveModelFolder(path, {
        config: { model_type: "toy", torch_dtype: "float16", note: "kept" },
        tensors: [
          tensorOf("model.embed.weight", [3, 2], EMBED),
          tensorOf("model.norm.weight", [2], NORM),
        ],
        dtype: "bfloat16",
        generationConfig: { eos_token_id: 2 },
        files: { "tokenizer.json": "{}" },
        maxShardBytes,
      });
      using folder = openModelFolder(path);
      assert.equal(folder.config.dtype, "bfloat16");
      assert.equal(folder.config.torch_dtype, "bfloat16");
      assert.equal(folder.config.note, "kept");
      assert.deepEqual(folder.generationConfig, { eos_token_id: 2 });
      assert.equal(await Deno.readTextFile(join(path, "tokenizer.json")), "{}");
      const got = new Map<string, unknown>();
      const given: ArrayLike<number>[] = [];
      const report = await loadWeights(
        folder,
        { spec: SPEC, weights: WEIGHTS },
        {
          dtypeOf: (name) => name.includes("embed") ? "bf16" : "f32",
          sink: ({ name, start, data }) => {
            assert.equal(start, 0);
            got.set(name, data.slice());
            given.push(data);
          },
        },
      );
      assert.deepEqual(report.surplus, []);
      assert.deepEqual(got.get("model.embed.weight"), f32ToBf16(EMBED));
      assert.deepEqual(got.get("model.norm.weight"), NORM);
      // memory of chunks is given back at once, not when a collector finds the time
      assert.deepEqual(given.map(({ length }) => length), [0, 0]);
    }
    assert.deepEqual([...Deno.readDirSync(parent)].map((e) => e.name), [
      "model",
    ]);
  }));

Deno.test("a save that fails leaves no folder", () =>
  inFolder(async (parent) => {
    await assert.rejects(saveModelFolder(join(parent, "m"), {
      config: {},
      tensors: [tensorOf("x", [1], Float32Array.of(1e6))],
      dtype: "float16",
    }));
    assert.deepEqual([...Deno.readDirSync(parent)], []);
  }));

Deno.test("names without the prefix are found, and what is left over is told", () =>
  inFolder(async (path) => {
    await write(path, [
      ["embed.weight", [3, 2], EMBED],
      ["norm.weight", [2], NORM],
      ["rotary.inv_freq", [1], Float32Array.of(1)],
      ["value_head.weight", [1], Float32Array.of(1)],
    ], "weights.safetensors");
    using folder = openModelFolder(path);
    const { tensors, surplus } = findWeights(folder, {
      spec: SPEC,
      weights: WEIGHTS,
    });
    assert.deepEqual([...tensors.keys()], WEIGHTS.map((w) => w.name));
    assert.deepEqual(surplus, ["value_head.weight"]);
  }));

Deno.test("missing tensors are listed, ten of them and how many more", () =>
  inFolder(async (path) => {
    await write(path, [["other", [1], Float32Array.of(1)]]);
    using folder = openModelFolder(path);
    refused(
      () => findWeights(folder, { spec: SPEC, weights: WEIGHTS }),
      /lacks 2 of 2 tensors that a toy .*: model\.embed\.weight, model\.norm\.weight\. Not used: other/,
    );
    const many = Array.from(
      { length: 14 },
      (_, i) => ({ name: `w${i}`, shape: [1], init }),
    );
    refused(
      () => findWeights(folder, { spec: SPEC, weights: many }),
      /w9 and 4 more/,
    );
  }));

Deno.test("another shape than the config's is named with both", () =>
  inFolder(async (path) => {
    await write(path, [
      ["model.embed.weight", [2, 3], EMBED],
      ["model.norm.weight", [2], NORM],
    ]);
    using folder = openModelFolder(path);
    refused(
      () => findWeights(folder, { spec: SPEC, weights: WEIGHTS }),
      /model\.embed\.weight is \(2, 3\), config\.json asks for \(3, 2\)/,
    );
  }));

Deno.test("a copy of a tied head is passed over if it is equal, else refused", () =>
  inFolder(async (path) => {
    const tensors: [string, number[], Float32Array][] = [
      ["model.embed.weight", [3, 2], EMBED],
      ["model.norm.weight", [2], NORM],
    ];
    await write(path, [...tensors, ["lm_head.weight", [3, 2], EMBED]]);
    {
      using folder = openModelFolder(path);
      assert.deepEqual(
        findWeights(folder, { spec: SPEC, weights: WEIGHTS }).surplus,
        [],
      );
    }
    const other = EMBED.map((v) => v + 1);
    await write(path, [...tensors, ["lm_head.weight", [3, 2], other]]);
    using folder = openModelFolder(path);
    refused(
      () => findWeights(folder, { spec: SPEC, weights: WEIGHTS }),
      /lm_head\.weight differs.*set tie_word_embeddings to false/,
    );
  }));

Deno.test("a folder without weights says what it holds", () =>
  inFolder(async (path) => {
    refused(() => openModelFolder(join(path, "no")), /there is no such folder/);
    refused(
      () => openModelFolder(path),
      /has no config\.json \(it holds no files\)/,
    );
    await Deno.writeTextFile(join(path, "adapter_config.json"), "{}");
    refused(() => openModelFolder(path), /holds an adapter, no model/);
    await Deno.writeTextFile(join(path, "config.json"), "{}");
    await Deno.writeTextFile(join(path, "adapter_model.safetensors"), "");
    await Deno.writeTextFile(join(path, "pytorch_model.bin"), "");
    refused(
      () => openModelFolder(path),
      /no \*\.safetensors \(it holds .*pytorch_model\.bin\)\. pytorch_model\.bin cannot be read: convert it/,
    );
    await Deno.writeTextFile(join(path, "config.json"), '{\n "a": 1,\n}');
    refused(
      () => openModelFolder(path),
      /config\.json:3:1: broken JSON: unexpected "}"/,
    );
    refused(() => openModelFolder(join(path, "config.json")), /it is a file/);
  }));

Deno.test("an index must name files of its own folder that hold what it says", () =>
  inFolder(async (path) => {
    await write(path, [["a", [1], Float32Array.of(1)]], "one.safetensors");
    const index = (map: unknown) =>
      Deno.writeTextFile(
        join(path, "model.safetensors.index.json"),
        JSON.stringify({ weight_map: map }),
      );
    for (
      const shard of [
        "../one.safetensors",
        "/etc/passwd",
        "..",
        "a\\b",
        "C:x",
        3,
      ]
    ) {
      await index({ a: shard });
      refused(
        () => openModelFolder(path),
        /no name of a file in the same folder/,
      );
    }
    await index({ a: "one.safetensors", b: "two.safetensors" });
    refused(
      () => openModelFolder(path),
      /names 1 file\(s\) that are not there: two\.safetensors/,
    );
    await index({ b: "one.safetensors" });
    refused(
      () => openModelFolder(path),
      /tensor b is in one\.safetensors, but it is not/,
    );
    await index(null);
    refused(() => openModelFolder(path), /no weight_map/);
    await index({ a: "one.safetensors" });
    using folder = openModelFolder(path);
    assert.deepEqual([...folder.tensors.keys()], ["a"]);
  }));

Deno.test("a tensor that two files hold is refused", () =>
  inFolder(async (path) => {
    await write(path, [["a", [1], Float32Array.of(1)]], "x.safetensors");
    await write(path, [["a", [1], Float32Array.of(1)]], "y.safetensors");
    refused(() => openModelFolder(path), /Two files hold the tensor a/);
  }));

Deno.test({
  name: "a pipe or a device in the place of a file is refused at once",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      await Deno.symlink("/dev/zero", at("config.json"));
      refused(() => openModelFolder(folder), /config\.json: it is no file/);
      await Deno.remove(at("config.json"));
      await Deno.writeTextFile(at("config.json"), "{}");
      const { code } = await new Deno.Command("mkfifo", {
        args: [at("model.safetensors")],
      }).output();
      assert.equal(code, 0);
      refused(
        () => openModelFolder(folder),
        /model\.safetensors: it is no file/,
      );
    }),
});

Deno.test("settings of hundreds of megabytes are refused unread", () =>
  inFolder(async (folder) => {
    const path = join(folder, "config.json");
    await Deno.writeTextFile(path, "{}");
    await Deno.truncate(path, 1e9);
    refused(() => openModelFolder(folder), /has 1000000000 bytes/);
  }));
