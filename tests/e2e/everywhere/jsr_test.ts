/**
 * denotune and plugins as JSR serves them, to somebody who has neither: the command line, programs, every worker, and
 * offline afterwards.
 */
import assert from "node:assert/strict";
import { alpacaRows } from "../../core/cli/_run.ts";
import { weightBytes } from "../../run_harness.ts";
import { projectFile } from "../_denotune.ts";
import { pluginFiles } from "./_plugins.ts";
import { npmPackage, startHttps, startNpm } from "./_hosts.ts";
import { CERT } from "./_certificate.ts";
import { jsrWithPlugin, LIBRARY_FILES, runFile, VERSION } from "./_runs.ts";
import { ALL, type Stranger, stranger } from "./_stranger.ts";

const DENOTUNE = "jsr:@denotune/denotune";

/** The library example, with the package's name mapped as `deno add` does. */
const LIBRARY = {
  ...LIBRARY_FILES,
  "deno.json": JSON.stringify({
    imports: { "@denotune/denotune": `${DENOTUNE}@^${VERSION}` },
  }),
};

const jsr = await jsrWithPlugin();

Deno.test("what deno publish lists is served, no specifier left that only the project's own deno.json explains", () => {
  const files = jsr.files("@denotune/denotune", VERSION);
  assert.ok(files.has("mod.ts") && files.has("backends/cpu/worker.ts"));
  const bare = /^(?:import|export)[^;"]*?from "(?!\.{0,2}\/|npm:|node:)[^"]+"/m;
  const found = [...files].filter(([path, bytes]) =>
    path.endsWith(".ts") && !path.includes("/init/plugin/kinds/") &&
    bare.test(new TextDecoder().decode(bytes))
  );
  assert.deepEqual(found.map(([path]) => path), []);
});

/** The weights that a run of the checkout gives. */
async function bitsOfCheckout(
  { path, deno }: Stranger,
  ...words: string[]
): Promise<Uint8Array> {
  const { code, out, err } = await deno(
    "run",
    "-A",
    "--no-check",
    projectFile("mod.ts"),
    "train",
    ...words,
    "output_dir=outputs/checkout",
  );
  assert.equal(code, 0, out + err);
  return weightBytes(`${path}/outputs/checkout`);
}

Deno.test("denotune from JSR trains in a fresh cache with plugins by path, npm:, jsr: and https:, workers and all, and the library example passes offline", async () => {
  const acme = npmPackage({
    name: "@acme/from-npm",
    version: "1.2.0",
    dependencies: { zod: "^4.6.7" },
    files: pluginFiles({ name: "from-npm", zod: "zod", core: null }),
  });
  const zod = "npm:zod@^4.6.7";
  const core = `${DENOTUNE}@^${VERSION}/core`;
  const npm = startNpm([acme]);
  const host = startHttps(pluginFiles({ name: "from-https", zod, core }));
  const env = { JSR_URL: jsr.url, DENO_CERT: "cert.pem" };
  using me = await stranger(env, [npm.url]);
  const local = pluginFiles({ name: "from-path", zod, core });
  local["index.js"] +=
    `Deno.writeTextFileSync("loaded", "once\\n", { append: true });\n`;
  const plugins = {
    "from-path": "./mine/index.js",
    "from-npm": "npm:@acme/from-npm@^1.2.0",
    "from-jsr": "jsr:@acme/from-jsr@^1.2.0",
    "from-https": `${host.url}index.js`,
  };
  me.write({
    ...Object.fromEntries(
      Object.entries(local).map(([path, text]) => [`mine/${path}`, text]),
    ),
    ...LIBRARY,
    "../home/.npmrc": `@acme:registry=${npm.url}\n`,
    "cert.pem": CERT,
    "rows.jsonl": alpacaRows(60),
    "run.yaml": runFile(plugins),
  });
  const before = jsr.asked.length;
  const train = [DENOTUNE, "train", "run.yaml"];
  const reload = ALL ? "--reload" : "--reload=jsr:";
  const untrusted = await me.deno("run", "-A", reload, ...train);
  assert.equal(untrusted.code, 2, untrusted.out + untrusted.err);
  assert.match(untrusted.err, /from-npm.* is not trusted yet/);
  Deno.removeSync(`${me.path}/loaded`); // a file beside the run file needs no trust
  const fresh = await me.deno("run", "-A", ...train, "--trust");
  assert.equal(fresh.code, 0, fresh.out + fresh.err);
  assert.match(fresh.out, /data +240 rows -> /);
  assert.match(fresh.out, /^Ask it: +.*\brun -A jsr:@denotune\/denotune gen/m);
  const loaded = Deno.readTextFileSync(`${me.path}/loaded`);
  assert.equal(loaded, "once\n".repeat(3), "here and in two workers");
  const asked = jsr.asked.slice(before);
  for (
    const path of [
      `/@denotune/denotune/${VERSION}_meta.json`,
      `/@denotune/denotune/${VERSION}/backends/cpu/runtime/helper_worker.ts`,
      `/@denotune/denotune/${VERSION}/core/data/workers/worker.ts`,
      "/@acme/from-jsr/1.2.0/lib/weigh.ts",
    ]
  ) assert.ok(asked.includes(path), path);

  const missed = await jsr.down(async () => {
    const library = await me.deno("run", "-A", "--cached-only", "main.ts");
    assert.equal(library.code, 0, library.out + library.err);
    assert.match(library.out, /^Epoch 3, average loss \d[^]*^Generated: /m);
    if (!ALL) return;
    const bits = weightBytes(`${me.path}/outputs/run`);
    const again = await me.deno("run", "-A", "--cached-only", ...train);
    assert.equal(again.code, 0, again.out + again.err);
    assert.deepEqual(weightBytes(`${me.path}/outputs/run`), bits);
  });
  assert.deepEqual(missed, []);
});

Deno.test({
  name:
    "from JSR, the quickstart learns its tasks, to the bits of the checkout, and the library example passes",
  ignore: !ALL,
  fn: async () => {
    using me = await stranger({ JSR_URL: jsr.url });
    const run = await me.deno("run", "-A", "--reload", DENOTUNE, "train");
    assert.equal(run.code, 0, run.out + run.err);
    assert.match(run.out, /exact_match 1\.0000 /);
    assert.deepEqual(
      weightBytes(`${me.path}/outputs/quickstart`),
      await bitsOfCheckout(me),
    );
    me.forget();
    me.write(LIBRARY);
    const library = await me.deno("run", "-A", "main.ts");
    assert.equal(library.code, 0, library.out + library.err);
  },
});

Deno.test({
  name:
    "from JSR, each backend's worker starts, and computes as from the checkout",
  ignore: !ALL,
  fn: async () => {
    using me = await stranger({ JSR_URL: jsr.url });
    me.write({ "run.yaml": runFile({}), "rows.jsonl": alpacaRows(60) });
    for (const backend of ["reference", "webgpu"]) {
      const words = ["run.yaml", `backend=${backend}`, "training.max_steps=2"];
      const run = await me.deno("run", "-A", DENOTUNE, "train", ...words);
      assert.equal(run.code, 0, run.out + run.err);
      assert.deepEqual(
        weightBytes(`${me.path}/outputs/run`),
        await bitsOfCheckout(me, ...words),
        backend,
      );
    }
  },
});

Deno.test({
  name:
    "from JSR, a plugin that init writes passes its tests, trains as init says, and is published for others",
  ignore: !ALL,
  fn: async () => {
    using me = await stranger({ JSR_URL: jsr.url });
    const words = ["init", "--plugin=@me/my-masker", "--kind=masker"];
    const init = await me.deno("run", "-A", DENOTUNE, ...words);
    assert.match(
      init.out,
      /^Use it: +cd my-masker && deno run -A jsr:@denotune\/denotune train run\.yaml$/m,
    );
    const train = ["run", "-A", DENOTUNE, "train"];
    for (const args of [["test", "-A"], [...train, "run.yaml"]]) {
      const { code, out, err } = await me.denoIn("my-masker", ...args);
      assert.equal(code, 0, out + err);
    }
    // nothing maps what it imports in the folder above
    const above = await me.deno(...train, "my-masker/run.yaml");
    assert.equal(above.code, 2);
    assert.match(above.err, /Nothing here maps "[@\w/]+" to a package/);
    await jsr.publish(`${me.path}/my-masker`);
    const run = runFile({ "my-masker": "jsr:@me/my-masker@^0.1.0" });
    me.write({ "run.yaml": run, "rows.jsonl": alpacaRows(20) });
    const published = await me.deno(...train, "run.yaml", "--trust");
    assert.equal(published.code, 0, published.out + published.err);
  },
});
