import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { readManifest } from "../../../../core/config/isolated/manifest.ts";
import { type TestFolder, testFolder } from "../_parts.ts";

const PART = `{
  kind: "masker",
  name: "decayed",
  description: "Later tokens weigh less.",
  options: { "~standard": { version: 1, vendor: "hand", validate: (value) => ({ value }) } },
  jsonSchema: { type: "object", properties: { decay: { type: "number" } } },
  create: () => ({ weights: () => new Float32Array(0) }),
}`;
const PLUGIN =
  `export default { name: "mine", api: 1, version: "2.0.0", permissions: ["read:/data"], parts: [${PART}] };`;

function manifestOf(folder: TestFolder, code: string, timeoutMs?: number) {
  Deno.writeTextFileSync(`${folder.path}/mine.ts`, code);
  const path = `${folder.path}/mine.ts`;
  return readManifest(pathToFileURL(path).href, "./mine.ts", { timeoutMs });
}

Deno.test("the manifest of a plugin is read in a process without permissions", async () => {
  using folder = testFolder({ "other.ts": "export const two = 2;" });
  Reflect.deleteProperty(globalThis, "wasHere");
  const code = `import "./other.ts";
globalThis.wasHere = true;
console.log("denotune manifest nothing {}");
${PLUGIN}`;
  assert.deepEqual(await manifestOf(folder, code), {
    name: "mine",
    api: 1,
    version: "2.0.0",
    permissions: ["read:/data"],
    parts: [{
      kind: "masker",
      name: "decayed",
      description: "Later tokens weigh less.",
      optionsSchema: {
        type: "object",
        properties: { decay: { type: "number" } },
      },
    }],
  });
  assert.equal(Reflect.has(globalThis, "wasHere"), false);
});

Deno.test("a plugin that does not load says why, whatever it does", async (t) => {
  using folder = testFolder({ "secret.txt": "secret" });
  const read = `${folder.path}/secret.txt`;
  const cases: Record<string, [string, RegExp]> = {
    "throws": [`throw new Error("not today");`, /Error: not today/],
    "is no plugin": [
      `export default { name: "x" };`,
      /says no `api`/,
    ],
    "reads a file": [
      `const text = Deno.readTextFileSync(${JSON.stringify(read)});`,
      /Requires read access to/,
    ],
    "reads the environment": [
      `Deno.env.get("HOME");`,
      /Requires env access to "HOME"/,
    ],
    "opens a socket": [
      `await Deno.connect({ port: 9 });`,
      /Requires net access/,
    ],
    "starts a process": [
      `new Deno.Command("true").outputSync();`,
      /Requires run access/,
    ],
    "imports what nobody fetched": [
      `import "https://jsr.io/@nobody/nothing/0.0.0/mod.ts";`,
      /not found in cache|--cached-only/,
    ],
    "exits": [`Deno.exit(0);`, /ended without a word/],
    "never loads": [`for (;;);`, /did not load within 3 s/],
    "eats memory": [
      `const eaten = []; for (;;) eaten.push(new Array(10000).fill({}));`,
      /more than 256 MB of memory/,
    ],
  };
  const slow = ["never loads", "eats memory"];
  for (const [name, [code, expected]] of Object.entries(cases)) {
    if (slow.includes(name) && Deno.env.get("DENOTUNE_TEST_ALL") !== "1") {
      continue;
    }
    await t.step(name, async () => {
      const timeoutMs = name === "never loads" ? 3000 : undefined;
      await assert.rejects(
        manifestOf(
          folder,
          `${code}\n${name === "is no plugin" ? "" : PLUGIN}`,
          timeoutMs,
        ),
        (error: Error) => {
          assert.match(error.message, expected);
          assert.match(error.message, /\.\/mine\.ts/);
          return error.name === "PluginError";
        },
      );
    });
  }
});
