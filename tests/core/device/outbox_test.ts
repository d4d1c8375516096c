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

/** An outbox, and the messages that it has sent. */
function recorded(): {
  outbox: Outbox;
  messages: { commands: readonly Command[]; transfer: Transferable[] }[];
  post: (command: Command) => void;
} {
  const messages: { commands: readonly Command[]; transfer: Transferable[] }[] =
    [];
  const outbox = new Outbox((commands, transfer) =>
    messages.push({ commands, transfer })
  );
  return {
    outbox,
    messages,
    post: (command) =>
      outbox.post(
        command,
        command.type === "write" ? [command.bytes.buffer] : [],
      ),
  };
}

Deno.test("the inputs of a run go with it in one message", () => {
  const { messages, post } = recorded();
  const inputs = [write(1), write(2), write(3)];
  for (const command of inputs) post(command);
  assert.equal(messages.length, 0);
  post(run(7));
  post(run(8));
  assert.deepEqual(messages, [
    {
      commands: [...inputs, run(7)],
      transfer: inputs.map(({ bytes }) => bytes.buffer),
    },
    { commands: [run(8)], transfer: [] },
  ]);
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
    const { messages, post } = recorded();
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
  });
  const input = write(1);
  outbox.post(input, [input.bytes.buffer]);
  assert.throws(() => outbox.post(run(2), []), /refused/);
  assert.deepEqual(sent, [[input]]);
});
