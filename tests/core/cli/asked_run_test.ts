import assert from "node:assert/strict";
import { splitRunArguments } from "../../../core/cli/asked_run.ts";

Deno.test("a run file and settings are told apart in any order", () => {
  assert.deepEqual(splitRunArguments(["run.yaml", "seed=1", "a.0.b=c d"]), {
    file: "run.yaml",
    overrides: ["seed=1", "a.0.b=c d"],
  });
  assert.deepEqual(splitRunArguments(["seed=1", "x/y=z.yaml"]), {
    file: "x/y=z.yaml",
    overrides: ["seed=1"],
  });
  assert.deepEqual(splitRunArguments([]), { file: null, overrides: [] });
});

Deno.test("two run files are refused by name", () => {
  assert.throws(
    () => splitRunArguments(["a.yaml", "b.yaml"]),
    /one run file, found `a.yaml` and `b.yaml`/,
  );
});
