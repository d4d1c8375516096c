/** Messages to a device's worker: which commands go together, and that none is lost or overtaken. */
import assert from "node:assert/strict";
import { Outbox } from "../../../core/device/outbox.ts";
import type { Command } from "../../../core/device/protocol.ts";
import { randomFrom } from "@denotune/denotune/core";

function write(id: number, length = 8): Command & { type: "write" } {
  return { type: "write", id, byteOffset: 0, bytes: new Uint8Array(length) };
}

function run(id: number): Command {
  return { type: "run", id, extents: {} };
}

/** What is posted while so many commands are not done, and the messages that are sent. */
function recorded(notDone = 0): {
  messages: { commands: readonly Command[]; transfer: Transferable[] }[];
  post: (command: Command) => void;
} {
  const messages: { commands: readonly Command[]; transfer: Transferable[] }[] =
    [];
  let pending = notDone;
  const outbox = new Outbox(
    (commands, transfer) => {
      messages.push({ commands, transfer });
      if (notDone === 0) pending -= commands.length;
    },
    () => pending,
  );
  return {
    messages,
    post(command) {
      outbox.post(
        command,
        command.type === "write" ? [command.bytes.buffer] : [],
      );
      pending++;
    },
  };
}

Deno.test("the inputs of a run go with it in one message and one memory", () => {
  const { messages, post } = recorded();
  const inputs = [write(1, 5), write(2, 0), write(3, 24)];
  for (const { bytes } of inputs) bytes.fill(bytes.length);
  for (const command of inputs) post(command);
  assert.equal(messages.length, 0);
  post(run(7));
  assert.equal(messages.length, 1);
  const [{ commands, transfer }] = messages;
  assert.deepEqual(commands, [...inputs, run(7)]);
  const writes = commands.filter((c) => c.type === "write");
  assert.deepEqual(transfer, [writes[0].bytes.buffer]);
  assert.equal(writes[2].bytes.buffer, transfer[0]);
  assert.equal(writes[2].bytes.byteOffset, 16);
  assert.equal(writes[2].bytes.buffer.byteLength, 40); // its end gives the memory back
  post(run(8));
  assert.deepEqual(messages[1], { commands: [run(8)], transfer: [] });
});

Deno.test("a run waits for the turn's end where the worker is busy, and only there", async () => {
  const { messages, post } = recorded(1);
  for (const command of [write(1), run(2), write(3), run(4)]) post(command);
  assert.equal(messages.length, 0);
  await Promise.resolve();
  assert.deepEqual(messages.map(({ commands }) => commands), [
    [write(1), run(2), write(3), run(4)],
  ]);
  post(run(5));
  const unsendable = { t: () => 1 } as unknown as Record<string, number>;
  post({ type: "run", id: 6, extents: unsendable }); // its caller is told at once
  assert.equal(messages.length, 2);
});

Deno.test("writes that nothing follows are sent when the turn ends", async () => {
  const { messages, post } = recorded();
  post(write(1));
  post(write(2));
  assert.equal(messages.length, 0);
  await Promise.resolve();
  assert.deepEqual(messages.map(({ commands }) => commands.length), [2]);
  await Promise.resolve();
  assert.equal(messages.length, 1);
});

Deno.test("any commands arrive once, in order, and none waits beyond its turn", async () => {
  const random = randomFrom(5);
  for (let trial = 0; trial < 200; trial++) {
    const { messages, post } = recorded(trial % 2);
    const sent: Command[] = [];
    for (let i = 0; i < 100; i++) {
      const choice = random.below(8);
      const command = choice === 0
        ? run(i)
        : choice === 1
        ? write(i, 1 << 17)
        : write(i);
      sent.push(command);
      post(command);
      if (random.below(20) === 0) await Promise.resolve();
    }
    await Promise.resolve();
    assert.deepEqual(messages.flatMap(({ commands }) => commands), sent);
  }
});

Deno.test("a command that cannot be sent takes no writes with it", () => {
  const sent: (readonly Command[])[] = [];
  const outbox = new Outbox((commands) => {
    if (commands.some(({ type }) => type === "run")) throw new Error("refused");
    sent.push(commands);
  }, () => 0);
  const input = write(1);
  outbox.post(input, [input.bytes.buffer]);
  assert.throws(() => outbox.post(run(2), []), /refused/);
  assert.deepEqual(sent, [[input]]);
});
