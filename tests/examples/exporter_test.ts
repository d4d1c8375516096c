/** The example of an exporter: its public suite; a run through the same command and check; and NumPy. */
import assert from "node:assert/strict";
import { makePart, testExporter } from "@denotune/denotune/testing";
import plugin from "../../examples/exporter/npz.ts";
import { run } from "../core/cli/_run.ts";
import { exportableRun } from "../exported_run.ts";
import { testFolder } from "../run_harness.ts";

testExporter("npz", () => makePart(plugin, "exporter"));

const module = new URL("../../examples/exporter/npz.ts", import.meta.url).href;

/** What NumPy says of the arrays: names and shapes, and the sum of all numbers. */
async function numpy(path: string): Promise<[string, number][] | null> {
  const child = new Deno.Command("python3", {
    args: [
      "-c",
      "import json, sys, numpy; f = numpy.load(sys.argv[1]); print(json.dumps([[f'{k} {f[k].dtype} {list(f[k].shape)}', float(f[k].astype('f8').sum())] for k in f.files]))",
      path,
    ],
  });
  try {
    const { success, stdout } = await child.output();
    return success ? JSON.parse(new TextDecoder().decode(stdout)) : null;
  } catch {
    return null; // no Python here
  }
}

Deno.test("a stranger's exporter goes through the same command and check", async () => {
  using folder = testFolder();
  const trained = await exportableRun(folder);
  const backend = ["--backend", "reference"];
  const words = ["export", trained, "--plugin", module, "--to", "npz"];
  const out = folder.at("out");
  const exported = await run(...words, "-o", out, ...backend);
  assert.equal(exported.code, 0, exported.err);
  assert.match(exported.out, /weights +20 tensors: 20 f32, exact/);
  assert.match(exported.out, /log-probabilities equal/);
  const found = await numpy(`${out}/weights.npz`);
  if (found !== null) {
    assert.equal(found.length, 20);
    const [[name, sum]] = found;
    assert.equal(name, "model.embed_tokens.weight float32 [266, 32]");
    assert.ok(Number.isFinite(sum) && sum !== 0);
  }
  const path = `${out}/weights.npz`;
  const bytes = Deno.readFileSync(path);
  bytes[5003] ^= 0x40; // an exponent in the embedding
  Deno.writeFileSync(path, bytes);
  const checked = await run(...words, "--check", out, ...backend);
  assert.equal(checked.code, 1, checked.out);
  assert.match(
    checked.err,
    /fault tensor model\.embed_tokens\.weight\[\d+, \d+\]/,
  );
});

Deno.test("the example is shorter than 60 lines", () => {
  const text = Deno.readTextFileSync(new URL(module));
  assert.ok(text.split("\n").length <= 60);
});
