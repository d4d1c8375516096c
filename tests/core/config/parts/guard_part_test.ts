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
  KINDS,
  type Part,
} from "../../../../core/contracts/plugin.ts";
import { DataError, PluginError } from "../../../../core/contracts/errors.ts";
import { builtinRegistry } from "../../../run_harness.ts";

const registry = builtinRegistry();

/** A part that `create` gives, as the framework passes it on. */
function made<K extends Kind>(
  kind: K,
  part: unknown,
  watch: Parameters<typeof creatingWith>[1] = {},
): Promise<KindMap[K]> {
  const odd = definePart({
    kind,
    name: "odd",
    description: "For a test",
    options: z.strictObject({}),
    create: () => part as KindMap[K],
  });
  const creating = creatingWith(registry, { base: "/", ...watch });
  return createPart(kind, choose(odd, {}), creating);
}

for (const kind of KINDS) {
  Deno.test(`an empty object is no ${kind}: what it lacks is named`, async () => {
    await assert.rejects(made(kind, {}), {
      name: "PluginError",
      message: new RegExp(
        `^\`create\` of the ${kind} "odd" of plugin .* gave nothing as \`\\w+\`; expected `,
      ),
    });
  });
}

Deno.test("a member of another type is named, also one that may be absent, also inside of others", async () => {
  const objective = { attention: "causal", inputs: () => ({}) };
  const wrong: readonly [Kind, unknown, RegExp][] = [
    [
      "optimizer",
      { learningRate: NaN },
      /gave NaN as `learningRate`; expected number/,
    ],
    [
      "objective",
      { ...objective, attention: "casual" },
      /gave "casual" as `attention`; expected "causal" or "bidirectional"/,
    ],
    [
      "objective",
      { ...objective, draws: "2" },
      /gave "2" as `draws`; expected number or nothing/,
    ],
    [
      "objective",
      { ...objective, inputs: 5 },
      /gave 5 as `inputs`; expected function/,
    ],
    [
      "objective",
      { ...objective, decoding: true },
      /gave true as `decoding`; expected object or nothing or "tokens" or null/,
    ],
    [
      "format",
      { recognises: () => 1, parse: () => 1, template: 5 },
      /gave 5 as `template`; expected text or object/,
    ],
  ];
  for (const [kind, part, message] of wrong) {
    await assert.rejects(made(kind, part), { name: "PluginError", message });
  }
  await assert.rejects(
    made("objective", { ...objective, ask: { asks: 5 } }),
    {
      name: "PluginError",
      message: /gave 5 as `ask.asks`; expected function/,
    },
  );
});

Deno.test("what any method throws names the part and keeps the cause; our own errors pass", async () => {
  const cause = new TypeError("ouch");
  const data = new DataError("The table has no rows");
  const activation = await made("activation", {
    apply() {
      throw cause;
    },
  });
  assert.throws(() => activation.apply({} as never), (error: Error) => {
    assert.equal(error.name, "PluginError");
    assert.match(
      error.message,
      /^`apply` of the activation "odd" .* threw: ouch$/,
    );
    assert.equal(error.cause, cause);
    return true;
  });
  const evaluator = await made("evaluator", {
    asks: () => Promise.reject(cause),
    score() {
      throw data;
    },
  });
  await assert.rejects(async () => await evaluator.asks([], {} as never), {
    name: "PluginError",
    message: /^`asks` of the evaluator "odd" .* threw: ouch$/,
  });
  await assert.rejects(async () => await evaluator.score({} as never), data);
});

Deno.test("a PluginError that names no plugin gets the name; one that does passes as it is", async () => {
  const say = async (message: string) => {
    const schedule = await made("schedule", {
      factor() {
        throw new PluginError(message);
      },
    });
    return () => schedule.factor(0, { totalSteps: 1 });
  };
  assert.throws(await say("it needs the run's tokenizer"), {
    name: "PluginError",
    message:
      /^`factor` of the schedule "odd" of plugin .*: it needs the run's tokenizer$/,
  });
  const inner = 'The masker "own" of plugin "odd" (x.ts) gave nothing';
  assert.throws(await say(inner), { message: inner });
});

Deno.test("what a method gives is guarded too: rows, streams, devices, attached adapters", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  const source = await made("source", {
    accepts: () => true,
    open: () => ({
      length: 3,
      fingerprint: "",
      at: boom,
      [Symbol.dispose]: boom,
    }),
    stream: async function* () {
      yield await Promise.resolve([{
        value: 1,
        where: { path: "a", index: 0 },
      }]);
      boom();
    },
  });
  const request = { path: "a.odd", cacheDir: "/" };
  const store = await source.open(request);
  assert.throws(() => store.at(2), {
    message: /^Row 2 of a\.odd: `at` of the source "odd" .* threw: boom$/,
  });
  await assert.rejects(
    async () => {
      for await (const _ of source.stream?.(request) ?? []) { /* read on */ }
    },
    { message: /^`next` of the source "odd" .* threw: boom$/ },
  );
  const adapter = await made("adapter", { attach: () => ({ parameters: 5 }) });
  assert.throws(() => adapter.attach({} as never), {
    message:
      /`attach` of the adapter "odd" .* gave 5 as `parameters`; expected list/,
  });
  const backend = await made("backend", { available: boom, open: () => null });
  await assert.rejects(backend.open(), {
    message: /`open` of the backend "odd" .* gave null, not an object/,
  });
});

Deno.test("the guard keeps state, private fields, frozen parts and what a part has besides", async () => {
  class Counting {
    #calls = 0;
    factor(): number {
      return ++this.#calls;
    }
  }
  const length = { totalSteps: 2 };
  const counting = await made("schedule", new Counting());
  assert.equal(counting.factor(0, length), 1);
  assert.equal(counting.factor(0, length), 2);
  const evaluator = Object.freeze({
    asks: () => ({}),
    score: () => ({ numbers: {} }),
    besides: 7,
  });
  const guarded = await made("evaluator", evaluator);
  assert.equal(Reflect.get(guarded, "besides"), 7);
  assert.deepEqual(await guarded.score({} as never), { numbers: {} });
});

Deno.test("a call that an interrupt finds waiting is given up with its reason; one that begins later is not", async () => {
  const controller = new AbortController();
  const evaluator = await made("evaluator", {
    asks: () => new Promise((done) => setTimeout(() => done({}), 2300)),
    score: () => new Promise(() => {}),
  }, { watch: { signal: controller.signal } });
  const scoring = assert.rejects(
    async () => await evaluator.score({} as never),
    (error) => error === controller.signal.reason,
  );
  controller.abort();
  const asked = evaluator.asks([], {} as never);
  await scoring;
  assert.deepEqual(await asked, {});
});

Deno.test("a part that makes itself is refused", async () => {
  const loop: Part<"schedule"> = definePart({
    kind: "schedule",
    name: "loop",
    description: "For a test",
    options: z.unknown(),
    create: (_, host) => host.create("schedule", choose(loop, {})),
  });
  await assert.rejects(
    createPart("schedule", choose(loop, {}), creatingWith(registry)),
    { name: "PluginError", message: /`create` makes its own part/ },
  );
});
