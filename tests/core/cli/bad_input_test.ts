/**
 * Wrong input, each as a person would meet it: exit code 2, one screen, and the words that help.
 * @module
 */
import assert from "node:assert/strict";
import { alpacaRows, type Folder, folderOf, run, tinyRun } from "./_run.ts";

/** Runs `train` on a folder and holds it to exit code 2 and one screen. */
async function refused(
  folder: Folder,
  overrides: readonly string[],
  ...words: readonly (string | RegExp)[]
): Promise<void> {
  const { code, out, err } = await run(
    "train",
    folder.at("run.yaml"),
    ...overrides,
  );
  assert.equal(code, 2, out + err);
  assert.ok(err.startsWith("error: "), err);
  assert.ok(err.split("\n").length <= 24, err);
  assert.doesNotMatch(err, /^\s+at /m);
  for (const word of words) {
    assert.ok(
      typeof word === "string" ? err.includes(word) : word.test(err),
      `${word} is not in: ${err}`,
    );
  }
}

function tiny(
  files: Readonly<Record<string, string | Uint8Array>> = {},
  more = "",
): Folder {
  const folder = folderOf({ "rows.jsonl": alpacaRows(8), ...files });
  Deno.writeTextFileSync(folder.at("run.yaml"), tinyRun(folder.path, more));
  return folder;
}

Deno.test("an unknown key is refused with its line and the nearest name", async () => {
  using folder = tiny({}, "optimiser: lion\n");
  await refused(folder, [], /run\.yaml:\d+:1/, "`optimiser`", "`optimizer`");
});

Deno.test("several problems are told at once", async () => {
  using folder = tiny({}, "optimiser: lion\nsede: 1\n");
  await refused(folder, ["training.epochs=many"], "3 problems", "`sede`");
});

Deno.test("a value of a wrong type is refused with what was found", async () => {
  using folder = tiny();
  await refused(
    folder,
    ["training.batch_size=four"],
    "`training.batch_size`",
    '"four"',
    "a number",
  );
});

Deno.test("a missing run file and missing data are named", async () => {
  using folder = tiny();
  const missing = await run("train", folder.at("no.yaml"));
  assert.equal(missing.code, 2);
  assert.ok(missing.err.includes(folder.at("no.yaml")));
  const path = folder.at("no.jsonl");
  await refused(folder, [`data.train.0.path=${path}`], path);
});

Deno.test("an empty file is refused by name", async () => {
  using folder = tiny({ "rows.jsonl": "" });
  await refused(folder, [], "rows.jsonl", "empty");
});

Deno.test("broken JSON is refused with its line", async () => {
  const lines = alpacaRows(50).split("\n");
  lines[36] = '{"instruction": "a", ';
  using folder = tiny({ "rows.jsonl": lines.join("\n") });
  await refused(folder, [], "rows.jsonl:37", "JSON");
});

Deno.test("a row without the needed column is refused with its line and the columns it has", async () => {
  const lines = alpacaRows(20).split("\n");
  lines[16] = '{"instruction": "a", "answer": "b"}';
  using folder = tiny({ "rows.jsonl": lines.join("\n") });
  await refused(folder, [], "rows.jsonl:17", '"output"', "answer");
});

Deno.test("rows that train nothing are refused with a sample", async () => {
  const row = JSON.stringify({ messages: [{ role: "user", content: "Hi" }] });
  using folder = tiny({ "rows.jsonl": row });
  await refused(
    folder,
    ["data.train.0.format=messages"],
    "no trained token",
    "Hi",
  );
});

Deno.test("an unknown part is refused with the nearest name and all known ones", async () => {
  using folder = tiny();
  await refused(folder, ["optimizer=adamm"], "`adamw`", "lion", "sgd");
  await refused(folder, ["data.collator=paked"], "`packed`");
});

Deno.test("a model type that nobody reads is refused by name", async () => {
  using folder = tiny();
  await refused(
    folder,
    ["model.from_config.model_type=mamba"],
    '"mamba"',
    "llama",
  );
});

Deno.test("a tokenizer with more tokens than the model is refused with both numbers", async () => {
  using folder = tiny();
  await refused(folder, ["model.from_config.vocab_size=100"], "259", "100");
});

Deno.test("an output folder that cannot be written is refused, and so is one with other files", async () => {
  using folder = tiny({ "mine/notes.txt": "hello" });
  await refused(folder, ["output_dir=/proc/none"], "/proc/none", "output_dir");
  await refused(folder, [`output_dir=${folder.at("rows.jsonl")}`], "a file");
  await refused(folder, [`output_dir=${folder.at("mine")}`], "notes.txt");
  assert.equal(Deno.readTextFileSync(folder.at("mine/notes.txt")), "hello");
});

Deno.test("a plugin that throws, or is none, is refused by its module", async () => {
  using folder = tiny({
    "throws.ts": `throw new Error("not today");`,
    "empty.ts": `export const x = 1;`,
  });
  const plugins = (name: string) => [`plugins=[${folder.at(name)}]`];
  await refused(folder, plugins("throws.ts"), "throws.ts", "not today");
  await refused(folder, plugins("empty.ts"), "empty.ts", "default export");
  await refused(folder, plugins("missing.ts"), "missing.ts");
});

Deno.test("an unfinished run with other settings is refused with the difference and the ways on", async () => {
  using folder = tiny();
  const controller = ["training.save_steps=1", "training.max_steps=2"];
  assert.equal(
    (await run("train", folder.at("run.yaml"), ...controller)).code,
    0,
  );
  Deno.removeSync(folder.at("outputs/run/summary.json")); // as if it had been killed behind its checkpoint
  await refused(
    folder,
    ["training.save_steps=1", "training.max_steps=2", "seed=7"],
    "seed: was 42, now 7",
    "training.resume=never",
    "output_dir",
  );
});

Deno.test("a fault in a plugin's command names the command and the plugin, and is no fault of denotune", async () => {
  using folder = folderOf({
    "plugin.ts":
      `import { API_VERSION, defineCommand, definePart, definePlugin } from "@denotune/denotune/core";
import { z } from "zod";
const part = definePart({
  kind: "command",
  name: "broken",
  description: "Breaks",
  options: z.strictObject({}),
  create: () => defineCommand({
    options: z.strictObject({}),
    run: () => { throw new TypeError("x is not a thing"); },
  }),
});
export default definePlugin({ name: "mine", api: API_VERSION, parts: [part] });
`,
  });
  const plugin = new URL(`file://${folder.at("plugin.ts")}`).href;
  const { code, err } = await run(`--plugin=${plugin}`, "broken");
  assert.equal(code, 2, err);
  assert.match(
    err,
    /`run` of the command "broken" of plugin "mine" \(.*plugin\.ts.*\) threw: .*x is not a thing/,
  );
  assert.doesNotMatch(err, /fault in denotune/);
});
