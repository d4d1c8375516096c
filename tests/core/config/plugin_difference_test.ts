import assert from "node:assert/strict";
import { loadRun } from "../../../core/config/load.ts";
import { pluginDifferences } from "../../../core/config/plugin_difference.ts";
import { RESOLVED } from "../../../core/run/log/run_files.ts";
import { decideRunFolder } from "../../../core/run/run_folder.ts";
import { resolvedText } from "../../../core/config/resolved.ts";
import { builtinRegistry, testFolder, TINY_LLAMA } from "../../run_harness.ts";

const before = { use: "npm:@acme/a", version: "1.0.0", hash: "sha256-aaaa" };
const registry = builtinRegistry();
registry.add({ name: "acme", api: 1, parts: [] }, "npm:@acme/a");

Deno.test("a plugin with another hash, one that is gone and one that came are each a line", () => {
  assert.deepEqual(
    pluginDifferences({ plugins: [before] }, [before], registry),
    [],
  );
  assert.deepEqual(
    pluginDifferences({ plugins: [before, { ...before, use: "/b.ts" }] }, [
      { ...before, version: "1.1.0", hash: "sha256-bbbb" },
      { use: "/c.ts", version: null, hash: null },
    ], registry),
    [
      "plugin acme (npm:@acme/a): was version 1.0.0 (sha256-aaaa), now version 1.1.0 (sha256-bbbb)",
      "plugin /b.ts: was version 1.0.0 (sha256-aaaa), is not named now",
      "plugin /c.ts: was not named, now unknown code",
    ],
  );
});

Deno.test("a run that began before hashes were recorded is resumed", () => {
  assert.deepEqual(
    pluginDifferences({ plugins: ["npm:@acme/a"] }, [before], registry),
    [],
  );
});

Deno.test("an unfinished run with a checkpoint is not resumed with a plugin that was changed", async () => {
  using folder = testFolder();
  const load = async (copy: string, comment: string) => {
    Deno.mkdirSync(folder.at(copy), { recursive: true });
    Deno.writeTextFileSync(
      folder.at(copy, "p.ts"),
      `export default { name: "mine", api: 1, version: "2", parts: [{
         kind: "masker", name: "m", description: "x", jsonSchema: { type: "object" },
         options: { "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } },
         create: () => ({}),
       }] }; // ${comment}`,
    );
    const run = await loadRun({
      object: {
        model: { from_config: TINY_LLAMA },
        tokenizer: "byte",
        data: { train: [{ rows: [{ text: "a" }] }] },
        training: { max_steps: 2 },
        output_dir: folder.at("out"),
        plugins: [folder.at(copy, "p.ts")],
      },
      registry: builtinRegistry(),
    });
    const use = folder.at("first", "p.ts"); // a process loads each path once
    const [entry] = run.config.plugins;
    return { ...run, config: { ...run.config, plugins: [{ ...entry, use }] } };
  };
  const first = await load("first", "as it began");
  Deno.mkdirSync(folder.at("out", "checkpoint-1"), { recursive: true });
  Deno.writeTextFileSync(
    folder.at("out", RESOLVED),
    await resolvedText(first, "0"),
  );
  Deno.writeTextFileSync(folder.at("out", "checkpoint-1", "state.json"), "{}");
  assert.equal((await decideRunFolder(first)).continues, true);
  assert.equal(
    (await decideRunFolder(await load("same", "as it began"))).continues,
    true,
    "the folder that a plugin is in does not count",
  );
  const other = await load("other", "changed since");
  await assert.rejects(decideRunFolder(other), (error: Error) => {
    assert.match(
      error.message,
      /holds an unfinished run with other plugins:\n {2}plugin .*p\.ts.*: was version 2 \(sha256-\w{12}\), now version 2 \(sha256-\w{12}\)\nResume with the plugins that it began with .*training\.resume=never/,
    );
    return error.name === "ConfigError";
  });
});
