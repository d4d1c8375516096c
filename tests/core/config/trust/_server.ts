/**
 * A server of modules on this machine.
 * @module
 */

/** What a server gives for a path: the text of a module, where else it is, or nothing. */
type Served = string | { readonly redirect: string } | null;

/** A server that runs until it is disposed of. */
export interface ModuleServer extends AsyncDisposable {
  /** With a slash at the end. */
  readonly url: string;
  /** The paths that were asked for. */
  readonly asked: readonly string[];
}

/** Serves modules. */
export function serveFiles(find: (path: string) => Served): ModuleServer {
  const asked: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      const found = find(pathname);
      if (found === null) return new Response("", { status: 404 });
      if (typeof found !== "string") {
        return new Response("", {
          status: 302,
          headers: { location: found.redirect },
        });
      }
      const type = pathname.endsWith(".json")
        ? "application/json"
        : "text/typescript";
      return new Response(found, { headers: { "content-type": type } });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
