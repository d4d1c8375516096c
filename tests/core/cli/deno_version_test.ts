import assert from "node:assert/strict";
import { denoProblem, OLDEST_DENO } from "../../../core/cli/deno_version.ts";

Deno.test("an older Deno is told in one line which is needed", () => {
  for (const version of ["1.46.3", "2.0.0", "2.8.9", "2.8.0-rc.1"]) {
    const problem = denoProblem(version) ?? "";
    assert.ok(problem.includes(`needs Deno ${OLDEST_DENO}`), version);
    assert.ok(problem.includes(version));
    assert.ok(!problem.includes("\n"));
  }
});

Deno.test("this Deno and newer ones are taken", () => {
  for (
    const version of [
      Deno.version.deno,
      "2.9.0",
      "2.9.6",
      "2.10.0",
      "3.0.0",
      "2.9.6+abc",
    ]
  ) {
    assert.equal(denoProblem(version), null, version);
  }
});

Deno.test("another runtime is told that Deno is needed, and how Node comes by it", () => {
  assert.match(
    denoProblem(undefined) ?? "",
    /^denotune needs Deno 2\.9\.0 or newer; this is another runtime\. From Node, `npx --yes deno@[\d.]+ run -A` runs/,
  );
});
