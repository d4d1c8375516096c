import assert from "node:assert/strict";
import { linesOf } from "../../../../plugins/commands/generate/lines.ts";

Deno.test("linesOf joins pieces, drops line ends, and asks before each line", async () => {
  const bytes = new TextEncoder().encode("één\r\ntwo\n\nlast");
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  let asked = 0;
  const lines = await Array.fromAsync(linesOf(stream, () => asked++));
  assert.deepEqual(lines, ["één", "two", "", "last"]);
  assert.equal(asked, 4);
});
