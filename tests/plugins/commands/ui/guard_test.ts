import assert from "node:assert/strict";
import { Hono } from "hono";
import { guard } from "../../../../plugins/commands/ui/guard.ts";

const ORIGIN = "http://127.0.0.1:6007";
const TOKEN = "0123456789abcdef";

const app = new Hono();
app.use(guard(TOKEN));
app.get("/", (c) => c.text("read"));
app.post("/", (c) => c.text("written"));

async function ask(
  headers: Readonly<Record<string, string>>,
  method = "POST",
): Promise<number> {
  const request = new Request(ORIGIN, { method, headers });
  return (await app.fetch(request)).status;
}

const PAGE = {
  host: "127.0.0.1:6007",
  origin: ORIGIN,
  "x-denotune-token": TOKEN,
};

Deno.test("the page itself reads, and writes with the token", async () => {
  assert.equal(await ask({ host: "127.0.0.1:6007" }, "GET"), 200);
  assert.equal(await ask({ host: "localhost:9999" }, "GET"), 200);
  assert.equal(await ask(PAGE), 200);
  assert.equal(await ask({ ...PAGE, "sec-fetch-site": "same-origin" }), 200);
});

Deno.test("a name that leads to this machine (DNS rebinding) neither reads nor writes", async () => {
  for (
    const host of [
      "evil.example",
      "evil.example:6007",
      "127.0.0.1.evil.example",
      "localhost.evil.example:6007",
      "evil.example:6007:6007",
      "",
      "0.0.0.0:6007",
    ]
  ) {
    assert.equal(await ask({ host }, "GET"), 403, host);
    assert.equal(
      await ask({ ...PAGE, host, origin: `http://${host}` }),
      403,
      host,
    );
  }
});

Deno.test("another site in the same browser cannot write (CSRF), even with the token", async () => {
  assert.equal(await ask({ ...PAGE, origin: "http://evil.example" }), 403);
  assert.equal(await ask({ ...PAGE, origin: "null" }), 403);
  assert.equal(await ask({ ...PAGE, origin: "http://127.0.0.1:6008" }), 403);
  assert.equal(await ask({ ...PAGE, "sec-fetch-site": "cross-site" }), 403);
  const { origin: _, ...withoutOrigin } = PAGE;
  assert.equal(await ask(withoutOrigin), 403);
});

Deno.test("without the token, or with another one, nothing is written", async () => {
  const { "x-denotune-token": _, ...without } = PAGE;
  assert.equal(await ask(without), 403);
  for (const token of ["", "0", TOKEN.toUpperCase(), TOKEN + "0"]) {
    assert.equal(await ask({ ...PAGE, "x-denotune-token": token }), 403);
  }
  for (const method of ["PUT", "DELETE", "PATCH"]) {
    assert.equal(await ask({ ...without }, method), 403);
  }
});
