import assert from "node:assert/strict";
import { Worker as NodeWorker } from "node:worker_threads";
import {
  errorOutcome,
  FRAME_HEAD,
  fromFrame,
  isFromPlugin,
  toFrame,
  valueOf,
} from "../../../../core/config/isolated/messages.ts";
import { Mailbox } from "../../../../core/config/isolated/mailbox.ts";
import {
  packTyped,
  unpackTyped,
} from "../../../../core/config/isolated/typed_arrays.ts";
import { DataError } from "../../../../core/contracts/errors.ts";
import { randomFrom } from "../../../../core/random.ts";

function roundTrip(value: unknown): unknown {
  const frame = toFrame({
    type: "answers",
    outcomes: [{ value }],
    done: true,
  });
  const message = fromFrame(frame.subarray(FRAME_HEAD));
  assert.ok(isFromPlugin(message) && message.type === "answers");
  return valueOf(message.outcomes[0]);
}

Deno.test("values arrive as they were sent: 300 nested ones, drawn", () => {
  const random = randomFrom(17);
  const drawn = (depth: number): unknown => {
    const leaves: (() => unknown)[] = [
      () => "text é😀",
      () => random.below(9),
      () => NaN,
      () => -0,
      () => undefined,
      () => null,
      () => true,
      () => 2n ** 70n,
      () => new Date(1234),
      () => Float32Array.from([1, NaN, -0, random.below(5)]),
      () => new Int32Array([9, 8, 7, 6]).subarray(1, 1 + random.below(3)),
      () => new Uint8Array(random.below(11)).fill(3),
      () => new Float64Array([0.1]),
    ];
    if (depth > 3 || random.below(3) === 0) {
      return leaves[random.below(leaves.length)]();
    }
    const items = Array.from(
      { length: random.below(4) },
      () => drawn(depth + 1),
    );
    return random.below(2) === 0
      ? items
      : Object.fromEntries(items.map((item, i) => [`key ${i}`, item]));
  };
  for (let i = 0; i < 300; i++) {
    const value = drawn(0);
    assert.deepStrictEqual(roundTrip(value), value);
  }
});

Deno.test("what is no data is refused by who sends it; typed arrays that are not there by who reads", () => {
  assert.throws(() => roundTrip(() => 1));
  const circle: unknown[] = [];
  circle.push(circle);
  assert.throws(() => packTyped(circle), /nested too deep/);
  const packed = packTyped({ a: new Int32Array(3) });
  assert.throws(() => unpackTyped({ ...packed, kinds: new Uint8Array(0) }));
  assert.throws(() =>
    unpackTyped({ ...packed, lengths: new Uint32Array([9]) })
  );
  assert.throws(() => unpackTyped("text"), /no packed value/);
  assert.equal(
    isFromPlugin({ type: "answers", outcomes: [1], done: true }),
    false,
  );
  assert.equal(isFromPlugin(null), false);
});

Deno.test("an error keeps its class, and says what was not granted without a flag for this process", () => {
  assert.throws(
    () => valueOf(errorOutcome(new DataError("column"))),
    (error: Error) => error.name === "DataError" && error.message === "column",
  );
  const denied = new Deno.errors.NotCapable(
    'Requires read access to "x", run again with the --allow-read flag',
  );
  assert.throws(
    () => valueOf(errorOutcome(denied)),
    /^Error: Requires read access to "x", which an isolated plugin is granted only/,
  );
});

Deno.test("a mailbox gives an answer once, and grows with it", async () => {
  const mine = new Mailbox();
  const theirs = new Mailbox(mine.memory);
  assert.equal(mine.wait(0), null);
  mine.writeRequest(new Uint8Array(5000).fill(1));
  for await (const request of theirs.requests()) {
    assert.deepEqual(request, new Uint8Array(5000).fill(1));
    break;
  }
  theirs.answer("frame", new Uint8Array(9000).fill(2));
  assert.deepEqual(mine.wait(0), {
    kind: "frame",
    bytes: new Uint8Array(9000).fill(2),
  });
  assert.equal(mine.take(), null);
});

Deno.test("who waits for a mailbox is not woken by the notice of an answer that it has taken already", async () => {
  const mine = new Mailbox();
  const late = `import(${
    JSON.stringify(
      import.meta.resolve("../../../../core/config/isolated/mailbox.ts"),
    )
  }).then(({ Mailbox }) => {
    const { workerData } = process.getBuiltinModule("node:worker_threads");
    const head = new Int32Array(workerData.head);
    // of the thread that waits
    while (Atomics.notify(head, 0) === 0);
    new Mailbox(workerData).answer("frame", new Uint8Array([7]));
  });`;
  const worker = new NodeWorker(late, { eval: true, workerData: mine.memory });
  assert.deepEqual(mine.wait(60_000), {
    kind: "frame",
    bytes: new Uint8Array([7]),
  });
  await worker.terminate();
});
