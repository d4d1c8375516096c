/**
 * A machine without a GPU: the backend that a run names is not replaced by another in silence.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { tinyRows, tinyRun } from "../run_harness.ts";
import { emptyFolder, projectFile } from "./_denotune.ts";

Deno.test({
  name:
    "a run that names webgpu where there is no adapter ends with 1 and says what to install; auto takes the cpu and says so",
  ignore: Deno.build.os !== "linux", // elsewhere the system's drivers cannot be hidden
  async fn() {
    using folder = emptyFolder();
    const rows = join(folder.path, "rows.jsonl");
    Deno.writeTextFileSync(
      rows,
      tinyRows(16).map((row) => JSON.stringify(row) + "\n").join(""),
    );
    const train = async (name: string, backend: string) => {
      const file = join(folder.path, `${name}.json`);
      const run = {
        ...tinyRun(join(folder.path, name), {
          trackers: ["console"],
          data: {
            train: [{ path: rows, format: "alpaca" }],
            template: { use: "plain", separator: "\n" },
          },
          training: { max_steps: 1, batch_size: 4 },
        }),
        backend,
      };
      Deno.writeTextFileSync(file, JSON.stringify(run));
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", projectFile("mod.ts"), "train", file],
        env: {
          NO_COLOR: "1",
          DENO_WEBGPU_BACKEND: "vulkan",
          VK_ICD_FILENAMES: join(folder.path, "no_driver.json"),
          DENOTUNE_CACHE: join(folder.path, "cache"),
        },
      }).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { code, out: text(stdout), err: text(stderr) };
    };
    const named = await train("named", "webgpu");
    assert.equal(named.code, 1, named.out + named.err);
    assert.match(named.err, /backend webgpu cannot run here: no GPU adapter/);
    assert.match(named.err, /Install your GPU's Vulkan driver/);
    assert.doesNotMatch(named.err, /^\s+at /m);
    const auto = await train("auto", "auto");
    assert.equal(auto.code, 0, auto.out + auto.err);
    assert.match(auto.out, /backend +cpu .*webgpu: no GPU adapter was found/);
  },
});
