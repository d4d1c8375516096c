import assert from "node:assert/strict";
import { AgreedStop } from "../../../../core/run/ranks/agreed_stop.ts";
import {
  amongRanks,
  Ranks,
  refuseDifferences,
} from "../../../../core/run/ranks/ranks.ts";
import type { Json } from "../../../../core/contracts/json.ts";
import { ranksInProcess } from "../_ranks.ts";

const world = (n: number) => ranksInProcess(n).map((of) => new Ranks(of));

Deno.test("what rank 0 makes comes to all ranks, and nobody else makes it", async () => {
  let made = 0;
  const value = { text: "ü€😀", list: [1, null], long: "a".repeat(70_000) };
  const all = await Promise.all(
    world(3).map((ranks) =>
      ranks.fromFirst(() => {
        made++;
        return value;
      })
    ),
  );
  assert.equal(made, 1);
  assert.deepEqual(all, [value, value, value]);
});

Deno.test("ranks that differ are refused on every rank, each difference named", async () => {
  const facts: Record<string, Json>[] = [
    { "data (fingerprint)": "abc", "optimizer.learning_rate": 0.1, seed: 1 },
    { "data (fingerprint)": "abd", "optimizer.learning_rate": 0.1, seed: 1 },
    { "data (fingerprint)": "abc", "optimizer.learning_rate": 0.2 },
  ];
  const results = await Promise.allSettled(
    world(3).map((ranks, r) => refuseDifferences(ranks, facts[r])),
  );
  for (const result of results) {
    assert.equal(result.status, "rejected");
    const { name, message } = result.reason as Error;
    assert.equal(name, "ConfigError");
    assert.match(message, /data \(fingerprint\): "abc" on rank 0, "abd" on r/);
    assert.match(message, /learning_rate: 0.1 on rank 0, 0.2 on rank 2/);
    assert.match(message, /seed: 1 on rank 0, absent on rank 2/);
  }
  await Promise.all(
    world(2).map((ranks) => refuseDifferences(ranks, facts[0])),
  );
});

Deno.test("the failure of a rank is reported to the others, and theirs is not sent on", async () => {
  const reported: string[] = [];
  const [of] = ranksInProcess(1);
  const fail = (message: string) => {
    reported.push(message);
    return Promise.resolve();
  };
  const alone = new Ranks({
    ...of,
    rank: 1,
    world: 3,
    lost: new Promise<never>(() => {}),
    fail,
  });
  await assert.rejects(
    amongRanks(alone, () => Promise.reject(new Error("disk full"))),
    /disk full/,
  );
  assert.deepEqual(reported, ["Rank 1 of 3 failed: disk full"]);
  const lost = Promise.reject(new Error("rank 2 hangs"));
  const told = new Ranks({ ...of, lost, fail });
  await assert.rejects(
    amongRanks(told, () => new Promise(() => {})),
    /rank 2 hangs/,
  );
  assert.equal(reported.length, 1);
});

Deno.test("ranks stop after the same step, whichever hears the signal, and know what rank 0 has saved", () => {
  const heard = new AbortController();
  const never = new AbortController().signal;
  const first = new AgreedStop(never, { isFirst: true, savedStep: null });
  const second = new AgreedStop(heard.signal, {
    isFirst: false,
    savedStep: null,
  });
  const vote = () => {
    const [a, b] = [first.numbers(), second.numbers()];
    const sums = a.map((value, i) => value + b[i]);
    first.decide(sums);
    second.decide(sums);
  };
  vote();
  assert.equal(first.signal.aborted, false);
  first.savedStep = 0;
  vote();
  assert.equal(second.savedStep, 0);
  heard.abort();
  vote();
  assert.deepEqual([first.signal.aborted, second.signal.aborted], [true, true]);
});
