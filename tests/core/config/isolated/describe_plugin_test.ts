import assert from "node:assert/strict";
import { manifestOf } from "../../../../core/config/isolated/describe_plugin.ts";

Deno.test("a plugin that leaves out what it may has an empty manifest; one of another API is refused", () => {
  const plugin = { name: "mine", api: 1, parts: [] };
  assert.deepEqual(manifestOf(plugin, "./mine.ts"), {
    ...plugin,
    version: null,
    permissions: [],
  });
  assert.throws(
    () => manifestOf({ ...plugin, api: 7 }, "./mine.ts"),
    /^PluginError: \.\/mine\.ts: plugin "mine" is written for plugin API 7/,
  );
});
