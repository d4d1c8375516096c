/**
 * A registry laid out as JSR lays packages out, on the loopback interface. `deno publish` itself sends it what it
 * would send to JSR, its specifiers rewritten; nothing leaves this machine.
 *
 * ```text
 * POST /api/scopes/S/packages/N/versions/V   a gzipped tar archive of the package
 * GET  /@S/N/meta.json                       {scope, name, latest, versions}
 * GET  /@S/N/V_meta.json                     {manifest: {"/mod.ts": {size, checksum}}, moduleGraph2, exports}
 * GET  /@S/N/V/core/mod.ts                   a module
 * ```
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { readTar } from "./_tar.ts";

/** A registry that runs until its process ends. */
export interface Jsr {
  /** `http://localhost:PORT/`, for `JSR_URL`. */
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
  /** Publishes the package of a folder. */
  publish(folder: string): Promise<void>;
  /** The files of a version, as they are served. */
  files(name: string, version: string): ReadonlyMap<string, Uint8Array>;
  /** Answers nothing meanwhile; gives what was asked for. */
  down(body: () => Promise<void>): Promise<string[]>;
}

const UPLOAD = /^\/api\/scopes\/([^/]+)\/packages\/([^/]+)\/versions\/([^/]+)$/;

/** Starts an empty registry. */
export function startJsr(): Jsr {
  const served = new Map<string, Uint8Array>();
  const packages = new Map<string, Map<string, Uint8Array>>();
  const asked: string[] = [];
  let isDown = false;
  const server = Deno.serve(
    { port: 0, hostname: "localhost", onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      if (isDown) return new Response("Down", { status: 503 });
      const upload = UPLOAD.exec(pathname);
      if (upload !== null) {
        const [, scope, name, version] = upload;
        const id = `@${scope}/${name}`;
        if (request.method === "POST") {
          const files = readTar(new Uint8Array(await request.arrayBuffer()));
          packages.set(`${id}@${version}`, files);
          await layOut({ scope, name, version, files }, served);
          return json({ id: "1", status: "success", error: null });
        }
        return json({ code: "packageVersionNotFound", message: "" }, 404);
      }
      if (pathname.startsWith("/api/")) return json({}); // the scope and the package are there
      const found = served.get(pathname);
      return found === undefined
        ? new Response("Not found", { status: 404 })
        : new Response(new Uint8Array(found), {
          headers: { "content-type": typeOf(pathname) },
        });
    },
  );
  server.unref();
  const url = `http://localhost:${server.addr.port}/`;
  return {
    url,
    asked,
    async down(body) {
      const before = asked.length;
      isDown = true;
      try {
        await body();
      } finally {
        isDown = false;
      }
      return asked.slice(before);
    },
    async publish(folder) {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "publish",
          "--token=none",
          "--allow-dirty",
          "--no-check",
          "--no-provenance",
        ],
        cwd: folder,
        env: { JSR_URL: url, NO_COLOR: "1" },
        stdout: "null",
        stderr: "piped",
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    },
    files: (name, version) => packages.get(`${name}@${version}`) ?? new Map(),
  };
}

interface Version {
  readonly scope: string;
  readonly name: string;
  readonly version: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

async function layOut(
  { scope, name, version, files }: Version,
  served: Map<string, Uint8Array>,
): Promise<void> {
  const put = (path: string, value: unknown) =>
    served.set(
      `/@${scope}/${name}/${path}`,
      new TextEncoder().encode(JSON.stringify(value)),
    );
  const config = JSON.parse(new TextDecoder().decode(files.get("deno.json")));
  const exports: Record<string, string> = typeof config.exports === "string"
    ? { ".": config.exports }
    : config.exports;
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, bytes] of files) {
    served.set(`/@${scope}/${name}/${version}/${path}`, bytes);
    const digest = createHash("sha256").update(bytes).digest("hex");
    manifest[`/${path}`] = {
      size: bytes.length,
      checksum: `sha256-${digest}`,
    };
  }
  put(`${version}_meta.json`, {
    manifest,
    moduleGraph2: await moduleGraph(files, Object.values(exports)),
    exports,
  });
  const versions = { [version]: { createdAt: "2026-01-01T00:00:00Z" } };
  put("meta.json", { scope, name, latest: version, versions });
}

/** What Deno reads off the metadata instead of parsing each module before it asks for the next ones. */
async function moduleGraph(
  files: ReadonlyMap<string, Uint8Array>,
  entries: readonly string[],
): Promise<Record<string, unknown>> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    for (const [path, bytes] of files) {
      const file = `${folder}/${path}`;
      Deno.mkdirSync(file.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeFileSync(file, bytes);
    }
    const root = pathToFileURL(`${folder}/`).href;
    const graph: Record<string, unknown> = {};
    for (const entry of entries) {
      for (const module of await modulesOf(entry, folder)) {
        if (!module.specifier.startsWith(root)) continue;
        const dependencies = (module.dependencies ?? []).flatMap((one) =>
          one.code === undefined ? [] : [dependency(one)]
        );
        graph[module.specifier.slice(root.length - 1)] = { dependencies };
      }
    }
    return graph;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

interface Dependency {
  readonly specifier: string;
  readonly isDynamic?: boolean;
  readonly code?: { readonly span: { start: Place; end: Place } };
}

interface Place {
  readonly line: number;
  readonly character: number;
}

async function modulesOf(
  entry: string,
  folder: string,
): Promise<{ specifier: string; dependencies?: Dependency[] }[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-config", "--no-remote", entry],
    cwd: folder,
    stderr: "null",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

function dependency({ specifier, isDynamic, code }: Dependency) {
  const place = (at: Place | undefined) => [at?.line ?? 0, at?.character ?? 0];
  const range = [place(code?.span.start), place(code?.span.end)];
  return isDynamic === true
    ? { type: "dynamic", argument: specifier, argumentRange: range }
    : { type: "static", kind: "import", specifier, specifierRange: range };
}

function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

function typeOf(path: string): string {
  if (path.endsWith(".ts")) return "text/typescript";
  return path.endsWith(".json") ? "application/json" : "text/plain";
}
