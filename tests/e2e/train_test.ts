import assert from "node:assert/strict";
import { alpacaRows, tinyRun } from "../core/cli/_run.ts";
import { denotune, emptyFolder, projectFile, start } from "./_denotune.ts";

const MOD = projectFile("mod.ts");

/** A folder with `run.yaml`; `long` makes steps of several seconds. */
function folderWithRun({ long = false } = {}) {
  const folder = emptyFolder();
  const run = tinyRun(folder.path).replace("[jsonl]", "[console, jsonl]");
  Deno.writeTextFileSync(
    `${folder.path}/run.yaml`,
    long
      ? run.replace("hidden_size: 16", "hidden_size: 384")
        .replace("num_hidden_layers: 1", "num_hidden_layers: 3")
        .replace("batch_size: 4", "batch_size: 16")
      : run.replace("epochs: 1", "epochs: 200"),
  );
  Deno.writeTextFileSync(`${folder.path}/rows.jsonl`, alpacaRows(32));
  return folder;
}

Deno.test("train without a run file is the quickstart, and says so; a second time keeps the first", async () => {
  using folder = emptyFolder();
  const short = [
    "train",
    "training.max_steps=2",
    "evaluators=[]",
    "samples.prompts=[Reverse abc]",
    "backend=reference",
    "training.eval_steps=null",
    "training.eval_on_start=false",
    "data.train.0.max_rows=96",
    "data.eval.0.max_rows=8",
  ];
  const first = await denotune(folder.path, ...short);
  assert.equal(first.code, 0, first.err);
  assert.match(first.out, /^No run file given.*quickstart/);
  assert.match(
    first.out,
    /generate outputs\/quickstart --prompt 'Reverse abc'/,
  );
  const second = await denotune(folder.path, ...short);
  assert.equal(second.code, 0, second.err);
  assert.match(second.out, /outputs\/quickstart\.1/);
  const kept = [...Deno.readDirSync(`${folder.path}/outputs`)].map((e) =>
    e.name
  );
  assert.deepEqual(kept.sort(), ["quickstart", "quickstart.1"]);
});

Deno.test("train without a run file takes denotune.yaml of the working directory", async () => {
  using folder = folderWithRun();
  Deno.renameSync(`${folder.path}/run.yaml`, `${folder.path}/denotune.yaml`);
  const { code, out } = await denotune(
    folder.path,
    "train",
    "training.max_steps=1",
  );
  assert.equal(code, 0);
  assert.match(out, /^Using denotune\.yaml/);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`the first ${signal} saves and exits with 130; the same command goes on`, async () => {
    using folder = folderWithRun();
    const running = start(folder.path, MOD, "train", "run.yaml");
    await running.until("step 3/");
    running.process.kill(signal);
    const { code, out, err } = await running.end();
    assert.equal(code, 130, err);
    assert.match(out, /saved +checkpoint/);
    assert.match(err, /Stopping/);
    const [checkpoint] = [...Deno.readDirSync(`${folder.path}/outputs/run`)]
      .filter((e) => e.name.startsWith("checkpoint-"));
    const step = Number(checkpoint.name.slice("checkpoint-".length));
    const again = start(folder.path, MOD, "train", "run.yaml");
    await again.until(`step ${step + 1}/`);
    again.process.kill("SIGKILL");
    const { out: told } = await again.end();
    assert.ok(!told.includes(`step ${step}/`));
  });
}

Deno.test("a second interrupt exits at once, in the middle of a long step", async () => {
  using folder = folderWithRun({ long: true });
  const running = start(folder.path, MOD, "train", "run.yaml");
  await running.until("step 1/");
  running.process.kill("SIGINT");
  await running.until("Ctrl-C again"); // two signals that wait are one; a step takes many times longer
  running.process.kill("SIGINT");
  const { code, out } = await running.end();
  assert.equal(code, 130);
  assert.ok(!out.includes("step 2/"), "the step was waited for");
  assert.ok(!out.includes("checkpoint"));
});

Deno.test("a run file in TypeScript may import the package that runs it", async () => {
  using folder = folderWithRun();
  const file = `${folder.path}/run.ts`;
  Deno.writeTextFileSync(
    file,
    `import { adamw, choose, defineRun } from "@denotune/denotune";
export default defineRun({ extends: "run.yaml", optimizer: choose(adamw, { learning_rate: 1e-3 }) } as never);`,
  );
  const { code, err } = await denotune(
    folder.path,
    "train",
    "run.ts",
    "training.max_steps=1",
  );
  assert.equal(code, 0, err);
});
