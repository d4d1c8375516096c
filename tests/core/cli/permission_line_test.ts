import assert from "node:assert/strict";
import {
  permissionFlags,
  permissionLine,
} from "../../../core/cli/permission_line.ts";

Deno.test("flags name each thing once, paths from the working directory, the outermost alone", () => {
  assert.deepEqual(
    permissionFlags([
      "read:/work/data/rows.jsonl",
      "read:/work/data",
      "read:/work/database",
      "read:/etc/a,b",
      "read:/etc/a,b",
      "write:/work",
      "env:HOME",
      "env:ABC",
      "ffi",
      "net:a.example:443",
      "sys:hostname",
    ], "/work"),
    [
      "--no-prompt",
      "--allow-read=/etc/a,,b,data,database",
      "--allow-write=.",
      "--allow-net=a.example:443",
      "--allow-env=ABC,HOME",
      "--allow-sys=hostname",
      "--allow-ffi",
    ],
  );
});

Deno.test("a whole permission wins over its things, and no network is said", () => {
  assert.deepEqual(permissionFlags(["read", "read:/etc"], "/work"), [
    "--no-prompt",
    "--deny-net",
    "--allow-read",
  ]);
  assert.deepEqual(permissionFlags(["read:/"], "/work"), [
    "--no-prompt",
    "--deny-net",
    "--allow-read=/",
  ]);
});

Deno.test("the line starts denotune as the user did, in words that a shell takes", () => {
  assert.equal(
    permissionLine({
      invocation: "deno run -A 'my code/mod.ts'",
      words: ["train", "my run.yaml", "training.epochs=1"],
      flags: ["--no-prompt", "--allow-net=*.a.example"],
    }),
    `deno run \\
  --no-prompt \\
  '--allow-net=*.a.example' \\
  'my code/mod.ts' train 'my run.yaml' training.epochs=1`,
  );
});
