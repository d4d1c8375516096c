import assert from "node:assert/strict";
import type { Output, ReplyPiece } from "@denotune/denotune/core";
import {
  besideEachOther,
  columnWidth,
} from "../../../../plugins/commands/chat/columns.ts";
import {
  PlainReply,
  TerminalReply,
} from "../../../../plugins/commands/chat/show_reply.ts";

/** An output that keeps what is written. */
function kept(width = 60): Output & { readonly text: () => string } {
  let text = "";
  return {
    color: false,
    width,
    write: (more) => void (text += more),
    line: (more = "") => void (text += `${more}\n`),
    style: (_, of) => of,
    text: () => text,
  };
}

const CALL: ReplyPiece = {
  kind: "tool-call",
  call: {
    type: "function",
    function: { name: "map\u001b[2J", arguments: { city: "Paris" } },
  },
};
const PIECES: readonly ReplyPiece[] = [
  { kind: "thinking", text: "Hm.\u001b[31m" },
  CALL,
  { kind: "content", text: "So \u001b]0;title\u0007 \u202ereversed\u009b2J." },
];

Deno.test("what a model writes cannot steer the terminal, in answers, thoughts and calls", () => {
  const [terminal, out, err] = [kept(), kept(), kept()];
  for (
    const view of [new TerminalReply(terminal), new PlainReply({ out, err })]
  ) {
    view.show(PIECES);
    view.end();
  }
  for (const { text } of [terminal, out, err]) {
    // \p{C}: control characters, and those that turn text around
    assert.doesNotMatch(text().replaceAll("\n", ""), /\p{C}/u);
  }
  assert.match(terminal.text(), /^thinking\nHm\..*\n\ntool call {2}map/);
  assert.match(out.text(), /^tool call {2}map.*\nSo /);
  assert.match(err.text(), /^Hm\./);
});

Deno.test("answers side by side keep their columns, whatever their lengths", () => {
  const output = kept(80);
  assert.equal(columnWidth(3, output), null);
  const width = columnWidth(2, output) ?? 0;
  const text = besideEachOther([
    { name: "base", text: "one\ntwo\nthree\n" },
    { name: "run", text: "日本" },
  ], { width, output });
  const lines = text.split("\n");
  assert.equal(lines.length, 4);
  assert.equal(lines[0].indexOf("run"), width + 2);
  assert.equal(lines[1].indexOf("日本"), width + 2);
  assert.ok(lines.every((line) => line.length < 80));
});
