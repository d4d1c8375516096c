import assert from "node:assert/strict";
import { isHubId } from "../../../core/io/hub/hub_cache.ts";
import { loadRun } from "../../../core/config/load.ts";
import { resolveModelPath } from "../../../core/config/paths.ts";
import {
  type DataRequest,
  locateData,
} from "../../../core/io/hub/locate_data.ts";
import { messageOf, stubRegistry, testFolder } from "./_parts.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const MODEL = "hf/hub/models--owner--name";
const DATA = "hf/hub/datasets--owner--rows";
const CACHE = {
  [`${MODEL}/refs/main`]: COMMIT,
  [`${MODEL}/snapshots/${COMMIT}/config.json`]: "{}",
  [`${DATA}/refs/refs/pr/1`]: `${COMMIT}\n`,
  [`${DATA}/snapshots/${COMMIT}/data.jsonl`]: "{}",
};

/** Offline: what is in the cache is all there is. */
function envOf(folder: { path: string }) {
  const env: Record<string, string> = {
    HF_HOME: `${folder.path}/hf`,
    DENOTUNE_CACHE: `${folder.path}/cache`,
    HF_HUB_OFFLINE: "1",
  };
  return (name: string): string | undefined => env[name];
}

function dataAt(path: string, more: Partial<DataRequest> = {}): DataRequest {
  return {
    path,
    base: "",
    revision: "main",
    name: null,
    split: null,
    dataFiles: null,
    side: "train",
    ...more,
  };
}

Deno.test("a Hub id is owner/name, or a bare name without a dot", () => {
  for (
    const id of [
      "HuggingFaceTB/SmolLM2-135M",
      "a/b",
      "Qwen/Qwen3-1.7B",
      "gpt2",
      "bert-base-uncased",
      "super_glue",
    ]
  ) {
    assert.ok(isHubId(id), id);
  }
  for (
    const id of [
      "rows.jsonl",
      "./gpt2",
      "-",
      "./a/b",
      "a/b/c",
      "/a/b",
      "a/..",
      "../b",
      "a/b..c",
      ".a/b",
      "a\\b",
      "~/b",
    ]
  ) {
    assert.ok(!isHubId(id), id);
  }
});

Deno.test("a bare name is a folder, else a Hub id, and a run of that name is pointed at", async () => {
  using folder = testFolder({
    "gpt2/config.json": "{}",
    "outputs/mine/config.resolved.yaml": "",
    "hf/hub/models--distilgpt2/refs/main": COMMIT,
    [`hf/hub/models--distilgpt2/snapshots/${COMMIT}/config.json`]: "{}",
  });
  const request = { base: folder.path, env: envOf(folder) };
  assert.equal(
    (await resolveModelPath("gpt2", request)).path,
    `${folder.path}/gpt2`,
  );
  assert.deepEqual((await resolveModelPath("distilgpt2", request)).hub, {
    id: "distilgpt2",
    commit: COMMIT,
  });
  assert.equal(
    await messageOf(() => resolveModelPath("mine", request), folder),
    "There is no folder DIR/mine; did you mean outputs/mine?",
  );
  assert.match(
    await messageOf(() => resolveModelPath("nothing", request), folder),
    /There is no model `nothing`: as a path, DIR\/nothing does not exist; as a Hub id: Revision main/,
  );
});

Deno.test("an existing path wins over a Hub id", async () => {
  using folder = testFolder({ ...CACHE, "owner/name/config.json": "{}" });
  assert.deepEqual(
    await resolveModelPath("owner/name", {
      base: folder.path,
      env: envOf(folder),
    }),
    {
      path: `${folder.path}/owner/name`,
      hub: null,
    },
  );
});

Deno.test("a Hub id is found in the cache, by branch, by other ref and by commit", async () => {
  using folder = testFolder(CACHE);
  const env = envOf(folder);
  const model = {
    path: `${folder.path}/${MODEL}/snapshots/${COMMIT}`,
    hub: { id: "owner/name", commit: COMMIT },
  };
  assert.deepEqual(
    await resolveModelPath("owner/name", { base: folder.path, env }),
    model,
  );
  assert.deepEqual(
    await resolveModelPath("owner/name", {
      base: folder.path,
      env,
      revision: COMMIT,
    }),
    model,
  );
  const rows = await locateData(
    dataAt("owner/rows", { base: folder.path, revision: "refs/pr/1" }),
    { env },
  );
  assert.deepEqual(rows.hub, { id: "owner/rows", commit: COMMIT });
});

Deno.test("the cache's folder is that of the Hub's own tools", async () => {
  using folder = testFolder({
    [`own/models--owner--name/refs/main`]: COMMIT,
    [`own/models--owner--name/snapshots/${COMMIT}/config.json`]: "",
  });
  const found = async (env: Record<string, string>) =>
    (await resolveModelPath("owner/name", {
      base: folder.path,
      env: (name) => ({ ...env, HF_HUB_OFFLINE: "1" })[name],
    })).hub?.commit;
  assert.equal(
    await found({ HF_HUB_CACHE: `${folder.path}/own`, HF_HOME: "/nowhere" }),
    COMMIT,
  );
  Deno.mkdirSync(`${folder.path}/.cache/huggingface`, { recursive: true });
  Deno.renameSync(
    `${folder.path}/own`,
    `${folder.path}/.cache/huggingface/hub`,
  );
  assert.equal(await found({ HOME: folder.path }), COMMIT);
  assert.equal(
    await found({ XDG_CACHE_HOME: `${folder.path}/.cache` }),
    COMMIT,
  );
});

Deno.test("what is nowhere is refused with both readings", async () => {
  using folder = testFolder(CACHE);
  const request = { base: folder.path, env: envOf(folder) };
  assert.equal(
    await messageOf(() => resolveModelPath("owner/other", request), folder),
    "There is no model `owner/other`: as a path, DIR/owner/other does not exist; as a Hub id: Revision main of the model owner/other " +
      "is not in DIR/hf/hub, and HF_HUB_OFFLINE is set; unset it, or download on a machine with network and copy the folder",
  );
  assert.match(
    await messageOf(
      () =>
        locateData(
          dataAt("owner/rows", { base: folder.path, revision: "v2" }),
          request,
        ),
    ),
    /as a Hub id: Revision v2 of the data set owner\/rows is not in /,
  );
  assert.equal(
    await messageOf(
      () =>
        locateData(dataAt("data/rows.jsonl", { base: folder.path }), request),
      folder,
    ),
    "There is no data set `data/rows.jsonl`: DIR/data/rows.jsonl does not exist",
  );
  assert.equal(
    await messageOf(() => resolveModelPath("./model", request), folder),
    "There is no model at DIR/model",
  );
});

Deno.test("a revision never leads out of the cache", async () => {
  using folder = testFolder({ ...CACHE, "hf/hub/secret": COMMIT });
  for (
    const revision of ["../../secret", "..", "a/../../../secret", "/etc/passwd"]
  ) {
    await assert.rejects(
      resolveModelPath("owner/name", {
        base: folder.path,
        env: envOf(folder),
        revision,
      }),
      { name: "DataError" },
    );
  }
});

Deno.test("a model that is a file, or in the cache in part, is refused", async () => {
  using folder = testFolder({
    "model.safetensors": "",
    [`${MODEL}/refs/main`]: COMMIT,
    [`${MODEL}/snapshots/${COMMIT}/README.md`]: "",
  });
  const request = { base: folder.path, env: envOf(folder) };
  assert.equal(
    await messageOf(
      () => resolveModelPath("model.safetensors", request),
      folder,
    ),
    "The model DIR/model.safetensors is a file; give the folder that holds its config.json",
  );
  assert.match(
    await messageOf(() => resolveModelPath("owner/name", request), folder),
    /is in the cache only in part, and HF_HUB_OFFLINE is set: .* has no config\.json/,
  );
});

Deno.test("a run pins the commit of a cached Hub id, and leaves the id", async () => {
  using folder = testFolder({
    ...CACHE,
    "rows.jsonl": "{}",
    "run.yaml":
      "model: {path: owner/name}\ndata: {train: [{path: owner/rows, revision: refs/pr/1, split: train}]}\n",
  });
  const { config } = await loadRun({
    file: "run.yaml",
    cwd: folder.path,
    registry: stubRegistry(),
    env: envOf(folder),
  });
  assert.equal(config.model.path, "owner/name");
  assert.equal(config.model.revision, COMMIT);
  assert.equal(config.data.train[0].path, "owner/rows");
  assert.equal(config.data.train[0].revision, COMMIT);
});

Deno.test("files are not looked for when only the run file is checked", async () => {
  using folder = testFolder({
    "run.yaml":
      "model: {path: owner/none}\ndata: {train: [{path: none.jsonl}]}\n",
  });
  const request = {
    file: "run.yaml",
    cwd: folder.path,
    registry: stubRegistry(),
    env: envOf(folder),
  };
  const { config } = await loadRun({ ...request, files: "ignore" });
  assert.equal(config.model.path, "owner/none");
  assert.equal(config.data.train[0].path, `${folder.path}/none.jsonl`);
  assert.match(
    await messageOf(() => loadRun(request)),
    /^The run has 2 problems:/,
  );
});

Deno.test("name and split belong to Hub data sets; a checkpoint to resume from must be there", async () => {
  using folder = testFolder({
    "model/config.json": "{}",
    "rows.jsonl": "{}",
    "run.yaml":
      "model: {path: model}\ndata: {train: [{path: rows.jsonl, split: train}]}\ntraining: {resume: ckpt}\n",
  });
  const load = () =>
    messageOf(
      () =>
        loadRun({
          file: "run.yaml",
          cwd: folder.path,
          registry: stubRegistry(),
        }),
      folder,
    );
  assert.equal(
    await load(),
    "The run has 2 problems:\n" +
      "  run.yaml:2:35: `data.train.0.split` belongs to a Hub data set or a folder; `data.train.0.path` is a file\n" +
      '  run.yaml:3:20: `training.resume` is "ckpt"; expected auto, never or a checkpoint\'s folder, and there is none at DIR/ckpt',
  );
});
