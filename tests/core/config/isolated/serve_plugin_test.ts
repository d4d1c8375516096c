import assert from "node:assert/strict";

Deno.test("what an isolated plugin prints goes to the error output, not between the answers", async () => {
  const { log, info, debug, dir, table } = console;
  try {
    const { serve } = await import(
      "../../../../core/config/isolated/serve_plugin.ts"
    );
    assert.equal(typeof serve, "function");
    assert.equal(console.log, console.error);
    assert.equal(console.table, console.error);
  } finally {
    Object.assign(console, { log, info, debug, dir, table });
  }
});
