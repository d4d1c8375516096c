import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import { hostOf } from "../../../../core/config/parts/remote_plugin.ts";
import { stubRegistry, testFolder } from "../_parts.ts";

Deno.test("the host of a plugin is the registry that Deno asks", () => {
  const env = (name: string) =>
    name === "NPM_CONFIG_REGISTRY" ? "https://npm.example.org/all/" : undefined;
  assert.equal(hostOf("npm:x", env), "npm.example.org");
  assert.equal(hostOf("jsr:@a/b", env), "jsr.io");
});

Deno.test("a run says that a plugin is used for the first time before its code is fetched", async () => {
  using folder = testFolder({
    "model/config.json": "{}",
    "rows.jsonl": "{}",
    "run.yaml":
      'plugins: ["https://127.0.0.1:1/p.ts"]\nmodel: {path: model}\ndata: {train: [{path: rows.jsonl, format: alpaca}]}\n',
  });
  const notices: string[] = [];
  await assert.rejects(
    loadRun({
      file: "run.yaml",
      cwd: folder.path,
      registry: stubRegistry(),
      notice: (what) => notices.push(what),
    }),
    /run\.yaml:1:11: cannot load the plugin https:\/\/127\.0\.0\.1:1\/p\.ts/,
  );
  assert.match(notices[0], /First use of the plugin .* from 127\.0\.0\.1:1 /);
});
