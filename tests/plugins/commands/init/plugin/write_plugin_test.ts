/**
 * `init --plugin`: packages of all kinds pass what their authors run (formatter, linter, tests with type checks, a dry
 * run of publishing), and their runs run. The names of the published package are linked to this checkout.
 */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import * as core from "@denotune/denotune/core";
import project from "../../../../../deno.json" with { type: "json" };
import { templates } from "../../../../../plugins/commands/init/plugin/kinds/mod.ts";
import { fromFileUrl } from "../../../../files.ts";
import { folderOf, run } from "../../../../core/cli/_run.ts";

const CHECKOUT = fromFileUrl(new URL("../../../../../", import.meta.url));
const { KINDS } = core;
const isLong = Deno.env.get("DENOTUNE_TEST_ALL") === "1";

/** Names of all lengths: none may move a line break. */
function nameOf(kind: string, index: number): string {
  return index % 3 === 1 ? `a-name-long-as-may-be-${kind}` : `my-${kind}`;
}

/** Writes a package of each kind into one workspace. */
async function packages(root: string): Promise<Map<core.Kind, string>> {
  const folders = new Map<core.Kind, string>();
  for (const [i, kind] of KINDS.entries()) {
    const name = nameOf(kind, i);
    const { code, err, out } = await run(
      "init",
      `--plugin=${i % 2 === 0 ? name : `@me/${name}`}`,
      "--kind",
      kind,
      "--out",
      join(root, name),
    );
    assert.equal(code, 0, err);
    assert.match(out, /Wrote .*mod_test\.ts[^]*deno test -A/);
    folders.set(kind, join(root, name));
    // of a workspace only the root may link
    const path = join(root, name, "deno.json");
    const { links, ...config } = JSON.parse(await Deno.readTextFile(path));
    assert.deepEqual(links.map((link: string) => resolve(root, name, link)), [
      resolve(CHECKOUT),
    ]);
    await Deno.writeTextFile(
      path,
      JSON.stringify(config, null, 2).replace(/\[\s*("\w+")\s*\]/, "[$1]") +
        "\n",
    );
  }
  await Deno.writeTextFile(
    join(root, "deno.json"),
    JSON.stringify({
      workspace: KINDS.map((kind, i) => `./${nameOf(kind, i)}`),
      links: [CHECKOUT],
    }),
  );
  await Deno.copyFile(join(CHECKOUT, "deno.lock"), join(root, "deno.lock"));
  return folders;
}

async function deno(cwd: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const said = [stdout, stderr].map((b) => new TextDecoder().decode(b)).join();
  assert.ok(success, `deno ${args.join(" ")}\n${said}`);
  return said;
}

Deno.test("what init writes for every kind passes formatter, linter, its tests and a dry run of publishing", async (t) => {
  using folder = folderOf();
  const folders = [...(await packages(folder.path)).values()];
  await t.step("deno fmt", async () => {
    await deno(folder.path, "fmt", "--check", ...folders);
  });
  await t.step("deno lint", async () => {
    await deno(folder.path, "lint", ...folders);
  });
  await t.step("deno test", async () => {
    const said = await deno(folder.path, "test", "-A");
    for (const path of folders) {
      assert.match(
        said,
        new RegExp(`from .*${path.split("/").at(-1)}/mod_test`),
      );
    }
  });
  await t.step("deno publish", async () => {
    const flags = ["--dry-run", "--allow-dirty", "--no-check"];
    const said = await deno(folder.path, "publish", ...flags);
    for (const name of ["deno.json", "mod.ts", "README.md"]) {
      assert.match(said, new RegExp(`/${name} `));
    }
  });
});

Deno.test("the runs that init writes for every kind train", async (t) => {
  using folder = folderOf();
  const folders = await packages(folder.path);
  for (const [i, [kind, path]] of [...folders].entries()) {
    const { then } = templates[kind];
    await t.step({
      name: kind,
      ignore: !isLong && then === undefined && i % 4 !== 0,
      fn: async () => {
        const outputs = join(folder.path, "outputs", kind);
        const { code, err } = await run(
          "train",
          join(path, "run.yaml"),
          `output_dir=${outputs}`,
          "data.cache=false",
        );
        assert.equal(code, 0, err);
        const saved = [...Deno.readDirSync(outputs)].map(({ name }) => name);
        assert.ok(saved.some((name) => name.endsWith(".safetensors")));
        if (then === undefined) return;
        const name = path.split("/").at(-1)!;
        const words = then.map((word) =>
          word === "outputs/NAME"
            ? outputs
            : word === "NAME"
            ? name
            : word.startsWith("-")
            ? word
            : /\.(ts|yaml)$/.test(word)
            ? join(path, word)
            : word
        );
        const shown = await run(...words);
        assert.equal(shown.code, 0, shown.err);
      },
    });
  }
});

Deno.test("a package asks for the versions that denotune has", async () => {
  using folder = folderOf();
  const [path] = (await packages(folder.path)).values();
  const written = JSON.parse(Deno.readTextFileSync(join(path, "deno.json")));
  assert.deepEqual(written.imports, {
    "@denotune/denotune": `jsr:@denotune/denotune@^${project.version}`,
    zod: project.imports.zod,
  });
  assert.equal(written.name, "@your-scope/my-source");
});

Deno.test("init refuses names and folders that are taken, and kinds that are not", async () => {
  using folder = folderOf({ "full/notes.txt": "", "file": "" });
  const refused = async (...args: string[]) => {
    const { code, err } = await run("init", ...args);
    assert.equal(code, 2, err);
    return err;
  };
  const named = (plugin: string, kind: string, out = "new") =>
    refused(`--plugin=${plugin}`, "--kind", kind, "-o", folder.at(out));
  assert.match(
    await named("x-mask", "masker", "full"),
    /full is not empty .*notes\.txt.*--out/,
  );
  assert.match(
    await named("x-mask", "masker", "file"),
    /already there, and is no folder/,
  );
  assert.match(
    await named("x-mask", "maskr"),
    /no kind "maskr"; the nearest is masker/,
  );
  assert.match(
    await named("cosine", "schedule"),
    /already a schedule cosine, of the plugin denotune/,
  );
  assert.match(
    await named("denotune", "schedule"),
    /already a plugin denotune/,
  );
  for (
    const name of [
      "X",
      "my_mask",
      "a",
      "-a",
      "@me",
      "a/b",
      "1a",
      "a".repeat(33),
    ]
  ) {
    assert.match(await named(name, "masker"), /Cannot call a plugin .*2 to 32/);
  }
  assert.match(
    await refused("--plugin", "x-mask"),
    /add --kind, one of source/,
  );
  assert.match(await refused("--kind", "masker"), /add --plugin NAME/);
  assert.match(await refused(), /needs data to look at.*--plugin NAME/);
  assert.match(
    await refused("rows.jsonl", "--plugin", "x", "--kind", "masker"),
    /not both.*--plugin \.\/x/,
  );
  assert.equal(
    folder.at("new") && [...Deno.readDirSync(folder.path)].length,
    2,
  );
});

Deno.test("a bare name is a plugin to write for init, and no module for other commands", async () => {
  const { code, err } = await run("check", "--plugin", "my-mask");
  assert.equal(code, 2);
  assert.match(err, /"my-mask" is neither a file nor a package/);
});
