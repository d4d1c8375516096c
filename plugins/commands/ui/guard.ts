/**
 * Who may ask the page's server. It listens on loopback, but any site in the same browser can send requests there:
 *
 * - a name that leads to loopback (DNS rebinding) is refused by the `Host` header, which the browser writes;
 * - a write needs the token that the terminal printed, in a header that no form can set, from the page's own origin.
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { isLoopbackHost, isSame } from "../_loopback.ts";

/** Header of the token. */
export const TOKEN_HEADER = "x-denotune-token";

/** Headers of every answer. None holds text from a file: control characters in a header end the server. */
const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

/** Refuses what does not come from the page. */
export function guard(token: string): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? "";
    if (!isLoopbackHost(host)) {
      return c.text("This page is only for this machine", 403, HEADERS);
    }
    if (c.req.method !== "GET" && c.req.method !== "HEAD") {
      const refused = refusal(c.req.raw.headers, { host, token });
      if (refused !== null) return c.json({ error: refused }, 403, HEADERS);
    }
    await next();
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  };
}

function refusal(
  headers: Headers,
  { host, token }: { readonly host: string; readonly token: string },
): string | null {
  if (headers.get("origin") !== `http://${host}`) {
    return "Only the page itself may do this";
  }
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin") {
    return "Only the page itself may do this";
  }
  if (!isSame(headers.get(TOKEN_HEADER) ?? "", token)) {
    return "This needs the address with the token that the terminal printed";
  }
  return null;
}
