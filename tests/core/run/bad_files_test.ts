/**
 * Model files and folders that are wrong: each a typed error that names the file and what was found, before
 * a device wakes or a file is written.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { exitCodeOf } from "../../../core/contracts/errors.ts";
import { loadModel } from "@denotune/denotune";
import {
  runConfig,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
  tinyRun,
} from "../../run_harness.ts";

/** A saved tiny model in `model/`. */
async function savedModel(): Promise<TestFolder> {
  const folder = testFolder();
  await runConfig(tinyRun(folder.at("model"), { training: { max_steps: 1 } }));
  return folder;
}

interface Header {
  [name: string]: {
    dtype: string;
    shape: number[];
    data_offsets: [number, number];
  };
}

/** Reads model.safetensors as header and data, and writes it again as `change` leaves it. */
function rewrite(
  folder: TestFolder,
  change: (header: Header) => void,
): void {
  const path = folder.at("model", "model.safetensors");
  const bytes = Deno.readFileSync(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Header = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
  );
  const data = bytes.slice(8 + length);
  change(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + data.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  out.set(data, 8 + text.length);
  Deno.writeFileSync(path, out);
}

const WEIGHT = "model.layers.0.mlp.up_proj.weight";

const BROKEN: readonly {
  readonly name: string;
  readonly says: RegExp;
  break(folder: TestFolder): void;
}[] = [
  {
    name: "is cut short",
    says: /model\.safetensors.*bytes/,
    break: (folder) =>
      Deno.truncateSync(folder.at("model", "model.safetensors"), 5000),
  },
  {
    name: "is empty",
    says: /model\.safetensors.*0 bytes/,
    break: (folder) =>
      Deno.truncateSync(folder.at("model", "model.safetensors"), 0),
  },
  {
    name: "says that its header is larger than the file",
    says: /header should have 9223372036854775807 bytes/,
    break: (folder) => {
      const path = folder.at("model", "model.safetensors");
      const bytes = Deno.readFileSync(path);
      new DataView(bytes.buffer).setBigUint64(0, 2n ** 63n - 1n, true);
      Deno.writeFileSync(path, bytes);
    },
  },
  {
    name: "has tensors that overlap",
    says: /overlap|begins? at|starts? at/,
    break: (folder) =>
      rewrite(folder, (header) => {
        const [from, to] = header[WEIGHT].data_offsets;
        header[WEIGHT].data_offsets = [from - 64, to - 64];
      }),
  },
  {
    name: "has a tensor that ends behind the file",
    says: new RegExp(WEIGHT.replaceAll(".", "\\.") + "|end|bytes"),
    break: (folder) =>
      rewrite(folder, (header) => {
        const last = Object.values(header).filter((h) => h.data_offsets)
          .sort((a, b) => b.data_offsets[1] - a.data_offsets[1])[0];
        last.shape = [last.shape.reduce((a, b) => a * b, 1) + 1024];
        last.data_offsets[1] += 4096;
      }),
  },
  {
    name: "has a tensor whose bytes are not those of its shape",
    says: new RegExp(WEIGHT.replaceAll(".", "\\.")),
    break: (folder) =>
      rewrite(folder, (header) => {
        header[WEIGHT].shape[0] += 1;
      }),
  },
  {
    name: "has a tensor of another shape than the config",
    says: /up_proj\.weight is \(32, 48\), config\.json asks for \(48, 32\)/,
    break: (folder) =>
      rewrite(folder, (header) => {
        header[WEIGHT].shape.reverse();
      }),
  },
  {
    name: "lacks a tensor",
    says: /lacks 1 of \d+ tensors.*layers\.0\.mlp\.up_proj\.weight/,
    break: (folder) =>
      rewrite(folder, (header) => {
        header["other.name"] = header[WEIGHT];
        delete header[WEIGHT];
      }),
  },
  {
    name: "has numbers of a type that no weight has",
    says: /up_proj\.weight is stored as I32; .*F32, F16 and BF16/,
    break: (folder) =>
      rewrite(folder, (header) => {
        header[WEIGHT].dtype = "I32";
      }),
  },
  {
    name: "is not there",
    says: /model.*safetensors/,
    break: (folder) => Deno.removeSync(folder.at("model", "model.safetensors")),
  },
  {
    name: "is a Git LFS pointer",
    says: /model\.safetensors/,
    break: (folder) =>
      Deno.writeTextFileSync(
        folder.at("model", "model.safetensors"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n",
      ),
  },
];

/** Trains on the folder and loads it: both must refuse with that message and exit code 2. */
async function assertRefused(folder: TestFolder, says: RegExp): Promise<void> {
  const out = folder.at("out");
  const refuse = (error: unknown) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, says);
    assert.equal(exitCodeOf(error), 2, `${error.name}: ${error.message}`);
    assert.ok(error.message.length < 1500, "one screen");
    return true;
  };
  await assert.rejects(
    runConfig(tinyRun(out, {
      model: { path: folder.at("model") },
      tokenizer: "huggingface",
    })),
    refuse,
  );
  assert.ok(!existsSync(join(out, "config.resolved.yaml")), "nothing written");
  await assert.rejects(
    (async () => {
      await using _ = await loadModel(folder.at("model"), { backend: "cpu" });
    })(),
    refuse,
  );
}

for (const { name, says, break: breakIt } of BROKEN) {
  Deno.test(`a model file that ${name} is refused`, async () => {
    using folder = await savedModel();
    breakIt(folder);
    await assertRefused(folder, says);
  });
}

Deno.test("a tokenizer with more tokens than the model has rows is refused", async () => {
  using folder = await savedModel();
  const path = folder.at("model", "tokenizer.json");
  const tokenizer = JSON.parse(Deno.readTextFileSync(path));
  tokenizer.added_tokens.push({
    id: 259,
    content: "<|more|>",
    special: true,
    lstrip: false,
    rstrip: false,
    normalized: false,
    single_word: false,
  });
  Deno.writeTextFileSync(path, JSON.stringify(tokenizer));
  await assertRefused(folder, /tokenizer.* has 260 tokens.* 259/);
});

Deno.test("the byte tokenizer on a model with fewer rows is refused", async () => {
  using folder = testFolder();
  await assert.rejects(
    runConfig(tinyRun(folder.at("out"), {
      model: { from_config: { ...TINY_LLAMA, vocab_size: 128 } },
    })),
    { name: "DataError", message: /259 tokens.*128/ },
  );
});

Deno.test("an output folder below a file, or where nothing can be written, is refused", async () => {
  using folder = testFolder();
  Deno.writeTextFileSync(folder.at("file"), "in the way");
  const refused = (path: string) =>
    assert.rejects(runConfig(tinyRun(path)), (error: Error) => {
      assert.equal(error.name, "ConfigError", error.message);
      assert.match(error.message, /output_dir/);
      return true;
    });
  await refused(folder.at("file"));
  await refused(folder.at("file", "below"));
  assert.equal(Deno.readTextFileSync(folder.at("file")), "in the way");
  if (Deno.build.os === "linux") await refused("/proc/denotune-test/out");
});

Deno.test("a folder with somebody else's files is refused and left alone", async () => {
  using folder = testFolder();
  Deno.mkdirSync(folder.at("out"));
  Deno.writeTextFileSync(folder.at("out", "thesis.txt"), "precious");
  await assert.rejects(runConfig(tinyRun(folder.at("out"))), {
    name: "ConfigError",
    message: /is not empty and holds no denotune run \(thesis\.txt\)/,
  });
  assert.deepEqual([...Deno.readDirSync(folder.at("out"))].map((e) => e.name), [
    "thesis.txt",
  ]);
});

/** A file system of 1 MiB, or null where that is not permitted. */
function smallDisk(path: string): Disposable | null {
  if (Deno.build.os !== "linux") return null;
  Deno.mkdirSync(path);
  try {
    const { success } = new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    if (!success) return null;
  } catch {
    return null;
  }
  return {
    [Symbol.dispose]: () =>
      void new Deno.Command("umount", { args: ["-l", path] }).outputSync(),
  };
}

Deno.test("a disk that fills up ends the run with a message, and earlier checkpoints stay whole", async () => {
  using folder = testFolder();
  using disk = smallDisk(folder.at("disk"));
  if (disk === null) {
    return console.log("skipped: no tmpfs can be mounted here");
  }
  const output = folder.at("disk", "out");
  const config = tinyRun(output, {
    training: { save_steps: 1, save_total_limit: null, logging_steps: 1 },
  });
  await assert.rejects(runConfig(config), (error: Error) => {
    assert.equal(error.name, "DeviceError", error.message);
    assert.match(error.message, /Cannot write .*the disk is full/);
    assert.match(error.message, /free space|output_dir/);
    return true;
  });
  const left = [...Deno.readDirSync(output)].map((e) => e.name);
  assert.ok(left.includes("checkpoint-1"), left.join());
  assert.deepEqual(left.filter((n) => n.startsWith(".")), []);
  // with room again (only the last checkpoint kept) the run goes on and ends
  const [oldest] = left.filter((n) => n.startsWith("checkpoint-")).sort();
  Deno.removeSync(join(output, oldest), { recursive: true });
  const again = await runConfig(config, {
    overrides: ["training.save_total_limit=1"],
  });
  assert.equal(again.result.status, "done");
});
