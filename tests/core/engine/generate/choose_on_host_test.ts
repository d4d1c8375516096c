import assert from "node:assert/strict";
import { chooseOnHost } from "../../../../core/engine/generate/choose_on_host.ts";
import { scoreToken } from "../../../../core/engine/generate/token_scores.ts";
import { optionsOf } from "../../../../core/engine/generate/sampling.ts";
import { dim } from "../../../../core/graph/dims.ts";
import { Graph } from "../../../../core/graph/graph.ts";
import { Memory } from "../../../../core/graph/memory.ts";
import { sample } from "../../../../core/graph/ops/sampling.ts";
import { planProgram } from "../../../../core/graph/planner.ts";
import { wordsOfBits } from "../../../../core/graph/kernels/mod.ts";
import { Session } from "../../../../core/engine/session.ts";
import { randomFrom } from "../../../../core/random.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import { ReferenceExecutor } from "../../../../backends/reference/executor.ts";

const V = 97;
const ROWS = 300;

Deno.test("the host chooses what the kernel of the reference chooses, for 300 rows drawn in every way", async () => {
  await using device = localDevice(new ReferenceExecutor());
  const graph = new Graph();
  const R = dim("R");
  const integers = (name: string) => graph.input(name, [R], "i32");
  graph.output(
    "chosen",
    sample(graph, {
      logits: graph.input("logits", [R, V]),
      options: graph.input("options", [R, 4]),
      keys: integers("keys"),
      places: integers("places"),
      index: integers("index"),
      seen: graph.input("seen", [ROWS, wordsOfBits(V)], "i32"),
    }),
  );
  const memory = new Memory(device.info);
  const planned = planProgram(graph, {
    name: "sample",
    memory,
    capacities: { R: ROWS },
  });
  await using session = await Session.open(device, memory, [planned]);
  const random = randomFrom(8);
  const either = <T>(values: readonly T[]) =>
    values[random.below(values.length)];
  const rows = Array.from({ length: ROWS }, () => ({
    sampling: {
      temperature: either([0, 0.5, 1, 2]),
      topK: either([null, 1, 5, 500]),
      topP: either([1, 0.9, 0.3]),
      repetitionPenalty: either([1, 1.5, 0.7]),
      seed: 0,
    },
    prompt: Array.from({ length: random.below(20) }, () => random.below(V)),
    ids: Array.from({ length: random.below(9) }, () => random.below(V)),
    key: random.below(2 ** 31),
    place: random.below(100),
    logits: Float32Array.from({ length: V }, () => 3 * random.normal()),
  }));
  const seen = new Int32Array(ROWS * wordsOfBits(V));
  rows.forEach(({ prompt, ids }, r) => {
    for (const id of [...prompt, ...ids]) {
      seen[r * wordsOfBits(V) + (id >>> 5)] |= 1 << (id & 31);
    }
  });
  session.run("sample", { R: ROWS }, {
    logits: Float32Array.from(rows.flatMap(({ logits }) => [...logits])),
    options: optionsOf(rows.map(({ sampling }) => sampling)),
    keys: Int32Array.from(rows, ({ key }) => key),
    places: Int32Array.from(rows, ({ place }) => place),
    index: Int32Array.from(rows.keys()),
    seen,
  });
  const wanted = await session.output("sample", "chosen", { R: ROWS });
  assert.deepEqual(
    rows.map(({ logits, ...row }) =>
      chooseOnHost(logits, { ...row, allowed: null })
    ),
    [...wanted],
  );
});

const GREEDY = {
  temperature: 0,
  topK: null,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

Deno.test("biases and penalties are added to logits, and what is not allowed is not chosen", () => {
  const choose = (
    more: Partial<Parameters<typeof chooseOnHost>[1]>,
  ): number | null =>
    chooseOnHost(Float32Array.of(1, 2, 3, 4), {
      sampling: GREEDY,
      prompt: [],
      ids: [],
      allowed: null,
      key: 0,
      place: 0,
      ...more,
    });
  assert.equal(choose({}), 3);
  const logitBias = new Map([[0, 3.5]]);
  assert.equal(choose({ sampling: { ...GREEDY, logitBias } }), 0);
  const presence = { ...GREEDY, presencePenalty: 1.5 };
  assert.equal(choose({ sampling: presence, ids: [3] }), 2);
  assert.equal(choose({ sampling: presence, prompt: [3] }), 3);
  const frequency = { ...GREEDY, frequencyPenalty: 0.6 };
  assert.equal(choose({ sampling: frequency, ids: [3] }), 3);
  assert.equal(choose({ sampling: frequency, ids: [3, 3] }), 2);
  assert.equal(choose({ allowed: Int32Array.of(0b0011) }), 1);
  assert.equal(choose({ allowed: Int32Array.of(0) }), null);
});

Deno.test("log-probabilities sum to one, and the likeliest come in order, equal ones by id", () => {
  const random = randomFrom(2);
  for (let n = 0; n < 50; n++) {
    const logits = Float32Array.from(
      { length: 40 },
      () => random.below(12) - 5,
    );
    const all = scoreToken(logits, 3, 100).top;
    assert.equal(all.length, 40);
    const sum = all.reduce((a, b) => a + Math.exp(b.logProbability), 0);
    assert.ok(Math.abs(sum - 1) < 1e-12);
    const order = [...logits.keys()].sort((a, b) =>
      logits[b] - logits[a] || a - b
    );
    assert.deepEqual(all.map(({ id }) => id), order);
    const few = scoreToken(logits, 3, 5);
    assert.deepEqual(few.top, all.slice(0, 5));
    assert.equal(
      few.logProbability,
      all.find(({ id }) => id === 3)?.logProbability,
    );
  }
});
