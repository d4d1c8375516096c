import assert from "node:assert/strict";
import { randomFrom } from "@denotune/denotune/core";
import { fileURLToPath } from "node:url";
import { loadRun } from "../../../../core/config/load.ts";
import {
  createPart,
  creatingWith,
} from "../../../../core/config/parts/create_part.ts";
import { rewardsOf } from "../../../../core/contracts/reward.ts";
import { testHost } from "../../../conformance/host.ts";
import type { PluginInput, RunInput } from "../../../../core/config/types.ts";
import {
  builtinRegistry,
  testFolder,
  TINY_LLAMA,
} from "../../../run_harness.ts";

const use = fileURLToPath(new URL("./_plugin.ts", import.meta.url));

function load(plugin: Partial<PluginInput>, more: Partial<RunInput> = {}) {
  return loadRun({
    object: {
      plugins: [{ use, isolated: true, ...plugin }],
      model: { from_config: TINY_LLAMA },
      tokenizer: "byte",
      data: { train: [{ path: "rows.jsonl", format: "bar-format" }] },
      ...more,
    },
    registry: builtinRegistry(),
    files: "ignore",
  });
}

Deno.test("an isolated plugin is written into the resolved run with its limits; its options are checked as any", async () => {
  const run = await load({ memory_limit: "256MB" });
  const [entry] = run.config.plugins;
  assert.deepEqual(
    { ...entry, hash: null },
    {
      use,
      version: "1.2.3",
      hash: null,
      isolated: true,
      time_limit: 10,
      memory_limit: "256MB",
      permissions: [],
    },
  );
  await assert.rejects(
    load({}, {
      data: {
        train: [{
          path: "rows.jsonl",
          format: { use: "bar-format", dose: "throw" },
        }],
      },
    }),
    /bar-format[^]*did you mean "?does|`dose`/i,
  );
});

Deno.test("a part that runs in this process is refused by name where its plugin is isolated", async () => {
  await assert.rejects(
    load({}, { optimizer: "bar-optimizer" }),
    /the optimizer "bar-optimizer" of plugin "bars" runs in this process and cannot be isolated/,
  );
});

Deno.test("an isolated evaluator asks in the run's words, and measures", async () => {
  const { registry } = await load({});
  const evaluator = await createPart(
    "evaluator",
    "bar-evaluator",
    creatingWith(registry),
  );
  const rows = [1, 2].map((i) => ({
    example: { prompt: `${i}?`, completion: "yes" },
    prompt: `${i}?`,
    request: { prompt: `${i}?` },
    expected: "yes",
  }));
  const asked = await evaluator.asks(rows, {
    stops: [],
    request: (prompt) => ({ prompt }),
    written: (prompt) => `[${"prompt" in prompt ? prompt.prompt : "other"}]`,
  });
  assert.deepEqual(asked.questions?.map(({ prompt }) => prompt), [
    { text: "[1?]" },
    { text: "[2?]" },
  ]);
  const answer = { text: "no", finish: "stop", promptTokens: 1, ids: [1] };
  const { numbers, records } = await evaluator.score({
    rows,
    answers: [[answer], [answer]] as never,
    scores: [],
  });
  assert.deepEqual(numbers, { length: 2 });
  assert.deepEqual(records, [{ text: "no" }, { text: "no" }]);
  const rewards = await rewardsOf(
    testHost({
      create: (kind, choice) =>
        createPart(kind, choice, creatingWith(registry)),
    }),
    "bar-evaluator",
  );
  const worth = (text: string) =>
    rewards([1, 22].map((n) => ({
      prompt: `${n}?`,
      expected: "yes",
      answer: { ...answer, finish: "stop", text },
    })));
  assert.deepEqual(await worth("no"), [7, 8]);
  await assert.rejects(
    worth("bad"),
    /`rewards` of the evaluator "bar-evaluator" of plugin "bars" \(.*\) gave NaN for answer 1; expected a finite number for each of 2 answers/,
  );
});

Deno.test("an isolated source gives its rows in any order, and says what is wrong with one when that one is asked for", async () => {
  using folder = testFolder();
  const path = folder.at("rows.bars");
  const broken = 700;
  Deno.writeTextFileSync(
    path,
    Array.from({ length: 1000 }, (_, i) => i === broken ? "none" : `${i}|yes`)
      .join("\n"),
  );
  const { registry } = await load({});
  const source = await createPart("source", "bars", creatingWith(registry));
  using store = await source.open({ path, cacheDir: folder.path });
  const random = randomFrom(7, 1);
  const jumps = Array.from({ length: 60 }, () => random.below(1000));
  const inOrder = Array.from({ length: 1000 }, (_, i) => i);
  for (const i of [...inOrder, ...jumps, ...inOrder.slice(300), 999, 0, 1, 2]) {
    if (i === broken) {
      assert.throws(() => store.at(i), /line 701: no bar/);
    } else {
      const where = { path, line: i + 1, index: i };
      assert.deepEqual(store.at(i), { value: { q: `${i}`, a: "yes" }, where });
    }
  }
});

Deno.test("permissions are granted one by one, and only those that a plugin asks for", async () => {
  using folder = testFolder();
  const path = folder.at("asks.ts");
  Deno.writeTextFileSync(
    path,
    `export default { name: "asks", api: 1, permissions: ["env:COLOUR"], parts: [] };`,
  );
  await assert.rejects(
    load({ use: path }),
    /the plugin "asks".*asks for the permission env:COLOUR: add it to its `permissions`/,
  );
  await assert.rejects(
    load({ use: path, permissions: ["env:COLOUR", "read:/data"] }),
    /does not ask for the permission read:\/data; it asks for env:COLOUR/,
  );
});

Deno.test("a plugin whose isolation is misspelt is not run; one that imports files of others is not loaded", async () => {
  using folder = testFolder();
  const path = folder.at("plugin/mine.ts");
  Deno.mkdirSync(folder.at("plugin"));
  Deno.writeTextFileSync(folder.at("keys.json"), `{"key": "secret"}`);
  const wasRun = folder.at("was_run");
  Deno.writeTextFileSync(
    path,
    `Deno.writeTextFileSync(${JSON.stringify(wasRun)}, "");
export default { name: "mine", api: 1, parts: [] };`,
  );
  const misspelt = { use: path, isolatd: true } as Partial<PluginInput>;
  await assert.rejects(
    load({ ...misspelt, isolated: undefined }),
    /isolatd/,
  );
  assert.throws(() => Deno.statSync(wasRun), Deno.errors.NotFound);

  Deno.writeTextFileSync(
    path,
    `import keys from "../keys.json" with { type: "json" };
export default { name: keys.key, api: 1, parts: [] };`,
  );
  await assert.rejects(
    load({ use: path }),
    /imports .*keys\.json, which is not in its folder/,
  );
});

Deno.test(
  "Ctrl-C, which its whole group gets, does not end the process of an isolated plugin",
  {
    ignore: Deno.build.os !== "linux",
  },
  async () => {
    const before = children();
    // tests of other files start processes at the same time: this one has a limit of its own
    const { registry } = await load({ memory_limit: "317MB" });
    const format = await createPart(
      "format",
      "bar-format",
      creatingWith(registry),
    );
    const parse = (index: number) =>
      format.parse({ value: { q: "q", a: "a" }, where: { path: "x", index } });
    parse(0);
    const own = children().filter((pid) => !before.includes(pid));
    assert.equal(own.length, 1);
    Deno.kill(own[0], "SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(parse(1), { prompt: "q", completion: "a" });
    assert.ok(children().includes(own[0]));
  },
);

/** Part of the arguments of one process. */
const OWN = "--max-old-space-size=317";

/** Processes that this one has started with {@linkcode OWN} among their arguments. */
function children(): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => {
      try {
        const line = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
        if (!line.includes(OWN)) return false;
        const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
        return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]) ===
          Deno.pid;
      } catch {
        return false; // no process, or one that has ended
      }
    });
}
