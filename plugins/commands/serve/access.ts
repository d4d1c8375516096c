/**
 * Who may ask. On loopback only requests to a loopback name are answered, because any site in a browser on this machine
 * can send requests there under a name that leads to it (DNS rebinding). Where keys are set, each request brings one.
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { isLoopbackHost, isSame } from "../_loopback.ts";
import { ApiError } from "./api_error.ts";

/** Who may ask. */
export interface Access {
  /** Whether only names of this machine are answered. */
  readonly isLoopback: boolean;
  /** Keys that are accepted; empty: none is asked for. */
  readonly keys: readonly string[];
  /** Origins whose pages may read answers (`*`: all); empty: none. */
  readonly origins: readonly string[];
}

/** Paths that need no key: a load balancer asks one, and the page asks its reader for the key. */
const OPEN: ReadonlySet<string> = new Set(["/", "/health"]);

/** Refuses who may not ask; answers what browsers ask first. */
export function access(
  { isLoopback, keys, origins }: Access,
): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? "";
    if (isLoopback && !isLoopbackHost(host.toLowerCase())) {
      throw new ApiError(
        403,
        "This server answers requests to 127.0.0.1 and localhost only; start it with --host to serve other names",
      );
    }
    const origin = c.req.header("origin");
    const allowed = origin !== undefined &&
      (origins.includes("*") || origins.includes(origin));
    if (c.req.method === "OPTIONS") {
      // a browser asks before it sends; what is not named gets no header, and the browser refuses
      return c.body(
        null,
        204,
        allowed
          ? {
            ...corsHeaders(origins, origin),
            "access-control-allow-methods": "GET, POST, OPTIONS",
            "access-control-allow-headers": "authorization, content-type",
            "access-control-max-age": "600",
          }
          : {},
      );
    }
    // a page of another site may send a request without reading its answer: it is not answered at all
    if (
      origin !== undefined && !allowed && !isSameOrigin(origin, host)
    ) {
      throw new ApiError(
        403,
        "Pages of other sites may not ask this server; name their origin with --cors",
      );
    }
    if (
      keys.length > 0 && !OPEN.has(c.req.path) &&
      !keys.some((key) => isSame(keyOf(c.req.header("authorization")), key))
    ) {
      throw new ApiError(
        401,
        "This server asks for a key: send the header `Authorization: Bearer ...` with one of DENOTUNE_API_KEYS",
        { code: "invalid_api_key" },
      );
    }
    await next();
    if (allowed) {
      for (
        const [name, value] of Object.entries(corsHeaders(origins, origin))
      ) {
        c.res.headers.set(name, value);
      }
    }
  };
}

/** The origin is one of those that were named, so that nothing of the request's text gets into a header. */
function corsHeaders(
  origins: readonly string[],
  origin: string,
): Record<string, string> {
  const named = origins.find((one) => one === origin) ?? "*";
  return { "access-control-allow-origin": named, vary: "Origin" };
}

function isSameOrigin(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}

function keyOf(header: string | undefined): string {
  return /^Bearer +(.*)$/i.exec(header ?? "")?.[1] ?? "";
}

/** Keys of the environment: `DENOTUNE_API_KEY`, and `DENOTUNE_API_KEYS` with commas between. */
export function keysOf(
  env: { get(name: string): string | undefined },
): string[] {
  return [env.get("DENOTUNE_API_KEY"), env.get("DENOTUNE_API_KEYS")]
    .flatMap((text) => (text ?? "").split(","))
    .map((key) => key.trim())
    .filter((key) => key !== "");
}
