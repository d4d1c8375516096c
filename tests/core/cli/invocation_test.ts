import assert from "node:assert/strict";
import { invocation, quoted } from "../../../core/cli/invocation.ts";

Deno.test("invocation says how the program was started", () => {
  const cwd = "/home/me";
  assert.equal(
    invocation({ main: "file:///home/me/mod.ts", npx: false, cwd }),
    "deno run -A mod.ts",
  );
  assert.equal(
    invocation({ main: "file:///home/me/mod.ts", npx: true, cwd }),
    "npx --yes deno@2.9.6 run -A mod.ts",
  );
  assert.equal(
    invocation({ main: "file:///opt/denotune/mod.ts", npx: false, cwd }),
    "deno run -A /opt/denotune/mod.ts",
  );
  assert.equal(
    invocation({ main: "jsr:@denotune/denotune", npx: false, cwd }),
    "deno run -A jsr:@denotune/denotune",
  );
});

Deno.test("quoted writes a word as a shell takes it", () => {
  assert.equal(quoted("outputs/run-1"), "outputs/run-1");
  assert.equal(quoted("Say it's 5"), `'Say it'\\''s 5'`);
  assert.equal(quoted(""), "''");
});
