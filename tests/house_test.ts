/**
 * Who may import whom, read off the module graph: see core/README.md.
 * @module
 */
import assert from "node:assert/strict";
import { circlesOf } from "./house/circles.ts";
import {
  type Edge,
  importsOf,
  info,
  isOurs,
  loadedWith,
  root,
  SOURCES,
} from "./house/imports.ts";
import { testsOf } from "./house/tests_of.ts";
import { CROWDED, floorOf, FLOORS } from "./house/layers.ts";

/** Core's doors: the whole, and the part that a device's threads load. */
const DOORS = ["@denotune/denotune/core", "@denotune/denotune/device"];

const edges = await importsOf(SOURCES);
const say = (found: readonly Edge[]) =>
  found.map(({ from, written }) => `${from} imports ${written}`);

/** The folder that a built-in may import from: `formats/`, `plugins/maskers/`, `backends/cpu/`. */
function roomOf(path: string): string | null {
  return /^(formats\/|plugins\/[^/]+\/|backends\/[^/]+\/)/.exec(path)?.[0] ??
    null;
}

Deno.test("the graph holds the whole project", () => {
  const files = new Set(edges.map((edge) => edge.from));
  for (
    const file of [
      "mod.ts",
      "core/mod.ts",
      "core/cli/main.ts",
      "formats/alpaca.ts",
      "backends/reference/worker.ts",
    ]
  ) {
    assert.ok(files.has(file), file);
  }
});

Deno.test("core imports only itself, by relative paths", () => {
  const wrong = edges.filter((edge) =>
    edge.from.startsWith("core/") && isOurs(edge) &&
    (!edge.to.startsWith("core/") || !edge.written.startsWith("."))
  );
  assert.deepEqual(say(wrong), []);
});

Deno.test("formats, plugins and backends import core by the package's name, and their own folder", () => {
  const wrong = edges.filter((edge) => {
    const room = roomOf(edge.from);
    if (room === null || !isOurs(edge)) return false;
    return !DOORS.includes(edge.written) && !edge.to.startsWith(room);
  });
  assert.deepEqual(say(wrong), []);
});

Deno.test("only mod.ts, plugins/mod.ts and plugins/library.ts see the built-in parts", () => {
  const doors = ["mod.ts", "plugins/mod.ts", "plugins/library.ts"];
  const wrong = edges.filter((edge) =>
    roomOf(edge.to) !== null && roomOf(edge.from) === null &&
    !doors.includes(edge.from)
  );
  assert.deepEqual(say(wrong), []);
});

Deno.test("no file imports itself in a circle", () => {
  assert.deepEqual(
    circlesOf(
      edges.filter((edge) =>
        isOurs(edge) && !edge.from.startsWith("examples/")
      ),
    ),
    [],
  );
});

Deno.test("in core no arrow runs back to a higher floor", () => {
  const wrong = edges.filter((edge) =>
    edge.from.startsWith("core/") && edge.to.startsWith("core/") &&
    floorOf(edge.to) > floorOf(edge.from)
  );
  assert.deepEqual(
    wrong.map(({ from, to }) =>
      `${from} (${FLOORS[floorOf(from)].name}) imports ${to} (${
        FLOORS[floorOf(to)].name
      })`
    ),
    [],
  );
});

Deno.test("a folder of more than 20 files says why", () => {
  const files = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const counts = new Map<string, number>();
  for (const file of files) {
    if (!/^(core|formats|plugins|backends)\//.test(file)) continue;
    const folder = file.slice(0, file.lastIndexOf("/"));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const crowded = [...counts].filter(([, count]) => count > 20)
    .map(([folder]) => folder).sort();
  assert.deepEqual(crowded, Object.keys(CROWDED).sort());
});

Deno.test("every file is reached by a test; `deno task house FILE` says which", async () => {
  const untested = [...await testsOf()].filter(([, tests]) =>
    tests.length === 0
  ).map(([file]) => file);
  // started by URL, in a thread of their own
  assert.deepEqual(
    untested.filter((file) => !/worker\.ts$/.test(file)),
    [],
  );
});

Deno.test("files whose names begin with _ are imported from their own folder only", () => {
  const folder = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
  const wrong = edges.filter((edge) =>
    /(^|\/)_[^/]*$/.test(edge.to) && !edge.from.startsWith(folder(edge.to))
  );
  assert.deepEqual(say(wrong), []);
});

Deno.test("only npm: and node: are imported from outside; what mod.ts reaches, through the import map", async () => {
  const reached = new Set(
    (await info("mod.ts")).modules.map((module) => module.specifier),
  );
  const wrong = edges.filter((edge) =>
    !isOurs(edge) && !/^(npm|node):/.test(edge.to) ||
    edge.written.startsWith("npm:") &&
      reached.has(new URL(edge.from, root).href)
  );
  assert.deepEqual(say(wrong), []);
});

Deno.test("importing mod.ts loads no library but zod, and nothing that trains, asks or loads plugins", async () => {
  const loaded = [...await loadedWith("mod.ts")];
  assert.deepEqual(
    loaded.filter((url) => url.startsWith("npm:")).map((url) =>
      url.replace(/^npm:\/?|@[^@]*$/g, "")
    ),
    ["zod"],
  );
  const heavy =
    /^(node:fs\/promises|.*\/(core\/run\/run|core\/library\/train|core\/config\/load|core\/config\/parts\/plugins|plugins\/mod|plugins\/tokenizers\/.*|backends\/.*)\.ts)$/;
  assert.deepEqual(loaded.filter((url) => heavy.test(url)), []);
});

Deno.test("importing mod.ts loads few modules: core's door, of some 210, is not among them, and nothing of Node", async () => {
  const loaded = [...await loadedWith("mod.ts")];
  // the first of them takes Deno some 20 ms
  assert.deepEqual(loaded.filter((url) => url.startsWith("node:")), []);
  assert.ok(loaded.length > 20, `${loaded.length} modules: too few to be all`);
  // the time of an import is mostly the number of modules, and a bound on their number never depends on the machine
  assert.ok(
    loaded.length <= 40,
    `${loaded.length} modules are loaded with mod.ts. A part that mod.ts exports imports core's types only, and what it works with inside of \`create\`:\n${
      loaded.join("\n")
    }`,
  );
});

Deno.test("a device's threads load the small door of core, not the whole", async () => {
  const door = [...await loadedWith("core/device/mod.ts")].length;
  assert.ok(door > 20 && door <= 60, `${door} modules behind the small door`);
  for (
    const [thread, most] of [
      ["backends/cpu/worker.ts", 160],
      ["backends/cpu/runtime/helper_worker.ts", 95],
      ["backends/reference/worker.ts", 90],
      ["backends/webgpu/worker.ts", 140],
    ] as const
  ) {
    const loaded = [...await loadedWith(thread)];
    assert.ok(loaded.length > door, thread);
    assert.ok(
      loaded.length <= most &&
        !loaded.includes(new URL("core/mod.ts", root).href),
      `${thread} loads ${loaded.length} modules:\n${loaded.join("\n")}`,
    );
  }
});

Deno.test("mod.ts fetches no package over 5 MB", async () => {
  const { npmPackages = {} } = await info("mod.ts");
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
  }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  assert.ok(Object.keys(npmPackages).length > 0);
  for (const { name, version } of Object.values(npmPackages)) {
    const hosts = [...Deno.readDirSync(npmCache)].map((host) => host.name);
    const folder = hosts.map((host) => `${npmCache}/${host}/${name}/${version}`)
      .find(isFolder);
    assert.ok(folder !== undefined, `${name} ${version} is not in ${npmCache}`);
    const bytes = await packedSize(folder);
    assert.ok(bytes < 5e6, `${name} ${version} has ${bytes} bytes`);
  }
});

/** Bytes of a folder as registries send it: packages come as one gzip. */
async function packedSize(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) bytes += await packedSize(path);
    if (!entry.isFile) continue;
    using file = await Deno.open(path);
    const packed = file.readable.pipeThrough(new CompressionStream("gzip"));
    for await (const chunk of packed) bytes += chunk.length;
  }
  return bytes;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
