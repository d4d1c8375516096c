import assert from "node:assert/strict";
import { denotune, emptyFolder, projectFile, start } from "./_denotune.ts";

Deno.test("importing mod.ts as a library needs no permission, prints nothing and ends", async () => {
  using folder = emptyFolder();
  const file = `${folder.path}/use.ts`;
  Deno.writeTextFileSync(
    file,
    `import * as denotune from ${JSON.stringify(projectFile("mod.ts"))};
for (const name of ["defineRun", "train", "loadModel", "generate", "inspect", "choose"]) {
  if (!(name in denotune)) throw new Error(name);
}`,
  );
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--config",
      projectFile("deno.json"),
      file,
    ],
    cwd: folder.path,
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(new TextDecoder().decode(stdout), "");
  assert.ok(success);
});

Deno.test("a reader that goes away is no error trace", async () => {
  using folder = emptyFolder();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", projectFile("mod.ts"), "schema"],
    cwd: folder.path,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await process.stdout.cancel();
  const err = await new Response(process.stderr).text();
  assert.equal(err, "");
  await process.status;
});

Deno.test("a wrong input exits with 2 and one line on stderr", async () => {
  using folder = emptyFolder();
  const { code, out, err } = await denotune(folder.path, "train", "no.yaml");
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /^error: There is no run file .*no\.yaml\n$/);
});

Deno.test("generate reads the prompt from stdin where there is no --prompt", async () => {
  using folder = emptyFolder();
  const model = projectFile("tests/golden/models/llama");
  const { code, err } = await denotune(folder.path, "generate", model);
  assert.equal(code, 2); // that model has no tokenizer: found before stdin is read
  assert.match(err, /tokenizer/);
});

Deno.test("examples/library joins two kinds of rows, trains, and asks", async () => {
  using folder = emptyFolder();
  const { code, out, err } = await start(
    folder.path,
    projectFile("examples/library/main.ts"),
  ).end();
  assert.equal(code, 0, err);
  assert.match(out, /Epoch 3, average loss \d/);
  assert.match(
    out,
    /Prompt: Question: What is machine learning\?\n\nAnswer:\nGenerated: /,
  );
});

Deno.test("examples/plugin trains with a masker of its own", async () => {
  using folder = emptyFolder();
  const { code, out, err } = await denotune(
    folder.path,
    "train",
    projectFile("examples/plugin/run.yaml"),
    "backend=reference",
  );
  assert.equal(code, 0, err);
  assert.match(out, /chatml, decayed/);
});
