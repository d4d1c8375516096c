import assert from "node:assert/strict";
import { resolveModelPath } from "../../../../core/config/paths.ts";
import { fetchModel } from "../../../../core/io/hub/fetch_model.ts";
import { type FakeRepository, startHub, TOKEN } from "../../../hub_server.ts";
import { filesIn, noise, testCache } from "./_support.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const ID = { id: "owner/name", revision: "main" };
const SNAPSHOT = `models--owner--name/snapshots/${COMMIT}`;

const ONE_FILE: FakeRepository = {
  files: {
    ".gitattributes": "x",
    "README.md": "# a model",
    "config.json": '{"model_type": "llama"}',
    "generation_config.json": "{}",
    "tokenizer.json": "{}",
    "tokenizer_config.json": "{}",
    "special_tokens_map.json": "{}",
    "chat_template.jinja": "{{ messages }}",
    "model.safetensors": noise(300_000),
    "pytorch_model.bin": noise(500),
    "flax_model.msgpack": noise(500),
    "consolidated.safetensors": noise(500),
    "original/model.safetensors": noise(500),
    "onnx/config.json": "{}",
  },
};

const SHARDED: FakeRepository = {
  files: {
    "config.json": "{}",
    "model.safetensors.index.json": JSON.stringify({
      weight_map: {
        a: "model-1-of-2.safetensors",
        b: "model-2-of-2.safetensors",
      },
    }),
    "model-1-of-2.safetensors": noise(200_000, 2),
    "model-2-of-2.safetensors": noise(1_000, 3),
    "other.safetensors": noise(1_000, 4),
  },
};

Deno.test("a model's needed files come here, laid out as the Hub's own tools do", async () => {
  await using hub = startHub({ "owner/name": ONE_FILE });
  using cache = testCache();
  const found = await fetchModel(ID, cache.options(hub));
  assert.deepEqual(found, {
    folder: `${cache.hub}/${SNAPSHOT}`,
    commit: COMMIT,
  });
  assert.deepEqual(filesIn(found.folder), [
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  assert.deepEqual(
    Deno.readFileSync(`${found.folder}/model.safetensors`),
    ONE_FILE.files["model.safetensors"],
  );
  assert.equal(
    Deno.readTextFileSync(`${cache.hub}/models--owner--name/refs/main`),
    COMMIT,
  );
  const blobs = filesIn(`${cache.hub}/models--owner--name/blobs`);
  assert.ok(
    blobs.every((b) => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(b)),
    `${blobs}`,
  );
  if (Deno.build.os !== "windows") {
    assert.match(
      Deno.readLinkSync(`${found.folder}/model.safetensors`),
      /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/,
    );
  }
});

Deno.test("what is in the cache is not asked for again", async () => {
  await using hub = startHub({ "owner/name": ONE_FILE });
  using cache = testCache();
  await fetchModel(ID, cache.options(hub));
  hub.seen.length = 0;
  await fetchModel(ID, cache.options(hub));
  assert.deepEqual(hub.seen, []);
});

Deno.test("the shards are those that the index names", async () => {
  await using hub = startHub({ "owner/name": SHARDED });
  using cache = testCache();
  const { folder } = await fetchModel(
    { ...ID, revision: "v1" },
    cache.options(hub),
  );
  assert.deepEqual(filesIn(folder), [
    "config.json",
    "model-1-of-2.safetensors",
    "model-2-of-2.safetensors",
    "model.safetensors.index.json",
  ]);
});

Deno.test("a file that another tool left half is fetched whole, the others stay", async () => {
  await using hub = startHub({ "owner/name": ONE_FILE });
  using cache = testCache();
  const { folder } = await fetchModel(ID, cache.options(hub));
  Deno.removeSync(`${folder}/tokenizer.json`);
  Deno.removeSync(`${folder}/model.safetensors`);
  Deno.writeTextFileSync(`${folder}/model.safetensors`, "half");
  hub.seen.length = 0;
  await fetchModel(ID, cache.options(hub));
  // the blobs are still there: only links are made
  assert.deepEqual(hub.seen, []);
  assert.equal(Deno.statSync(`${folder}/model.safetensors`).size, 300_000);
});

Deno.test("an index that leads out of its folder is refused, and nothing is written for it", async () => {
  for (
    const name of [
      "../../evil.safetensors",
      "/tmp/evil.safetensors",
      "a/b.safetensors",
      "x.bin",
    ]
  ) {
    await using hub = startHub({
      "owner/name": {
        files: {
          "config.json": "{}",
          "model.safetensors.index.json": JSON.stringify({
            weight_map: { a: name },
          }),
          "x.bin": "x",
        },
      },
    });
    using cache = testCache();
    await assert.rejects(fetchModel(ID, cache.options(hub)), (error: Error) => {
      assert.equal(error.name, "DataError");
      assert.ok(error.message.includes(JSON.stringify(name)), error.message);
      return true;
    });
    assert.deepEqual(
      filesIn(`${cache.hub}/${SNAPSHOT}`),
      ["model.safetensors.index.json"],
    );
  }
});

Deno.test("a list whose paths lead elsewhere is refused", async () => {
  for (
    const path of [
      "../../../evil.json",
      "/etc/evil.json",
      "a//b.json",
      "./x.json",
      "a/../../b",
    ]
  ) {
    await using hub = startHub({
      "owner/name": {
        files: { "config.json": "{}" },
        listed: [{ type: "file", path, size: 3, oid: "a".repeat(40) }],
      },
    });
    using cache = testCache();
    await assert.rejects(
      fetchModel(ID, cache.options(hub)),
      { name: "DataError", message: /leads out of its folder/ },
    );
    assert.ok(!filesIn(cache.path).some((f) => f.includes("evil")));
  }
});

Deno.test("an answer that is no Hub's is refused in words: null in the list, lists within lists", async () => {
  for (
    const [path, body] of [
      ["/tree/", "[null]"],
      [
        "/tree/",
        `[{"type": "file", "path": ${"[".repeat(5000)}${"]".repeat(5000)}}]`,
      ],
      ["/tree/", "7"],
      ["/tree/", "null"],
      ["/revision/", "null"],
      ["/revision/", `{"sha": ${"[".repeat(9000)}${"]".repeat(9000)}}`],
    ]
  ) {
    await using hub = startHub({ "owner/name": { files: {} } });
    hub.fail({ path, status: 200, body, times: 9 });
    using cache = testCache();
    await assert.rejects(
      fetchModel(ID, cache.options(hub)),
      { name: "DataError" },
      body.slice(0, 60),
    );
  }
});

Deno.test("a broken entry of the list is refused: checksums are names of files", async () => {
  for (
    const entry of [
      { type: "file", path: "config.json", size: 3, oid: "../../../x" },
      { type: "file", path: "config.json", size: -1, oid: "a".repeat(40) },
      { type: "file", path: 7, size: 1, oid: "a".repeat(40) },
      { type: "file", path: "config.json", size: 3 },
    ]
  ) {
    await using hub = startHub({
      "owner/name": { files: {}, listed: [entry] },
    });
    using cache = testCache();
    await assert.rejects(
      fetchModel(ID, cache.options(hub)),
      { name: "DataError", message: /lists a broken entry/ },
    );
  }
});

Deno.test("a model without safetensors says what it has and how to convert it", async () => {
  await using hub = startHub({
    "owner/name": { files: { "config.json": "{}", "pytorch_model.bin": "x" } },
    "owner/rows": { files: { "rows.jsonl": "{}" } },
  });
  using cache = testCache();
  await assert.rejects(
    fetchModel(ID, cache.options(hub)),
    {
      name: "DataError",
      message:
        /no weights as safetensors, only files such as pytorch_model\.bin/,
    },
  );
  await assert.rejects(
    fetchModel({ ...ID, id: "owner/rows" }, cache.options(hub)),
    { name: "DataError", message: /no config\.json \(it has rows\.jsonl\)/ },
  );
});

Deno.test("what the Hub has not is told with both readings of the path", async () => {
  await using hub = startHub({ "owner/name": ONE_FILE });
  using cache = testCache();
  const request = { ...cache.options(hub), base: cache.path };
  await assert.rejects(resolveModelPath("owner/other", request), {
    name: "DataError",
    message:
      /^There is no model `owner\/other`: as a path, .*\/owner\/other does not exist; as a Hub id: .* has no model owner\/other, or it is private/,
  });
  await assert.rejects(
    resolveModelPath("owner/name", { ...request, revision: "v9" }),
    { name: "DataError", message: /has no revision v9/ },
  );
});

Deno.test("gated models open to a token, which goes to the Hub and to nobody else", async () => {
  await using hub = startHub({ "owner/name": { ...ONE_FILE, gated: true } });
  using cache = testCache();
  await assert.rejects(fetchModel(ID, cache.options(hub)), {
    name: "DataError",
    message:
      /is gated: accept its terms at http.*\/owner\/name, then set HF_TOKEN/,
  });
  await assert.rejects(
    fetchModel(ID, cache.options(hub, { HF_TOKEN: "hf_wrong" })),
    {
      name: "DataError",
      message:
        /has no model owner\/name, or the account of HF_TOKEN may not see it/,
    },
  );
  hub.seen.length = 0;
  await fetchModel(ID, cache.options(hub, { HF_TOKEN: TOKEN }));
  const told = (on: string) =>
    new Set(hub.seen.filter((s) => s.on === on).map((s) => s.authorization));
  assert.ok(told("hub").has(`Bearer ${TOKEN}`));
  assert.deepEqual([...told("cdn")], [null]);
});

Deno.test("the token may be where the Hub's own tools keep it", async () => {
  await using hub = startHub({ "owner/name": { ...SHARDED, gated: true } });
  using cache = testCache();
  Deno.mkdirSync(`${cache.path}/hf`);
  Deno.writeTextFileSync(`${cache.path}/hf/token`, `${TOKEN}\n`);
  await fetchModel(ID, cache.options(hub));
});

Deno.test("offline, the cache is all there is, and what it lacks is named", async () => {
  await using hub = startHub({ "owner/name": SHARDED });
  using cache = testCache();
  const offline = { HF_HUB_OFFLINE: "1" };
  await assert.rejects(fetchModel(ID, cache.options(hub, offline)), {
    name: "DataError",
    message:
      /Revision main of the model owner\/name is not in .*HF_HUB_OFFLINE is set/,
  });
  const { folder } = await fetchModel(ID, cache.options(hub));
  hub.seen.length = 0;
  await fetchModel(ID, cache.options(hub, offline));
  assert.deepEqual(hub.seen, []);
  // as another tool leaves a cache: no list of files, and something missing
  const shard = `${folder}/model-2-of-2.safetensors`;
  Deno.removeSync(Deno.realPathSync(shard));
  Deno.removeSync(shard);
  await assert.rejects(fetchModel(ID, cache.options(hub, offline)), {
    name: "DataError",
    message:
      /1 files of the model owner\/name .* are not in .*model-2-of-2\.safetensors/,
  });
  Deno.removeSync(`${cache.path}/denotune`, { recursive: true });
  await assert.rejects(fetchModel(ID, cache.options(hub, offline)), {
    name: "DataError",
    message: /only in part.* has no model-2-of-2\.safetensors/,
  });
  assert.deepEqual(hub.seen, []);
});

Deno.test("an endpoint that is no Hub is named", async () => {
  using cache = testCache();
  const env = { HF_ENDPOINT: "ftp://x", HF_HOME: cache.path };
  await assert.rejects(
    fetchModel(ID, {
      env: (name) => name === "HF_ENDPOINT" ? env.HF_ENDPOINT : env.HF_HOME,
    }),
    { name: "ConfigError", message: /HF_ENDPOINT is "ftp:\/\/x"/ },
  );
  await using page = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => Response.json({ hello: "world" }),
  );
  const endpoint = `http://127.0.0.1:${page.addr.port}`;
  await assert.rejects(
    fetchModel(ID, {
      env: (name) => name === "HF_ENDPOINT" ? endpoint : cache.path,
    }),
    { name: "DataError", message: /gives no commit.*is HF_ENDPOINT a Hub/ },
  );
});

Deno.test("a model that the disk has no room for is refused before a byte is fetched", async () => {
  const size = 10 ** 15;
  await using hub = startHub({
    "owner/name": {
      files: { "config.json": "{}" },
      listed: [{
        type: "file",
        path: "model.safetensors",
        size,
        oid: "a".repeat(40),
        lfs: { oid: "b".repeat(64), size, pointerSize: 130 },
      }],
    },
  });
  using cache = testCache();
  await assert.rejects(fetchModel(ID, cache.options(hub)), {
    name: "DeviceError",
    message:
      /it needs 1000000\.0 GB, the disk of .* has .* left; free space, or set HF_HOME/,
  });
  assert.ok(!hub.seen.some((s) => s.path.includes("/resolve/")));
});

Deno.test("a run that does not use the Hub never loads its package", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", "core/config/load.ts"],
    cwd: new URL("../../../../", import.meta.url),
  }).output();
  const graph: { modules: { specifier: string }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const names = graph.modules.map((m) => m.specifier);
  assert.ok(names.some((n) => n.endsWith("/hub_package.ts")));
  assert.deepEqual(
    names.filter((n) => /huggingface\/hub/.test(n)),
    [],
  );
});

Deno.test("a bare name is followed to where the Hub has moved it, and kept under its own name", async () => {
  await using hub = startHub({
    gpt2: { files: {}, movedTo: "openai-community/gpt2" },
    "openai-community/gpt2": ONE_FILE,
  });
  using cache = testCache();
  const found = await resolveModelPath("gpt2", {
    base: "/nowhere",
    ...cache.options(hub),
  });
  assert.deepEqual(found, {
    path: `${cache.hub}/models--gpt2/snapshots/${COMMIT}`,
    hub: { id: "gpt2", commit: COMMIT },
  });
  assert.deepEqual(
    Deno.readFileSync(`${found.path}/model.safetensors`),
    ONE_FILE.files["model.safetensors"],
  );
});
