import assert from "node:assert/strict";
import { fileURLToPath, pathToFileURL } from "node:url";
import { hashGraph } from "../../../../core/config/trust/module_graph.ts";
import { loadWithoutRunning } from "../../../../core/config/trust/load_without_running.ts";
import { type ModuleServer, serveFiles } from "./_server.ts";
import { testFolder } from "../_parts.ts";

async function hashOf(
  files: Record<string, string>,
  entry = "p.ts",
): Promise<string | null> {
  using folder = testFolder(files);
  const url = pathToFileURL(`${folder.path}/${entry}`).href;
  await loadWithoutRunning(url);
  return (await hashGraph(url)).hash;
}

const RAN = "__denotune_test_ran";

Deno.test("a module is loaded with all that it imports, and nothing of it runs", async () => {
  using folder = testFolder({
    "p.ts": `import "./q.ts"; globalThis.${RAN} = "p";`,
    "q.ts": `globalThis.${RAN} = "q"; await new Promise(() => {});`,
    "broken.ts": `import "./q.ts"; import "./gone.ts";`,
  });
  const url = (name: string) => pathToFileURL(`${folder.path}/${name}`).href;
  await loadWithoutRunning(url("p.ts"));
  await assert.rejects(
    loadWithoutRunning(url("broken.ts")),
    (error: Error) => {
      assert.match(error.message, /gone\.ts/);
      assert.doesNotMatch(error.message, /data:/);
      return true;
    },
  );
  assert.equal(Reflect.get(globalThis, RAN), undefined);
});

Deno.test("what was loaded is what runs, even where its file was changed meanwhile", async () => {
  using folder = testFolder({ "p.ts": "export default 1;" });
  const url = pathToFileURL(`${folder.path}/p.ts`).href;
  await loadWithoutRunning(url);
  const { hash } = await hashGraph(url);
  Deno.writeTextFileSync(`${folder.path}/p.ts`, "export default 2;");
  assert.equal((await import(url)).default, 1);
  assert.equal((await hashGraph(url)).hash, hash);
  assert.notEqual((await hashGraph(url, { onDisk: true })).hash, hash);
});

Deno.test("the hash of a plugin counts each module that it imports, and not the folder that it is in", async () => {
  const files = {
    "p.ts":
      `import { a } from "./lib/a.ts"; import data from "./d.json" with { type: "json" }; export default [a, data];`,
    "lib/a.ts":
      `export const a = 1; const later = () => import("../later.ts");`,
    "later.ts": "export const l = 1;",
    "d.json": `{"x": 1}`,
    "beside.ts": "not imported",
  };
  const hash = await hashOf(files);
  assert.match(hash ?? "", /^sha256-[0-9a-f]{64}$/);
  assert.equal(await hashOf(files), hash, "in another folder");
  assert.equal(await hashOf({ ...files, "beside.ts": "" }), hash);
  for (const name of ["p.ts", "lib/a.ts", "later.ts"] as const) {
    const other = { ...files, [name]: `${files[name]}\n` };
    assert.notEqual(await hashOf(other), hash, name);
  }
  assert.notEqual(await hashOf({ ...files, "d.json": `{"x": 2}` }), hash);
});

Deno.test("modules of a server are hashed as they are cached, those that they import too", async () => {
  const files: Record<string, string> = {
    "/v1/p.ts":
      `/** import "./in_comment.ts" */ import "./q.ts"; export default 1;`,
    "/v1/q.ts": "export const q = 1;",
    "/v2/p.ts":
      `/** import "./in_comment.ts" */ import "./q.ts"; export default 1;`,
    "/v2/q.ts": "export const q = 2;",
  };
  await using server = serveFiles((path) => files[path] ?? null);
  const [one, two] = await hashesOf(server, ["v1/p.ts", "v2/p.ts"]);
  assert.match(one ?? "", /^sha256-/);
  assert.notEqual(one, two);
  assert.deepEqual(
    [...server.asked].sort(),
    Object.keys(files),
    "each is fetched once",
  );
});

Deno.test("an address that leads elsewhere has the hash of what it leads to", async () => {
  const files: Record<string, string> = {
    "/v1/p.ts": `import "../dep.ts"; import "./q.ts"; export default 1;`,
    "/v1/q.ts": "export const q = 1;",
    "/v1/lib/dep.ts": `import "./inner.ts"; export const d = 1;`,
    "/v1/lib/inner.ts": "export const i = 1;",
  };
  const elsewhere: Record<string, string> = {
    "/p.ts": "/v1/p.ts",
    "/dep.ts": "/v1/lib/dep.ts",
  };
  await using server = serveFiles((path) =>
    path in elsewhere ? { redirect: elsewhere[path] } : files[path] ?? null
  );
  const [named, real] = await hashesOf(server, ["p.ts", "v1/p.ts"]);
  assert.match(named ?? "", /^sha256-/);
  assert.equal(named, real);
});

/** Hashes modules of a server in a process with a cache of its own: this one's lock file would keep them. */
async function hashesOf(
  server: ModuleServer,
  paths: readonly string[],
): Promise<(string | null)[]> {
  using folder = testFolder({});
  const urls = paths.map((path) => `${server.url}${path}`);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-lock",
      "--no-check",
      fileURLToPath(new URL("_print_hashes.ts", import.meta.url)),
      ...urls,
    ],
    env: { DENO_DIR: folder.path },
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("a package of npm has its version, and a hash over its modules and what it depends on", async () => {
  await loadWithoutRunning("npm:hono@^4.10.0");
  const { version, hash } = await hashGraph("npm:hono@^4.10.0");
  assert.match(version ?? "", /^4\.\d+\.\d+$/);
  assert.match(hash ?? "", /^sha256-[0-9a-f]{64}$/);
});
