import assert from "node:assert/strict";
import { faultPlace, placeOfError } from "../../core/fault_place.ts";

const own = new URL("../../core/run/run.ts", import.meta.url).href;

Deno.test("the place of a fault is the innermost one in somebody else's file", () => {
  const stack = `Error: boom
    at Object.exit (ext:deno_os/30_os.js:1:943)
    at Module.f (file:///work/a%20b/plugin.ts:6:28)
    at outer (file:///work/other.ts:1:1)
    at async go (${own}:10:3)`;
  assert.deepEqual(faultPlace(stack), {
    plugin: "/work/a b/plugin.ts:6:28",
    isOwn: false,
  });
});

Deno.test("denotune's own files, libraries and Deno are no place of a plugin", () => {
  assert.deepEqual(
    faultPlace(`Error
    at a (ext:deno_web/02_event.js:1:8095)
    at b (file:///x/node_modules/zod/index.js:1:1)
    at c (${own}:10:3)`),
    { plugin: null, isOwn: true },
  );
  assert.deepEqual(faultPlace(undefined), { plugin: null, isOwn: false });
  assert.deepEqual(
    faultPlace("Error\n    at https://example.org/plugin.ts:3:1").plugin,
    "https://example.org/plugin.ts:3:1",
  );
});

Deno.test("an error whose stack throws has no place", () => {
  const error = Object.defineProperty(new Error(), "stack", {
    get: () => {
      throw new Error("ouch");
    },
  });
  assert.equal(placeOfError(error).plugin, null);
});
