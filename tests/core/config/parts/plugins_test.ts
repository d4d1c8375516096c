import assert from "node:assert/strict";
import { z } from "zod";
import { loadRun } from "../../../../core/config/load.ts";
import {
  createResolved,
  creatingWith,
} from "../../../../core/config/parts/create_part.ts";
import { loadPlugins } from "../../../../core/config/parts/plugins.ts";
import { treeOf } from "../../../../core/config/parse/tree.ts";
import type { Registry } from "../../../../core/contracts/registry.ts";
import { chosenAt } from "../../../../core/config/chosen_at.ts";
import {
  messageOf,
  stubRegistry,
  type TestFolder,
  testFolder,
} from "../_parts.ts";

const registry = stubRegistry();
const RUN =
  "model: {path: model}\ndata: {train: [{path: rows.jsonl, format: alpaca}]}\n";
const FILES = { "model/config.json": "{}", "rows.jsonl": "{}" };

/** A plugin that imports nothing: its own Standard Schema, frozen objects, no class of ours. */
const BY_HAND = `
const options = Object.freeze({
  "~standard": {
    version: 1,
    vendor: "by hand",
    validate(value) {
      const issues = [];
      for (const key of Object.keys(value)) {
        if (key !== "decay" && key !== "table") issues.push({ message: "Surplus option", path: [{ key }] });
      }
      const decay = value.decay ?? 0.9;
      if (typeof decay !== "number" || decay > 1) issues.push({ message: "Decay must be at most 1", path: ["decay"] });
      return issues.length > 0 ? { issues } : { value: { decay, table: value.table ?? null } };
    },
  },
});
export default Object.freeze({
  name: "by-hand",
  api: 1,
  version: "3.1.4",
  parts: Object.freeze([Object.freeze({
    kind: "masker",
    name: "decayed",
    description: "Later tokens weigh less.",
    options,
    jsonSchema: {
      type: "object",
      properties: {
        decay: { type: "number", default: 0.9, description: "Factor." },
        table: { type: ["string", "null"], default: null, format: "path", description: "A file." },
      },
      additionalProperties: false,
    },
    create: (given, host) => Object.freeze({ weights: () => new Float32Array(0), given, seed: host.seed }),
  })]),
});
`;

/** The registry with a plugin that the command line named. */
async function withPlugin(named: string, cwd: string): Promise<Registry> {
  const known = stubRegistry();
  const origin = { place: "--plugin", base: cwd };
  await loadPlugins(treeOf({ plugins: [named] }, origin), {
    registry: known,
    named: { by: "command line" },
  });
  return known;
}

async function refuse(
  files: Record<string, string>,
  plugins: string,
): Promise<string> {
  using folder = testFolder({
    ...FILES,
    ...files,
    "run.yaml": `plugins: ${plugins}\n${RUN}`,
  });
  return await messageOf(
    () => loadRun({ file: "run.yaml", cwd: folder.path, registry }),
    folder,
  );
}

function plugin(body: string): string {
  return `export default { name: "mine", api: 1, parts: [${body}] };`;
}
const SCHEMA =
  `{ "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } }, jsonSchema: { type: "object" }`;

Deno.test("a plugin brings parts, without sharing a single class with the core", async () => {
  using folder = testFolder({
    ...FILES,
    "parts/by_hand.ts": BY_HAND,
    "run.yaml":
      `plugins: [./parts/by_hand.ts]\nmodel: {path: model}\ndata: {train: [{path: rows.jsonl, format: alpaca}], masker: {use: decayed, table: t.csv}}\n`,
  });
  const run = await loadRun({ file: "run.yaml", cwd: folder.path, registry });
  const [entry, ...others] = run.config.plugins;
  assert.deepEqual(others, []);
  assert.equal(entry.use, `${folder.path}/parts/by_hand.ts`);
  assert.equal(entry.version, "3.1.4");
  assert.match(entry.hash ?? "", /^sha256-[0-9a-f]{64}$/);
  assert.deepEqual(run.config.data.masker, {
    use: "decayed",
    decay: 0.9,
    table: `${folder.path}/t.csv`,
  });
  assert.equal(
    registry.find("masker", "decayed"),
    undefined,
    "the registry given stays as it was",
  );
  const choice = chosenAt(run, "masker", "data.masker");
  assert.ok(choice);
  assert.equal(choice.plugin, "by-hand");
  const creating = creatingWith(run.registry, { seed: 5, base: folder.path });
  const masker = await createResolved(choice, creating);
  assert.deepEqual({ ...masker, weights: null }, {
    weights: null,
    given: { decay: 0.9, table: `${folder.path}/t.csv` },
    seed: 5,
  });
});

Deno.test("issues of a schema written by hand have their place", async () => {
  using folder = testFolder({
    ...FILES,
    "by_hand.ts": BY_HAND,
    "run.yaml":
      "plugins: [./by_hand.ts]\nmodel: {path: model}\ndata:\n  train: [{path: rows.jsonl, format: alpaca}]\n  masker: {use: decayed, decay: 2, dacay: 1}\n",
  });
  assert.equal(
    await messageOf(() =>
      loadRun({ file: "run.yaml", cwd: folder.path, registry })
    ),
    "The run has 2 problems:\n" +
      "  run.yaml:5:33: `data.masker.decay` is 2; decay must be at most 1\n" +
      "  run.yaml:5:43: `data.masker.dacay` is 1; surplus option",
  );
});

Deno.test("a plugin may carry another copy of zod", async () => {
  using folder = testFolder({
    ...FILES,
    "run.yaml":
      `plugins: [./zod_plugin.ts]\n${RUN}optimizer: {use: copied, lerning_rate: 1}\n`,
  });
  const zod = await copyOfZod(folder);
  const copy = await import(`file://${folder.path}/${zod}`);
  assert.notEqual(copy.ZodType, z.ZodType, "otherwise nothing is tried");
  Deno.writeTextFileSync(
    `${folder.path}/zod_plugin.ts`,
    `import { z } from "${zod}";
     export default { name: "zod-copy", api: 1, parts: [{
       kind: "optimizer", name: "copied", description: "A copy.",
       options: z.strictObject({ learning_rate: z.number().default(1).describe("Step.") }),
       create: (options) => options,
     }] };`,
  );
  assert.equal(
    await messageOf(() =>
      loadRun({ file: "run.yaml", cwd: folder.path, registry })
    ),
    "run.yaml:4:26: optimizer copied has no option `lerning_rate`; did you mean `learning_rate`?",
  );
  const { config } = await loadRun({
    file: "run.yaml",
    cwd: folder.path,
    registry,
    overrides: ["optimizer=copied"],
  });
  assert.deepEqual(config.optimizer, { use: "copied", learning_rate: 1 });
});

/** A door to zod that is another instance of its modules: the same files, evaluated once more. */
async function copyOfZod(folder: TestFolder): Promise<string> {
  const file = new URL(import.meta.resolve("zod"));
  const from = file.protocol === "file:" ? file.pathname : await zodFolder();
  const source = from.replace(/\/index\.[cm]?js$/, "");
  copyFolder(source, `${folder.path}/zod`);
  return `./zod/index.js`;
}

async function zodFolder(): Promise<string> {
  const { createRequire } = await import("node:module");
  const require = createRequire(import.meta.url);
  return require.resolve("zod");
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const entry of Deno.readDirSync(from)) {
    if (entry.isDirectory) {
      copyFolder(`${from}/${entry.name}`, `${to}/${entry.name}`);
    } else if (/\.js$|package\.json$/.test(entry.name)) {
      Deno.copyFileSync(`${from}/${entry.name}`, `${to}/${entry.name}`);
    }
  }
}

Deno.test("a plugin that cannot be loaded is named, with its line and the cause", async () => {
  assert.equal(
    await refuse({ "p.ts": 'throw new Error("boom");' }, "[./p.ts]"),
    "run.yaml:1:11: cannot load the plugin DIR/p.ts: boom",
  );
  assert.equal(
    await refuse({}, "[./p.ts]"),
    "run.yaml:1:11: there is no plugin module DIR/p.ts",
  );
  assert.equal(
    await refuse({}, "[./model]"),
    "run.yaml:1:11: there is no plugin module DIR/model",
  );
  assert.match(
    await refuse({ "p.ts": "export default {" }, "[./p.ts]"),
    /^run\.yaml:1:11: cannot load the plugin DIR\/p\.ts: /,
  );
  assert.match(
    await refuse({ "p.ts": 'import "../gone.ts";' }, "[./p.ts]"),
    /^run\.yaml:1:11: cannot load the plugin DIR\/p\.ts: .*gone\.ts/,
  );
  assert.equal(
    await refuse({}, "[lion]"),
    'run.yaml:1:11: plugin "lion" is neither a file nor a package; write "./lion" for a file, or "npm:lion" for a package',
  );
  assert.match(
    await refuse({}, '["http://127.0.0.1/p.ts"]'),
    /is neither a file nor a package/,
  );
});

Deno.test("a module that is no plugin is refused, saying what it is", async () => {
  const at = "run.yaml:1:11: DIR/p.ts: ";
  assert.equal(
    await refuse({ "p.ts": "export const plugin = {};" }, "[./p.ts]"),
    at +
      "has no default export; a plugin module exports {name, api, parts} by default",
  );
  assert.equal(
    await refuse({ "p.ts": "export default () => 1;" }, "[./p.ts]"),
    at + "its default export is a function, not a plugin {name, api, parts}",
  );
  assert.equal(
    await refuse({
      "p.ts": 'export default { name: "mine", api: 7, parts: [] };',
    }, "[./p.ts]"),
    at +
      'plugin "mine" is written for plugin API 7, and this denotune has API 1: update denotune, or use a version of the plugin for API 1',
  );
  assert.match(
    await refuse({
      "p.ts": plugin(
        `{ kind: "optimiser", name: "x", options: ${SCHEMA}, create() {} }`,
      ),
    }, "[./p.ts]"),
    /plugin "mine", parts\[0\] has kind "optimiser"; known kinds: source, format/,
  );
  assert.equal(
    await refuse({
      "p.ts": plugin(
        `{ kind: "optimizer", name: "adamw", options: ${SCHEMA}, create() {} }`,
      ),
    }, "[./p.ts]"),
    'run.yaml:1:11: two plugins bring the optimizer "adamw": "built-in" (built-in) and "mine" (DIR/p.ts); remove or rename one',
  );
  assert.equal(
    await refuse(
      { "p.ts": plugin(""), "q.ts": plugin("") },
      "[./p.ts, ./q.ts]",
    ),
    'run.yaml:1:19: plugin "mine" from DIR/q.ts is already registered by DIR/p.ts: remove one of them from `plugins`',
  );
});

Deno.test("the error of a plugin keeps its cause", async () => {
  using folder = testFolder({
    ...FILES,
    "p.ts": 'throw new RangeError("boom");',
    "run.yaml": `plugins: [./p.ts]\n${RUN}`,
  });
  await assert.rejects(
    loadRun({ file: "run.yaml", cwd: folder.path, registry }),
    (error: Error) =>
      error.name === "PluginError" && error.cause instanceof RangeError,
  );
});

Deno.test("a module that a run file and the command line both name is loaded once", async () => {
  using folder = testFolder({
    ...FILES,
    "p.ts": BY_HAND,
    "run.yaml": `plugins: [./p.ts]\n${RUN}`,
  });
  await Deno.symlink(`${folder.path}/p.ts`, `${folder.path}/link.ts`);
  for (const named of ["./p.ts", "./link.ts", `file://${folder.path}/p.ts`]) {
    const loaded = await loadRun({
      file: "run.yaml",
      cwd: folder.path,
      registry: await withPlugin(named, folder.path),
    });
    assert.equal(loaded.registry.find("masker", "decayed")?.plugin, "by-hand");
    assert.equal(loaded.config.plugins.length, 1, named);
  }
});

Deno.test("a run that names a hash is refused where the plugin has another, and says both", async () => {
  const hash = `sha256-${"0".repeat(64)}`;
  assert.match(
    await refuse(
      { "p.ts": `${BY_HAND}// pinned` },
      `[{use: ./p.ts, hash: ${hash}}]`,
    ),
    /^run\.yaml:1:17: the plugin DIR\/p\.ts is another one than this run names: its hash is sha256-[0-9a-f]{64}, not sha256-0{64}\. Restore it/,
  );
});

Deno.test("a plugin whose file was changed since this process loaded it is refused", async () => {
  using folder = testFolder({
    ...FILES,
    "p.ts": `import "./q.ts";${BY_HAND}`,
    "q.ts": "",
    "run.yaml": `plugins: [./p.ts]\n${RUN}`,
  });
  const load = () => loadRun({ file: "run.yaml", cwd: folder.path, registry });
  const { config } = await load();
  assert.deepEqual((await load()).config.plugins, config.plugins);
  Deno.writeTextFileSync(`${folder.path}/q.ts`, "export const other = 1;");
  assert.match(
    await messageOf(load, folder),
    /the plugin DIR\/p\.ts was changed since it was loaded; start again/,
  );
});

Deno.test("what is not a list of texts is left to the schema", async () => {
  assert.equal(
    await refuse({}, "./p.ts"),
    'run.yaml:1:10: `plugins` is "./p.ts"; expected a list, for example ["./p.ts"]',
  );
  assert.equal(
    await refuse({}, "[3]"),
    "run.yaml:1:11: `plugins.0` is 3; expected a text or a map",
  );
});

Deno.test({
  name:
    "a pipe is no plugin and no run file in code: it is refused, not waited for",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = testFolder({
      ...FILES,
      "run.yaml": `plugins: [./pipe.ts]\n${RUN}`,
    });
    await new Deno.Command("mkfifo", { args: [`${folder.path}/pipe.ts`] })
      .output();
    for (const file of ["run.yaml", "pipe.ts"]) {
      assert.match(
        await messageOf(
          () => loadRun({ file, cwd: folder.path, registry }),
          folder,
        ),
        /pipe\.ts is no file/,
      );
    }
  },
});
