/**
 * The quickstart on WebGPU, as its user runs it: half of its epochs, and it answers nearly all that it was not
 * trained on. (All of them give 0.996 on llvmpipe, in two minutes.)
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { missing, title } from "../backends/webgpu/_device.ts";
import { denotune, emptyFolder } from "./_denotune.ts";

Deno.test({
  name: title("the quickstart reaches its accuracy on webgpu"),
  ignore: missing !== null,
  async fn() {
    using folder = emptyFolder();
    const { code, out, err } = await denotune(
      folder.path,
      "train",
      "backend=webgpu",
      "training.epochs=4",
      "training.eval_steps=null",
      "training.eval_on_start=false",
      "samples.prompts=[]",
    );
    assert.equal(code, 0, out + err);
    assert.match(out, /backend +webgpu/);
    const metrics = Deno.readTextFileSync(
      join(folder.path, "outputs/quickstart/metrics.jsonl"),
    );
    const [evaluation] = metrics.trim().split("\n").map((l) => JSON.parse(l))
      .filter((e) => e.event === "eval");
    assert.ok(
      evaluation.eval_exact_match >= 0.9,
      `${evaluation.eval_exact_match}`,
    );
    assert.ok(evaluation.eval_token_accuracy >= 0.97);
  },
});
