/**
 * Where packages and modules come from besides JSR: a registry of npm, and a plain host by https. Both on the loopback
 * interface.
 * @module
 */
import { createHash } from "node:crypto";
import { CERT, KEY } from "./_certificate.ts";
import { writeTar } from "./_tar.ts";

/** A host that runs until its process ends. */
export interface Host {
  /** Its address, with a slash at the end. */
  readonly url: string;
}

/** A package of npm. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** The archive, as it is installed. */
  readonly tarball: Uint8Array;
}

/** A registry of npm that has these packages; a line of `.npmrc` names it for a scope. */
export function startNpm(packages: readonly NpmPackage[]): Host {
  const server = Deno.serve(
    { port: 0, hostname: "localhost", onListen() {} },
    (request): Response => {
      const path = decodeURIComponent(new URL(request.url).pathname.slice(1));
      const archive = packages.find((one) => path === `${one.name}.tgz`);
      if (archive !== undefined) return new Response(body(archive.tarball));
      const found = packages.find((one) => path === one.name);
      if (found === undefined) {
        return new Response("Not found", { status: 404 });
      }
      const { name, version, dependencies, tarball } = found;
      const digest = createHash("sha512").update(tarball).digest("base64");
      const dist = {
        tarball: new URL(`/${name}.tgz`, request.url).href,
        integrity: `sha512-${digest}`,
      };
      return Response.json({
        name,
        "dist-tags": { latest: version },
        versions: { [version]: { name, version, dependencies, dist } },
      });
    },
  );
  server.unref();
  return { url: `http://localhost:${server.addr.port}/` };
}

/** A package written by hand. */
export function npmPackage(
  { name, version, dependencies, files }:
    & Omit<NpmPackage, "tarball">
    & { readonly files: Readonly<Record<string, string>> },
): NpmPackage {
  const about = { name, version, type: "module", dependencies, ...EXPORTS };
  const all = { "package.json": JSON.stringify(about), ...files };
  const tarball = writeTar(
    new Map(
      Object.entries(all).map(([path, text]) =>
        [`package/${path}`, new TextEncoder().encode(text)] as const
      ),
    ),
  );
  return { name, version, dependencies, tarball };
}

const EXPORTS = { exports: "./index.js" };

/** A host that serves these modules by https. */
export function startHttps(files: Readonly<Record<string, string>>): Host {
  const server = Deno.serve(
    { port: 0, hostname: "localhost", cert: CERT, key: KEY, onListen() {} },
    (request) => {
      const text = files[new URL(request.url).pathname.slice(1)];
      return text === undefined
        ? new Response("Not found", { status: 404 })
        : new Response(text, { headers: { "content-type": typeOf(request) } });
    },
  );
  server.unref();
  return { url: `https://localhost:${server.addr.port}/` };
}

function typeOf({ url }: Request): string {
  return url.endsWith(".ts") ? "text/typescript" : "text/javascript";
}

function body(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
