/** Files of an evaluator's own rows: pipes and devices are refused, not waited for. */
import assert from "node:assert/strict";
import { readRowsFile } from "../../../plugins/evaluators/prompts_file.ts";

Deno.test("a pipe or a device as a file of prompts is refused at once", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const pipe = `${folder}/prompts.txt`;
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    for (const path of [pipe, "/dev/zero"]) {
      assert.throws(() => readRowsFile(path), {
        name: "ConfigError",
        message: `Cannot read ${path}: it is no file`,
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
