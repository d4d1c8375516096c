import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import { startHub } from "../../../hub_server.ts";
import { messageOf, stubRegistry, testFolder } from "../../config/_parts.ts";
import { testCache } from "./_support.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const HUB = {
  "owner/name": { files: { "config.json": "{}", "model.safetensors": "x" } },
  "datasets/owner/rows": {
    files: { "train.jsonl": "{}", "test.jsonl": "{}" },
  },
};
const RUN =
  "model: {path: owner/name}\ndata:\n  train:\n    - {path: owner/rows}\n    - {path: owner/rows, split: 'train[:1]', data_files: train.jsonl}\n";

Deno.test("a run names the commits of Hub ids, and downloads neither model nor data", async () => {
  await using hub = startHub(HUB);
  using cache = testCache();
  using folder = testFolder({ "run.yaml": RUN });
  const request = {
    file: "run.yaml",
    cwd: folder.path,
    registry: stubRegistry(),
    env: cache.options(hub).env,
  };
  const { config } = await loadRun({ ...request, files: "ignore" });
  assert.deepEqual([config.model.revision, hub.seen], ["main", []]);
  const checked = (await loadRun(request)).config;
  assert.deepEqual(
    [
      checked.model.path,
      checked.model.revision,
      checked.data.train[1].revision,
    ],
    ["owner/name", COMMIT, COMMIT],
  );
  assert.equal(checked.data.train[1].data_files, "train.jsonl");
  assert.ok(
    !hub.seen.some((s) => s.path.includes("/resolve/")),
    "nothing is downloaded",
  );
});

Deno.test("what the Hub has not is a problem of the run file, at its line, with all others", async () => {
  await using hub = startHub(HUB);
  using cache = testCache();
  using folder = testFolder({
    "run.yaml":
      "model: {path: owner/nam}\ndata:\n  train:\n    - {path: owner/rows, split: valid}\n    - {path: owner/rows, name: en}\n    - {path: owner/rows, revision: v9}\n",
  });
  const message = await messageOf(() =>
    loadRun({
      file: "run.yaml",
      cwd: folder.path,
      registry: stubRegistry(),
      env: cache.options(hub).env,
    }), folder);
  const lines = message.split("\n");
  assert.equal(lines.length, 5, message);
  assert.match(
    lines[1],
    /run\.yaml:1:15: `model\.path`: there is no model `owner\/nam`: as a path, .*has no model owner\/nam, or it is private/,
  );
  assert.match(
    lines[2],
    /run\.yaml:4:14: .*has no split valid; it has train, test/,
  );
  assert.match(
    lines[3],
    /run\.yaml:5:14: .*has no configuration en: its card describes none/,
  );
  assert.match(lines[4], /run\.yaml:6:14: .*has no revision v9/);
});

Deno.test("a Hub that cannot be reached is no fault of the run file", async () => {
  using cache = testCache();
  using folder = testFolder({ "run.yaml": RUN });
  const hub = startHub({});
  await hub[Symbol.asyncDispose]();
  await assert.rejects(
    loadRun({
      file: "run.yaml",
      cwd: folder.path,
      registry: stubRegistry(),
      env: cache.options(hub).env,
      hub: { attempts: 1 },
    }),
    { name: "DeviceError", message: /Cannot list the model owner\/name from/ },
  );
});

Deno.test("a Hub that cannot be reached does not hide data that are not there", async () => {
  using cache = testCache();
  using folder = testFolder({
    "run.yaml":
      "model: { path: owner/name }\ndata: { train: [{ path: none.jsonl, format: alpaca }] }\n",
  });
  const hub = startHub({});
  await hub[Symbol.asyncDispose]();
  await assert.rejects(
    loadRun({
      file: "run.yaml",
      cwd: folder.path,
      registry: stubRegistry(),
      env: cache.options(hub).env,
      hub: { attempts: 1 },
    }),
    {
      name: "ConfigError",
      message:
        /2 problems[^]*cannot list the model owner\/name[^]*no data set at .*none\.jsonl/,
    },
  );
});
