import assert from "node:assert/strict";
import { AdapterTurns } from "../../../../core/library/loaded/adapter_turns.ts";

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Turns that note what happens. */
function noting(most = 2) {
  let current: string | null = null;
  const notes: string[] = [];
  const turns = new AdapterTurns({
    current: () => current,
    most,
    async switchTo(adapter) {
      notes.push(`to ${adapter}`);
      await sleep(1);
      if (adapter === "broken") throw new Error("cannot be read");
      current = adapter;
    },
  });
  let running = 0;
  const together = { most: 0 };
  let of: string | null | undefined;
  const ask = (adapter: string | null, ms = 5): Promise<void> =>
    turns.run(adapter, async () => {
      together.most = Math.max(together.most, ++running);
      of ??= adapter;
      assert.equal(of, adapter, "two adapters at once");
      await sleep(ms);
      assert.equal(current, adapter, "switched while it ran");
      notes.push(String(adapter));
      if (--running === 0) of = undefined;
    });
  return { ask, notes, together };
}

Deno.test("requests of one adapter run together, without a switch", async () => {
  const { ask, notes, together } = noting();
  await Promise.all(Array.from({ length: 20 }, () => ask(null, 50)));
  assert.equal(together.most, 20);
  assert.ok(notes.every((note) => note === "null"));
});

Deno.test("adapters take turns of so many requests, and none waits for all of another", async () => {
  const { ask, notes } = noting(2);
  await Promise.all([
    ...Array.from({ length: 6 }, () => ask("a")),
    ...Array.from({ length: 4 }, () => ask("b")),
    ask("c"),
  ]);
  const switches = notes.filter((note) => note.startsWith("to "));
  assert.deepEqual(switches.slice(0, 3), ["to a", "to b", "to c"]);
  assert.deepEqual(
    notes.filter((note) => !note.startsWith("to ")).sort().join(""),
    "aaaaaabbbbc",
  );
  // c came last, and is asked before the last of a
  assert.ok(notes.indexOf("c") < notes.lastIndexOf("a"));
});

Deno.test("an adapter that cannot be read fails its own requests only", async () => {
  const { ask, notes } = noting();
  const found = await Promise.allSettled([
    ask("a"),
    ask("broken"),
    ask("broken"),
    ask("b"),
  ]);
  assert.deepEqual(found.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  assert.deepEqual(notes.filter((note) => !note.startsWith("to ")), ["a", "b"]);
});
