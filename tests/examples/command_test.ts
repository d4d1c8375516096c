import assert from "node:assert/strict";
import { runCommand, testCommand } from "@denotune/denotune/testing";
import plugin from "../../examples/command/longest.ts";
import { fromFileUrl } from "../files.ts";

const [longest] = plugin.parts;
if (longest.kind !== "command") throw new TypeError("not a command");
const command = longest;

testCommand(command);

Deno.test("longest lists the examples with the most tokens", async () => {
  const run = fromFileUrl(
    new URL("../../examples/plugin/run.yaml", import.meta.url),
  );
  const { code, out } = await runCommand(command, [
    "longest",
    run,
    "--count",
    "2",
  ]);
  assert.equal(code, 0);
  const counts = out.trim().split("\n").map((line) =>
    Number(/^(\d+) tokens {2}.*rows\.jsonl row \d+$/.exec(line)?.[1])
  );
  assert.equal(counts.length, 2);
  assert.ok(counts[0] >= counts[1]);
});
