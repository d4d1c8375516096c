import assert from "node:assert/strict";
import { run } from "../../../core/cli/_run.ts";
import { testData } from "../../../test_data.ts";

const MODEL = testData("models/stories260k");

Deno.test({
  name:
    "a context that does not fit is answered with one that does, and with nothing about training",
  ignore: MODEL === null,
  fn: async () => {
    const { code, err } = await run(
      "generate",
      MODEL ?? "",
      "--backend=reference",
      "--raw",
      "-n1",
      "-pOnce",
      "--context-length=1e9",
    );
    assert.equal(code, 1);
    assert.match(
      err,
      /a context of 1,000,000,000 tokens needs \S+ GB of memory; .* has .* for it/,
    );
    assert.match(err, /shorter context \(--context-length \d+ fits\)/);
    assert.doesNotMatch(err, /batch_size|max_length/);
  },
});
