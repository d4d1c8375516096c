import assert from "node:assert/strict";
import { z } from "zod";
import { loadRun } from "../../../core/config/load.ts";
import {
  configData,
  keysFromCode,
  readResolved,
  resolvedText,
} from "../../../core/config/resolved.ts";
import {
  type AnyPart,
  choose,
  definePart,
} from "../../../core/contracts/plugin.ts";
import { Registry } from "../../../core/contracts/registry.ts";
import { trustPolicy } from "../../../core/config/trust/trust_option.ts";
import { PARTS, stubRegistry, testFolder } from "./_parts.ts";

const FILES = {
  "sub/model/config.json": "{}",
  "sub/rows.jsonl": "{}",
  "sub/t.jinja": "",
};
const RUN = `model: {path: model, save_dtype: bfloat16}
plugins: [./plugin.ts]
data:
  train: [{path: rows.jsonl, format: {use: alpaca, instruction_field: "a: b"}, weight: 1}]
  template: {use: jinja, path: t.jinja}
  masker: from-plugin
adapter: {use: lora, r: 4, target_modules: [q_proj, "on", "1e-4", "null", " x ", "line\\nbreak\\u2028\\0"]}
optimizer: {use: adamw, learning_rate: 3.0e-7}
training: {max_steps: 7, eval_steps: null, save_steps: 5, resume: never}
generation: {temperature: 0, stop: ["</s>", "# not a comment", "- x", ""]}
`.replace(', ""]', "]");
const PLUGIN =
  `export default { name: "mine", api: 1, version: "1.2.3", parts: [{
  kind: "masker", name: "from-plugin", description: "x", jsonSchema: { type: "object" },
  options: { "~standard": { version: 1, vendor: "x", validate: (value) => ({ value }) } },
  create: () => ({}),
}] };`;

Deno.test("the resolved text of a run loads again as an equal run, from anywhere", async () => {
  using folder = testFolder({
    ...FILES,
    "sub/run.yaml": RUN,
    "sub/plugin.ts": PLUGIN,
  });
  // a plugin of a run folder is elsewhere
  const registry = new Registry(trustPolicy([folder.path]));
  for (const { plugin, module } of stubRegistry().plugins()) {
    registry.add(plugin, module);
  }
  const first = await loadRun({
    file: "sub/run.yaml",
    cwd: folder.path,
    registry,
  });
  const text = await resolvedText(first, "0.1.0");
  Deno.mkdirSync(`${folder.path}/else/where`, { recursive: true });
  Deno.writeTextFileSync(
    `${folder.path}/else/where/config.resolved.yaml`,
    text,
  );
  const second = await loadRun({
    file: "config.resolved.yaml",
    cwd: `${folder.path}/else/where`,
    registry,
  });
  assert.deepEqual(second.config, first.config);
  assert.equal(await resolvedText(second, "0.1.0"), text);
  assert.deepEqual(
    [...second.choices.values()].map(({ key, options }) => ({ key, options })),
    [...first.choices.values()].map(({ key, options }) => ({ key, options })),
  );
});

Deno.test("the resolved text begins with versions, and writes every default and absolute paths", async () => {
  using folder = testFolder({
    ...FILES,
    "sub/run.yaml": RUN,
    "sub/plugin.ts": PLUGIN,
  });
  const run = await loadRun({
    file: "sub/run.yaml",
    cwd: folder.path,
    registry: stubRegistry(),
  });
  const text = await resolvedText(run, "0.1.0");
  const lines = text.replaceAll(folder.path, "DIR").split("\n");
  assert.match(lines[0], /^# denotune 0\.1\.0: /);
  assert.equal(lines[1], "# plugin mine 1.2.3 from DIR/sub/plugin.ts");
  assert.ok(lines.includes("output_dir: DIR/outputs/run"));
  assert.ok(lines.includes("  path: DIR/sub/model"));
  assert.ok(
    lines.includes("    path: DIR/sub/t.jinja"),
    "a path among the options of a part",
  );
  assert.ok(lines.includes("  eps: 1e-8"), "a default of a part");
});

Deno.test("options that a schema changes are written as the user wrote them", async () => {
  using folder = testFolder({
    ...FILES,
    "run.yaml":
      "model: {path: sub/model}\ndata: {train: [{path: sub/rows.jsonl}]}\nschedule: {use: minutes, hours: 2}\n",
  });
  const minutes = definePart({
    kind: "schedule",
    name: "minutes",
    description: "Another unit.",
    options: z.strictObject({
      hours: z.number().default(1).transform((hours) => hours * 60).describe(
        "Hours.",
      ),
    }),
    create: () => ({ factor: () => 1 }),
  });
  const run = await loadRun({
    file: "run.yaml",
    cwd: folder.path,
    registry: stubRegistry([minutes as AnyPart]),
  });
  assert.deepEqual(run.choices.get("schedule")?.options, { hours: 120 });
  assert.deepEqual(run.config.schedule, { use: "minutes", hours: 2 });
});

Deno.test("a run that was given in code says which keys its text cannot hold", async () => {
  using folder = testFolder(FILES);
  const inline = definePart({
    kind: "optimizer",
    name: "my-own",
    description: "Inline.",
    options: z.strictObject({
      rate: z.number().default(1).describe("Rate."),
      on: z.custom<() => void>().optional().describe("Hook."),
    }),
    create: () => {
      throw new Error("not created here");
    },
    jsonSchema: { type: "object" },
  });
  const options = { ...inline.options["~standard"], jsonSchema: undefined };
  const part = {
    ...inline,
    options: { "~standard": options },
  } as unknown as AnyPart;
  const run = await loadRun({
    object: {
      model: { path: "sub/model" },
      data: { train: [{ rows: [{}, {}, {}], format: "alpaca" }] },
      optimizer: choose(part, { rate: 2, on: () => {} }),
      schedule: choose(PARTS[2], { warmup_steps: 1 }),
    },
    cwd: folder.path,
    registry: stubRegistry(),
  });
  assert.deepEqual(keysFromCode(run.config), [
    "data.train.0.rows",
    "optimizer",
  ]);
  const data = configData(run.config);
  assert.deepEqual(data.optimizer, {
    use: "my-own",
    rate: 2,
    on: "a function given in code",
  });
  assert.deepEqual(data.schedule, {
    use: "cosine",
    warmup_ratio: 0,
    warmup_steps: 1,
  }, "a registered part has a name");
  const text = await resolvedText(run, "0.1.0");
  assert.match(
    text,
    /^# not from this file alone: data\.train\.0\.rows, optimizer were given in code$/m,
  );
  assert.match(text, /rows: 3 rows in memory/);
});

Deno.test("resolved texts are read without being checked", async () => {
  assert.deepEqual(
    await readResolved(
      "# denotune 9\nseed: 1\nunheard_of: [1]\n",
      "config.resolved.yaml",
    ),
    { seed: 1, unheard_of: [1] },
  );
  await assert.rejects(
    readResolved("- a\n", "config.resolved.yaml"),
    /config\.resolved\.yaml holds no run/,
  );
  await assert.rejects(
    readResolved("a: [\n", "config.resolved.yaml"),
    /config\.resolved\.yaml is not YAML/,
  );
});
