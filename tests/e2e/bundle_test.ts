/**
 * A program made of denotune, bundled into one file that runs far from the checkout: data workers, the backends'
 * workers and their helpers start from the bundle, and the weights have the bits of the program that is not bundled.
 */
import assert from "node:assert/strict";
import { alpacaRows, tinyRun } from "../core/cli/_run.ts";
import { weightBytes } from "../run_harness.ts";
import { emptyFolder, projectFile, start } from "./_denotune.ts";

const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

const PROGRAM = `
import { loadModel, train } from "${projectFile("mod.ts")}";

await Deno.writeTextFile("started", "once\\n", { append: true });
for (const backend of ["cpu", "reference"]) {
  const { status, path } = await train({
    output_dir: Deno.args[0] + "-" + backend,
    backend: backend === "cpu" ? { use: "cpu", workers: 2 } : backend,
    tokenizer: "byte",
    model: {
      from_config: {
        model_type: "llama",
        vocab_size: 259,
        hidden_size: 16,
        intermediate_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        num_key_value_heads: 2,
        max_position_embeddings: 64,
        rms_norm_eps: 1e-5,
      },
    },
    data: { train: [{ path: "rows.jsonl" }], workers: 2, max_length: 64 },
    training: { max_steps: 3 },
  });
  await using model = await loadModel(path);
  console.log(status, (await model.generate("Say 1", { maxNewTokens: 3 })).text);
}
`;

/** Bundles into the folder; false where the bundler cannot be fetched. */
async function bundle(
  folder: string,
  ...args: readonly string[]
): Promise<boolean> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "-q", "--config", projectFile("deno.json"), ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (!success && /registry|esbuild.*(fetch|download|request)/i.test(said)) {
    console.log("skipped: the bundler cannot be fetched");
    return false;
  }
  assert.ok(success, said);
  return true;
}

function files(folder: string): void {
  Deno.writeTextFileSync(`${folder}/program.ts`, PROGRAM);
  Deno.writeTextFileSync(`${folder}/rows.jsonl`, alpacaRows(60));
}

Deno.test("a bundled program trains with workers of every kind, to the bits of the same program in files", async () => {
  using folder = emptyFolder();
  files(folder.path);
  if (!await bundle(folder.path, "program.ts", "-o", "bundle.js")) return;
  const bundles = ["bundle.js"];
  if (ALL) {
    await bundle(folder.path, "--minify", "program.ts", "-o", "small.js");
    bundles.push("small.js");
  }
  const bits = (name: string) =>
    ["cpu", "reference"].map((backend) =>
      weightBytes(`${folder.path}/${name}-${backend}`)
    );
  const started = (name: string, ...args: readonly string[]) =>
    start(folder.path, ...args, name, name).end();
  await Promise.all([
    started("program.ts", "--config", projectFile("deno.json")),
    ...bundles.map((name) => started(name)),
  ].map(async (running) => {
    const { code, out, err } = await running;
    assert.equal(code, 0, out + err);
    assert.equal(out.match(/^done /gm)?.length, 2, out);
  }));
  for (const name of bundles) {
    assert.deepEqual(bits(name), bits("program.ts"), name);
  }
  // no worker ran the program a second time
  assert.equal(
    Deno.readTextFileSync(`${folder.path}/started`),
    "once\n".repeat(bundles.length + 1),
  );
});

Deno.test("a bundle in several files is refused at once: no worker of it would start", async () => {
  using folder = emptyFolder();
  files(folder.path);
  if (
    !await bundle(
      folder.path,
      "--code-splitting",
      "--outdir",
      "split",
      "program.ts",
    )
  ) return;
  const { code, err } = await start(
    folder.path,
    "split/program.js",
    "out",
    "cpu",
  ).end();
  assert.equal(code, 1);
  assert.match(
    err,
    /ConfigError: This program was bundled into several files, where workers cannot be started; bundle it into one file, without --code-splitting/,
  );
});

Deno.test("the bundled command line trains, and suggests itself", async () => {
  using folder = emptyFolder();
  files(folder.path);
  if (!await bundle(folder.path, projectFile("mod.ts"), "-o", "denotune.js")) {
    return;
  }
  Deno.writeTextFileSync(`${folder.path}/run.yaml`, tinyRun("."));
  const run = await start(folder.path, "denotune.js", "train", "run.yaml")
    .end();
  assert.equal(run.code, 0, run.out + run.err);
  // it would need a Deno process with modules of its own
  Deno.writeTextFileSync(
    `${folder.path}/mine.js`,
    `export default { name: "mine", api: 1, parts: [] };`,
  );
  Deno.writeTextFileSync(
    `${folder.path}/isolated.yaml`,
    `${tinyRun(".")}plugins: [{ use: ./mine.js, isolated: true }]\n`,
  );
  const isolated = await start(
    folder.path,
    "denotune.js",
    "check",
    "isolated.yaml",
  ).end();
  assert.equal(isolated.code, 2, isolated.out + isolated.err);
  assert.match(
    isolated.out + isolated.err,
    /isolated\.yaml:\d+.*mine\.js.*which a compiled or bundled program cannot start: run denotune with `deno run`, or trust the plugin/,
  );
  const missing = await start(folder.path, "denotune.js", "--help").end();
  assert.match(
    missing.out,
    /(deno|npx --yes deno@[\d.]+) run -A denotune\.js train/,
  );
  assert.equal(weightBytes(`${folder.path}/outputs/run`).length > 0, true);
});

Deno.test("every worker's module is in the graph of mod.ts, which `deno compile` embeds", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", projectFile("mod.ts")],
    stderr: "null",
  }).output();
  const graph: { modules: { specifier: string }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const names = graph.modules.map(({ specifier }) => specifier);
  for (
    const worker of [
      "backends/cpu/worker.ts",
      "backends/cpu/runtime/helper_worker.ts",
      "backends/reference/worker.ts",
      "backends/webgpu/worker.ts",
      "core/data/workers/worker.ts",
    ]
  ) assert.ok(names.some((name) => name.endsWith(worker)), worker);
});
