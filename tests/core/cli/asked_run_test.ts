import assert from "node:assert/strict";
import { splitRunArguments } from "../../../core/cli/asked_run.ts";

Deno.test("a run file and settings are told apart in any order", () => {
  assert.deepEqual(splitRunArguments(["run.yaml", "seed=1", "a.0.b=c d"]), {
    files: ["run.yaml"],
    overrides: ["seed=1", "a.0.b=c d"],
  });
  assert.deepEqual(splitRunArguments(["seed=1", "x/y=z.yaml"]), {
    files: ["x/y=z.yaml"],
    overrides: ["seed=1"],
  });
  assert.deepEqual(splitRunArguments([]), { files: [], overrides: [] });
});

Deno.test("several run files keep their order", () => {
  assert.deepEqual(
    splitRunArguments(["base.yaml", "seed=1", "lora.yaml"]),
    { files: ["base.yaml", "lora.yaml"], overrides: ["seed=1"] },
  );
});

Deno.test("a setting with spaces around its = is refused with how it is written", () => {
  for (
    const words of [
      ["training.epochs", "=", "1"],
      ["training.epochs", "=1"],
    ]
  ) {
    assert.throws(() => splitRunArguments(["run.yaml", ...words]), {
      name: "ConfigError",
      message:
        "A setting has no spaces around its =; write training.epochs=1, in quotes where the value has spaces",
    });
  }
});
