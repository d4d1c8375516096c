import assert from "node:assert/strict";
import { loadRun } from "../../../../core/config/load.ts";
import {
  firstUse,
  hostOf,
  rememberUse,
} from "../../../../core/config/parts/remote_plugin.ts";
import { stubRegistry, testFolder } from "../_parts.ts";

Deno.test("a plugin from elsewhere is announced until it was used once", () => {
  using folder = testFolder({});
  for (const one of ["npm:@acme/x@1", "jsr:@a/b", "https://example.org/p.ts"]) {
    assert.match(
      firstUse(one, folder.path) ?? "",
      /^First use of the plugin .* comes from (registry\.npmjs\.org|jsr\.io|example\.org) and runs with all rights of this process$/,
    );
    rememberUse(one, folder.path);
    assert.equal(firstUse(one, folder.path), null);
  }
  assert.notEqual(firstUse("npm:@acme/x@2", folder.path), null);
  assert.equal(firstUse("/home/me/p.ts", folder.path), null);
});

Deno.test("a list of used plugins that is damaged or cannot be written announces again", () => {
  using folder = testFolder({ "remote_plugins.json": "{" });
  assert.notEqual(firstUse("npm:x", folder.path), null);
  rememberUse("npm:x", folder.path);
  assert.equal(firstUse("npm:x", folder.path), null);
  rememberUse("npm:y", "/dev/null/denotune");
  assert.notEqual(firstUse("npm:y", "/dev/null/denotune"), null);
});

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
