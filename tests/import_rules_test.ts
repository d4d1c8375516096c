/**
 * Who may import whom, read off the module graph: see core/README.md.
 * @module
 */
import assert from "node:assert/strict";
import { fromFileUrl, walk } from "./files.ts";

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
}
interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly Dependency[];
  }[];
  readonly npmPackages?: Readonly<
    Record<string, { readonly name: string; readonly version: string }>
  >;
}

const root = new URL("../", import.meta.url);
const CORE = "@denotune/denotune/core";

async function info(entry: string): Promise<Graph> {
  const { stdout, success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--json",
      "--config",
      fromFileUrl(new URL("deno.json", root)),
      entry,
    ],
    cwd: fromFileUrl(root),
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

interface Edge {
  /** Path from the root of the project. */
  readonly from: string;
  /** As it is written. */
  readonly written: string;
  /** Path from the root of the project, or the specifier of what is outside of it. */
  readonly to: string;
}

/** Every import of every file of the project, workers and files that nothing imports included. */
async function allEdges(): Promise<Edge[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  const folders = ["core", "formats", "plugins", "backends"];
  const files = folders.flatMap((name) => walk(new URL(`${name}/`, root)));
  const all = [...files, new URL("mod.ts", root).href];
  await Deno.writeTextFile(
    entry,
    all.map((url) => `import "${url}";\n`).join(""),
  );
  try {
    const { modules } = await info(entry);
    const inside = (url: string) =>
      url.startsWith(root.href) ? url.slice(root.href.length) : url;
    return modules.flatMap(({ specifier, dependencies = [] }) => {
      if (!specifier.startsWith(root.href)) return [];
      return dependencies.flatMap((dependency) => {
        const to = dependency.code?.specifier ?? dependency.type?.specifier;
        if (to === undefined) return [];
        return [{
          from: inside(specifier),
          written: dependency.specifier,
          to: inside(to),
        }];
      });
    });
  } finally {
    await Deno.remove(entry);
  }
}

const edges = await allEdges();
const isOurs = (edge: Edge) => !edge.to.includes(":");
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
    return edge.written !== CORE && !edge.to.startsWith(room);
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
