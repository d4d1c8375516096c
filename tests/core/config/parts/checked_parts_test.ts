import assert from "node:assert/strict";
import { z } from "zod";
import {
  createPart,
  creatingWith,
} from "../../../../core/config/parts/create_part.ts";
import {
  choose,
  definePart,
  type Kind,
  type KindMap,
} from "../../../../core/contracts/plugin.ts";
import { parseRecord } from "../../../../core/data/examples/build_examples.ts";
import { builtinRegistry } from "../../../run_harness.ts";

const registry = builtinRegistry();
const creating = creatingWith(registry, { seed: 1, base: "/" });

/** A part that `create` gives, as the framework hands it on. */
function made<K extends Kind>(kind: K, part: unknown): Promise<KindMap[K]> {
  const odd = definePart({
    kind,
    name: "odd",
    description: "For a test",
    options: z.strictObject({}),
    create: () => part as KindMap[K],
  });
  return createPart(kind, choose(odd, {}), creating);
}

const record = {
  value: {},
  where: { path: "data/x.jsonl", line: 37, index: 36 },
};
const user = { role: "user", content: "a" };
const wrong: readonly [string, unknown, RegExp][] = [
  ["nothing", undefined, /gave nothing; expected \{messages\}/],
  ["a text", "hello", /gave "hello"; expected \{messages\}/],
  ["no turns", { messages: [] }, /gave messages \[\]; expected a list/],
  [
    "an odd role",
    { messages: [user, { role: "bot", content: "" }] },
    /message 1 with role "bot"; expected system, user/,
  ],
  [
    "no content",
    { messages: [{ role: "user" }] },
    /message 0 with content nothing; expected a text/,
  ],
  [
    "a weight",
    { messages: [{ ...user, weight: -1 }] },
    /message 0 with weight -1/,
  ],
  ["half a pair", { prompt: "a" }, /`completion` nothing; expected a text/],
  ["a number", { text: 5 }, /`text` 5; expected a text/],
  [
    "half a group",
    { sequences: [{ text: "a" }, { text: 5 }] },
    /sequence 1 as `text` 5; expected a text/,
  ],
  ["an id", { ids: 5 }, /ids 5, no list/],
];

for (const [what, example, message] of wrong) {
  Deno.test(`a format that gives ${what} is named with its plugin and the row`, async () => {
    const format = await made("format", {
      template: "plain",
      recognises: () => 1,
      parse: () => example,
    });
    assert.throws(() => parseRecord(record, format), (error: Error) => {
      assert.equal(error.name, "PluginError");
      assert.match(
        error.message,
        /^data\/x\.jsonl:37: The format "odd" of plugin/,
      );
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a part that gives a promise where its result is used at once is named with the row", async () => {
  const format = await made("format", {
    template: "plain",
    recognises: () => 1,
    // one that rejects, too, is heard
    parse: () => Promise.reject(new Error("later")),
  });
  assert.throws(() => parseRecord(record, format), {
    name: "PluginError",
    message:
      /^data\/x\.jsonl:37: `parse` of the format "odd" of plugin .* gave a promise; .* cannot be async/,
  });
});

Deno.test("a format that throws is named with the row; its DataErrors pass as they are", async () => {
  const throwing = (error: Error) =>
    made("format", {
      template: "plain",
      recognises: () => 1,
      parse: () => {
        throw error;
      },
    });
  const broken = await throwing(new TypeError("Cannot read properties"));
  assert.throws(() => parseRecord(record, broken), {
    name: "PluginError",
    message:
      /^data\/x\.jsonl:37: `parse` of the format "odd" of plugin .* threw: Cannot read properties/,
  });
});

Deno.test("a format keeps its state and all that it says", async () => {
  class Counting {
    #rows = 0;
    readonly template = "plain";
    readonly sources = [{ use: "text" }];
    recognises() {
      return 0.5;
    }
    parse() {
      return { text: String(this.#rows++) };
    }
  }
  const format = await made("format", new Counting());
  assert.deepEqual(format.parse(record), { text: "0" });
  assert.deepEqual(format.parse(record), { text: "1" });
  assert.equal(format.recognises({}), 0.5);
  assert.deepEqual(format.sources, [{ use: "text" }]);
  assert.equal(format.choose, undefined);
});

Deno.test("an evaluator that gives no finite number for each answer is named", async () => {
  const answer = { text: "a", finish: "stop", promptTokens: 1, ids: [1] };
  const asked = [1, 2].map(() => ({ prompt: "", expected: "", answer }));
  const gives = async (rewards: unknown) => {
    const evaluator = await made("evaluator", {
      asks: () => ({}),
      score: () => ({ numbers: {} }),
      rewards: () => rewards,
    });
    return await evaluator.rewards?.(asked as never);
  };
  assert.deepEqual(await gives([1, -2.5]), [1, -2.5]);
  assert.deepEqual(await gives(Promise.resolve([0, 1])), [0, 1]);
  const wrong: [unknown, RegExp][] = [
    [[1], /gave 1 numbers; expected a finite number for each of 2 answers/],
    [[1, NaN], /gave NaN for answer 2; expected/],
    [[Infinity, 1], /gave Infinity for answer 1; expected/],
    [[1, "1"], /gave "1" for answer 2; expected/],
    [undefined, /gave nothing; expected/],
    [{ 0: 1 }, /; expected a finite number for each of 2 answers/],
  ];
  for (const [rewards, says] of wrong) {
    await assert.rejects(gives(rewards), (error: Error) => {
      assert.match(error.message, /`rewards` of the evaluator "odd"/);
      assert.match(error.message, says);
      return error.name === "PluginError";
    });
  }
});

Deno.test("a schedule that gives no finite number is named with the step", async () => {
  for (
    const [factor, shown] of [[NaN, "NaN"], [Infinity, "Infinity"], [
      "1",
      '"1"',
    ]]
  ) {
    const schedule = await made("schedule", {
      factor: (step: number) => step < 3 ? 1 : factor,
    });
    assert.equal(schedule.factor(2, { totalSteps: 10 }), 1);
    assert.throws(() => schedule.factor(3, { totalSteps: 10 }), {
      name: "PluginError",
      message: new RegExp(
        `The schedule "odd" of plugin .* gave ${shown} as the factor of step 3 of 10`,
      ),
    });
  }
});

const limits = { maxLength: 8, batchSize: 2, padId: 0, seed: 1 };
const collator = (change: {
  plan?: () => { offsets: Uint32Array; members: Uint32Array };
  batch?: Record<string, unknown>;
}) =>
  made("collator", {
    plan: change.plan ?? (() => ({})),
    collate: () => ({
      B: 1,
      T: 2,
      tokens: new Int32Array(2),
      weights: new Float32Array(2),
      positions: new Int32Array(2),
      segments: new Int32Array(2),
      sources: new Int32Array(2),
      ...change.batch,
    }),
  });
const plans: readonly [number[], number[], RegExp][] = [
  [[0, 1], [0], /gave 1 of 2 examples/],
  [[0, 2], [0, 0], /gave example 0 twice/],
  [[0, 2], [0, 5], /gave example 5 of 2/],
  [[0, 3], [0, 1], /gave offsets that do not go from 0 to its 2 members/],
  [[0, 2, 1, 2], [0, 1], /gave row 2 before row 1/],
];

for (const [offsets, members, message] of plans) {
  Deno.test(`a collator is named whose plan has offsets ${offsets} and members ${members}`, async () => {
    const plan = () => ({
      offsets: Uint32Array.from(offsets),
      members: Uint32Array.from(members),
    });
    const odd = await collator({ plan });
    assert.throws(
      () => odd.plan(Int32Array.of(3, 4), limits),
      (error: Error) => {
        assert.match(error.message, /`plan` of the collator "odd" of plugin/);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

Deno.test("a collator is named whose batch is no rectangle", async () => {
  const row = {
    ids: new Int32Array(2),
    weights: new Float32Array(2),
    source: 0,
    row: 0,
  };
  const good = await collator({});
  assert.equal(good.collate([[row]], limits).T, 2);
  assert.equal(good.window, undefined);
  const wrong: readonly [Record<string, unknown>, RegExp][] = [
    [{ B: 2 }, /gave 2 rows of 2 tokens for 1 rows/],
    [{ weights: new Float32Array(3) }, /gave 3 weights for 1 rows of 2 tokens/],
    [{ segments: undefined }, /gave no segments for 1 rows of 2 tokens/],
  ];
  for (const [batch, message] of wrong) {
    const odd = await collator({ batch });
    assert.throws(() => odd.collate([[row]], limits), message);
  }
});

Deno.test("a masker that throws, or gives a weight that is none, is named", async () => {
  const tokenized = {
    text: "",
    spans: [],
    encoding: {
      ids: new Int32Array(),
      starts: new Int32Array(),
      ends: new Int32Array(),
    },
  };
  const masker = (weights: () => unknown) => made("masker", { weights });
  const wrong: readonly [() => unknown, RegExp][] = [
    [() => Float32Array.of(1, NaN), /gave the weight NaN/],
    [() => Float32Array.of(-1), /gave the weight -1/],
    [() => undefined, /gave nothing/],
    [() => {
      throw new TypeError("ouch");
    }, /threw: ouch/],
  ];
  for (const [weights, message] of wrong) {
    const odd = await masker(weights);
    assert.throws(() => odd.weights(tokenized), (error: Error) => {
      assert.equal(error.name, "PluginError");
      assert.match(error.message, /`weights` of the masker "odd" of plugin/);
      assert.match(error.message, message);
      return true;
    });
  }
});
