/**
 * What plugins see of core is recorded: no change of it goes unnoticed.
 */
import assert from "node:assert/strict";
import { coreSurface, RECORD, REMINDER, surfaceChanges } from "./_surface.ts";

Deno.test("core's door shows the names and signatures that are recorded", async () => {
  const recorded = await Deno.readTextFile(RECORD);
  const changes = surfaceChanges(recorded, await coreSurface());
  assert.deepEqual(changes, [], `${changes.join("\n")}\n\n${REMINDER}`);
});

Deno.test("a name that goes, comes or changes is a change, and so is another version of the API", () => {
  const recorded = "plugin API 1\nKept 1a\nGone 2b\nChanged 3c\n";
  const found = "plugin API 2\nChanged 4d\nKept 1a\nNew 5e\n";
  assert.deepEqual(surfaceChanges(recorded, found), [
    "Gone is gone",
    "plugin API changed",
    "Changed changed",
    "New is new",
  ]);
  assert.deepEqual(surfaceChanges(found, found), []);
});
