import assert from "node:assert/strict";
import type { Message } from "@denotune/denotune/core";
import { Conversation } from "../../../../plugins/commands/chat/conversation.ts";
import { folderOf } from "../../../core/cli/_run.ts";

const said = (role: Message["role"], content: string): Message => ({
  role,
  content,
});

/** A conversation of so many exchanges; each message is a token a letter. */
function exchanges(count: number, system: string | null = null): Conversation {
  const conversation = new Conversation(system);
  for (let i = 0; i < count; i++) {
    conversation.add(said("user", `q${i}`));
    conversation.add(said("assistant", `a${i}`));
  }
  return conversation;
}

const tokensOf = (messages: readonly Message[]) =>
  messages.reduce((sum, { content }) => sum + content.length, 0);

Deno.test("the oldest exchanges go where the context is full, whole and never the last", () => {
  const conversation = exchanges(5, "sys");
  conversation.add(said("user", "now"));
  const fit = (capacity: number) =>
    conversation.fitted(capacity, { answer: 4, tokensOf });
  assert.equal(fit(100).left, 0);
  // 3 + 20 + 3 tokens and 4 for the answer
  assert.equal(fit(30).left, 0);
  assert.equal(fit(29).left, 2);
  assert.deepEqual(fit(29).messages.slice(0, 2), [
    said("system", "sys"),
    said("user", "q1"),
  ]);
  assert.deepEqual(fit(4).messages, [
    said("system", "sys"),
    said("user", "now"),
  ]);
  assert.equal(conversation.turns.length, 11);
});

Deno.test("results of tools go with the message that led to them", () => {
  const conversation = new Conversation();
  conversation.add(said("user", "one"));
  conversation.add(said("assistant", ""));
  conversation.add(said("tool", "result"));
  conversation.add(said("assistant", "so"));
  conversation.add(said("user", "two"));
  const { messages } = conversation.fitted(8, { answer: 4, tokensOf });
  assert.deepEqual(messages, [said("user", "two")]);
});

Deno.test("undo takes a message and what followed it; an answer can be forgotten alone", () => {
  const conversation = exchanges(2);
  assert.equal(conversation.forgetAnswer(), true);
  assert.deepEqual(conversation.turns.map(({ content }) => content), [
    "q0",
    "a0",
    "q1",
  ]);
  assert.equal(conversation.undo()?.content, "q1");
  assert.equal(conversation.undo()?.content, "q0");
  assert.equal(conversation.undo(), null);
  assert.equal(conversation.forgetAnswer(), false);
});

Deno.test("a saved conversation is a row of messages, and comes back as it was", () => {
  using folder = folderOf();
  const conversation = exchanges(1, "sys");
  conversation.add(said("user", "line\nline"));
  conversation.add({
    role: "assistant",
    content: "",
    reasoning_content: "Hm.",
    tool_calls: [{
      type: "function",
      function: { name: "map", arguments: { city: "Paris" } },
    }],
  });
  Deno.writeTextFileSync(folder.at("c.jsonl"), conversation.toJson());
  const read = Conversation.read(folder.at("c.jsonl"));
  assert.equal(read.system, "sys");
  assert.deepEqual(read.turns, conversation.turns);
});

Deno.test("a file that is no conversation says what was expected", () => {
  using folder = folderOf({
    "a.json": '{"text": "x"}',
    "b.json": '{"messages": [{"role": "king", "content": "x"}]}',
    "c.json": "no json",
    "d.json": '[{"role": "user", "content": "x"}]',
  });
  const read = (name: string) => Conversation.read(folder.at(name));
  assert.throws(() => read("a.json"), /expected \{"messages"/);
  assert.throws(() => read("b.json"), /message 1 needs a role/);
  assert.throws(() => read("c.json"), /Cannot load the conversation/);
  assert.throws(() => read("none.json"), /Cannot load the conversation/);
  assert.equal(read("d.json").turns.length, 1);
});
