import assert from "node:assert/strict";
import {
  readTyped,
  SLASH_COMMANDS,
  slashHelp,
} from "../../../../plugins/commands/chat/slash.ts";
import { MessageLines } from "../../../../plugins/commands/chat/prompt_line.ts";

Deno.test("a word behind a slash is a command, two slashes are a message", () => {
  assert.deepEqual(readTyped("/system Be brief.\nAlways."), {
    kind: "command",
    name: "system",
    rest: "Be brief.\nAlways.",
  });
  assert.deepEqual(readTyped(" /HELP "), {
    kind: "command",
    name: "help",
    rest: "",
  });
  assert.deepEqual(readTyped("/nope x"), { kind: "unknown", name: "nope" });
  assert.deepEqual(readTyped("//etc is a folder"), {
    kind: "message",
    text: "/etc is a folder",
  });
  assert.deepEqual(readTyped("/etc/passwd is a file"), {
    kind: "message",
    text: "/etc/passwd is a file",
  });
});

Deno.test("/help lists every command", () => {
  for (const { name } of SLASH_COMMANDS) {
    assert.match(slashHelp(), new RegExp(`^  /${name} `, "m"));
  }
});

/** The messages that lines make. */
function messages(
  lines: readonly (string | { readonly pasted: string })[],
): string[] {
  const message = new MessageLines();
  const all: string[] = [];
  for (const line of lines) {
    const isWhole = typeof line === "string"
      ? message.add(line)
      : message.add(line.pasted, { isPasted: true });
    if (isWhole) all.push(message.take());
  }
  return all;
}

Deno.test("a message has several lines by a backslash, by quotes, and where it was pasted", () => {
  assert.deepEqual(messages(["one", "two"]), ["one", "two"]);
  assert.deepEqual(messages(["one\\", "two"]), ["one\ntwo"]);
  assert.deepEqual(messages(['"""', "one", "", "two\\", '"""', "x"]), [
    "one\n\ntwo\\",
    "x",
  ]);
  assert.deepEqual(messages([{ pasted: "one" }, { pasted: "two" }, ""]), [
    "one\ntwo",
  ]);
});
