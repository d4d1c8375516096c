import assert from "node:assert/strict";
import { columnsOf } from "../../../core/cli/wrap_lines.ts";
import { outputTo } from "../../../core/cli/terminal.ts";

function written(isTerminal: boolean, text: string): string {
  const decoder = new TextDecoder();
  let all = "";
  const output = outputTo({
    writeSync: (bytes) => {
      all += decoder.decode(bytes);
      return bytes.length;
    },
    isTerminal: () => isTerminal,
  });
  output.line(text);
  if (isTerminal) {
    for (const line of all.split("\n")) {
      assert.ok(columnsOf(line) <= output.width, line);
    }
  }
  return all;
}

Deno.test("a terminal gets lines broken between words; a file and a pipe get them as they are", () => {
  const text = "note     " + "several words in a row ".repeat(20).trimEnd();
  assert.equal(written(false, text), `${text}\n`);
  const broken = written(true, text);
  assert.ok(broken.split("\n").length > 4);
  assert.deepEqual(broken.trim().split(/\s+/), text.split(/\s+/));
});
