import assert from "node:assert/strict";
import { Hono } from "hono";
import {
  type Access,
  access,
  keysOf,
} from "../../../../plugins/commands/serve/access.ts";
import { ApiError } from "../../../../plugins/commands/serve/api_error.ts";

async function ask(
  options: Partial<Access>,
  headers: Record<string, string>,
  { method = "GET", path = "/v1/models" } = {},
): Promise<Response> {
  const app = new Hono();
  app.use(access({ isLoopback: true, keys: [], origins: [], ...options }));
  app.all("*", (c) => c.text("answered"));
  app.onError((error, c) =>
    c.text(
      error.message,
      error instanceof ApiError && error.status === 401 ? 401 : 403,
    )
  );
  return await app.request(path, { method, headers });
}

const HOST = { host: "127.0.0.1:8000" };

Deno.test("on loopback only names of this machine are answered", async () => {
  for (
    const host of ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:3"]
  ) {
    assert.equal((await ask({}, { host })).status, 200, host);
  }
  for (
    const host of [
      "evil.example",
      "127.0.0.1.evil.example:8000",
      "",
      "[::1]evil",
    ]
  ) {
    assert.equal((await ask({}, { host })).status, 403, host);
  }
  const open = { isLoopback: false };
  assert.equal((await ask(open, { host: "box.example:8000" })).status, 200);
});

Deno.test("pages of other sites may not ask, unless their origin is named", async () => {
  const origin = "https://app.example";
  const refused = await ask({}, { ...HOST, origin });
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get("access-control-allow-origin"), null);
  assert.equal(
    (await ask({}, { ...HOST, origin: "http://127.0.0.1:8000" })).status,
    200,
  );
  const allowed = await ask({ origins: [origin] }, { ...HOST, origin });
  assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
  const all = await ask({ origins: ["*"] }, { ...HOST, origin });
  assert.equal(all.headers.get("access-control-allow-origin"), "*");
  const before = await ask({ origins: [origin] }, { ...HOST, origin }, {
    method: "OPTIONS",
  });
  assert.equal(before.status, 204);
  assert.match(
    before.headers.get("access-control-allow-headers") ?? "",
    /authorization/,
  );
  const unnamed = await ask({}, { ...HOST, origin }, { method: "OPTIONS" });
  assert.equal(unnamed.headers.get("access-control-allow-origin"), null);
});

Deno.test("where keys are set, each request but the open ones brings one", async () => {
  const keys = ["first", "second"];
  const status = async (authorization?: string, path?: string) =>
    (await ask(
      { keys },
      { ...HOST, ...(authorization === undefined ? {} : { authorization }) },
      path === undefined ? {} : { path },
    )).status;
  assert.equal(await status(), 401);
  assert.equal(await status("Bearer third"), 401);
  assert.equal(await status("Bearer firs"), 401);
  assert.equal(await status("Basic first"), 401);
  assert.equal(await status("Bearer "), 401);
  assert.equal(await status("Bearer first"), 200);
  assert.equal(await status("bearer second"), 200);
  assert.equal(await status(undefined, "/health"), 200);
  assert.equal(await status(undefined, "/"), 200);
  assert.equal(await status(undefined, "/metrics"), 401);
});

Deno.test("keys come from the environment, several with commas between; empty ones are none", () => {
  const env = (values: Record<string, string>) => ({
    get: (name: string): string | undefined => values[name],
  });
  assert.deepEqual(keysOf(env({})), []);
  assert.deepEqual(
    keysOf(env({ DENOTUNE_API_KEY: "", DENOTUNE_API_KEYS: ", ," })),
    [],
  );
  assert.deepEqual(
    keysOf(env({ DENOTUNE_API_KEY: "a", DENOTUNE_API_KEYS: "b, c" })),
    ["a", "b", "c"],
  );
});
