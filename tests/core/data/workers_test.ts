import assert from "node:assert/strict";
import { byteTokenizer } from "../../../plugins/tokenizers/byte.ts";
import { choose } from "@denotune/denotune/core";
import { definePart } from "@denotune/denotune/core";
import { z } from "zod";
import { type TestFolder, testFolder } from "../../run_harness.ts";
import { alpacaLines, contentOf, openRun } from "./_open_run.ts";

const plain = {
  cache: false,
  max_length: 96,
  truncation: "keep-start",
} as const;

function write(folder: TestFolder, name: string, text: string): string {
  const path = folder.at(name);
  Deno.writeTextFileSync(path, text);
  return path;
}

/** A plugin with a masker; `body` stands in its `weights`, which sees what it was made beside as `host`. */
function maskerModule(body: string): string {
  const core = new URL("../../../core/mod.ts", import.meta.url).href;
  const zod = import.meta.resolve("zod");
  return `import { definePlugin } from ${JSON.stringify(core)};
import { z } from ${JSON.stringify(zod)};
export default definePlugin({
  name: "strange", api: 1, version: "1", parts: [{
    kind: "masker", name: "strange", description: "For a test",
    options: z.strictObject({ floor: z.number().default(0.25).describe("Least weight") }),
    create: ({ floor }, host) => ({ weights: ({ spans, text }) => { ${body}
      return Float32Array.from(spans, (s) => s.generated ? 1 : s.kind === "content" ? floor : 0); } }),
  }],
});
`;
}

Deno.test("workers prepare what one thread prepares: files, rows in memory, plugins, both sides of eval_fraction", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(700));
  const more = write(
    folder,
    "b.json",
    JSON.stringify(
      Array.from({ length: 90 }, (_, i) => ({
        messages: [
          { role: "user", content: `${i}?` },
          { role: "assistant", content: `${i}!` },
        ],
      })),
    ),
  );
  const plugin = write(folder, "strange.ts", maskerModule(""));
  const open = (workers: number) =>
    openRun({
      ...plain,
      workers,
      eval_fraction: 0.2,
      train: [
        { path, format: "alpaca", masker: { use: "strange", floor: 0.5 } },
        { path: more },
        {
          rows: Array.from({ length: 300 }, (_, i) => ({
            instruction: `memory ${i}`,
            output: i === 7 ? undefined : `${i}`,
          })).filter((row) => row.output !== undefined),
          format: "alpaca",
          max_rows: 250,
        },
      ],
    }, { cacheDir: folder.at("cache"), run: { plugins: [plugin] } });
  using one = await open(1);
  for (const workers of [2, 3]) {
    using many = await open(workers);
    assert.deepEqual(contentOf(many.data.train), contentOf(one.data.train));
    assert.ok(many.data.evaluation !== null && one.data.evaluation !== null);
    assert.deepEqual(
      contentOf(many.data.evaluation),
      contentOf(one.data.evaluation),
    );
    assert.deepEqual(
      many.data.train.batches(1, 3),
      one.data.train.batches(1, 3),
    );
  }
});

Deno.test("the first bad row in order is the error, whoever meets which row first", async () => {
  using folder = testFolder();
  const lines = alpacaLines(600).split("\n");
  lines[571] = "{broken";
  lines[402] = JSON.stringify({ instruction: "no answer" });
  lines[405] = "also broken";
  const path = write(folder, "bad.jsonl", lines.join("\n"));
  const failure = async (workers: number): Promise<Error> => {
    try {
      using _opened = await openRun({
        ...plain,
        workers,
        train: [{ path, format: "alpaca" }],
      }, { cacheDir: folder.at("cache") });
    } catch (error) {
      assert.ok(error instanceof Error);
      return error;
    }
    throw new assert.AssertionError({ message: "it was prepared" });
  };
  const one = await failure(1);
  assert.match(one.message, /bad\.jsonl:403/);
  const many = await failure(3);
  assert.equal(many.message, one.message);
  assert.equal(many.name, one.name);
});

Deno.test("a part of a worker is made beside the same tokenizer, model and seed", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(300));
  const plugin = write(
    folder,
    "strange.ts",
    maskerModule(`
      const { tokenizer, modelConfig, seed } = host;
      const facts = [tokenizer.vocabSize, tokenizer.idOf("<|eos|>") ?? 0, tokenizer.specialIds.eos ?? 0,
        tokenizer.addsBos ? 1 : 0, modelConfig.hidden_size, seed];
      floor = facts.reduce((sum, fact, i) => sum + fact * (i + 1), 0) % 97 / 97;`),
  );
  const open = (workers: number, run = {}) =>
    openRun({
      ...plain,
      workers,
      masker: "strange",
      train: [{ path, format: "alpaca" }],
    }, {
      cacheDir: folder.at("cache"),
      run: { plugins: [plugin], ...run },
    });
  using one = await open(1);
  using two = await open(2);
  using other = await open(1, { seed: 1 });
  assert.deepEqual(contentOf(two.data.train), contentOf(one.data.train));
  assert.notDeepEqual(contentOf(other.data.train), contentOf(one.data.train));
});

Deno.test("parts given in code stay on this thread, the other sources go to workers", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(300));
  const seen: number[] = [];
  const inline = definePart({
    kind: "masker",
    name: "counting",
    description: "For a test",
    options: z.strictObject({}),
    create: () => ({
      weights: ({ spans }) => {
        seen.push(spans.length);
        return Float32Array.from(spans, (span) => span.generated ? 1 : 0);
      },
    }),
  });
  const open = (workers: number) =>
    openRun({
      ...plain,
      workers,
      train: [
        { path, format: "alpaca" },
        { path, format: "alpaca", masker: choose(inline, {}) },
      ],
    }, { cacheDir: folder.at("cache") });
  using many = await open(2);
  assert.equal(seen.length, 300);
  using one = await open(1);
  assert.deepEqual(contentOf(many.data.train), contentOf(one.data.train));
});

Deno.test("rows that cannot be sent are prepared on this thread", async () => {
  using folder = testFolder();
  const rows = Array.from({ length: 100 }, (_, i) => ({
    instruction: `what is ${i}?`,
    output: `${i}`,
    ...(i % 40 === 1 ? { category: () => i } : {}),
  }));
  for (const format of ["alpaca", "auto"]) {
    const open = (workers: number) =>
      openRun({ ...plain, workers, train: [{ rows, format }] }, {
        cacheDir: folder.at("cache"),
      });
    using many = await open(2);
    using one = await open(1);
    assert.deepEqual(contentOf(many.data.train), contentOf(one.data.train));
  }
});

Deno.test("a worker that crashes is an error that says so", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(400));
  const plugin = write(
    folder,
    "crashing.ts",
    maskerModule(
      `if (typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope) {
        queueMicrotask(() => { throw new Error("out of luck"); });
      }`,
    ),
  );
  await assert.rejects(
    openRun({
      ...plain,
      workers: 2,
      train: [{ path, format: "alpaca", masker: "strange" }],
    }, { cacheDir: folder.at("cache"), run: { plugins: [plugin] } }),
    {
      name: "PluginError",
      message:
        /worker that prepares rows has crashed: .*out of luck.*data\.workers=1/,
    },
  );
});

Deno.test("a plugin whose file is changed after it was loaded is refused by workers", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(80));
  const text = maskerModule("");
  const plugin = write(folder, "strange.ts", text);
  const own = definePart({
    kind: "template",
    name: "own",
    description: "Changes the plugin once it is loaded",
    options: z.strictObject({}),
    create: (_, host) => {
      write(folder, "strange.ts", text.replace("s.generated", "!s.generated"));
      return host.create("template", { use: "plain", separator: "\n" });
    },
  });
  await assert.rejects(
    openRun({
      ...plain,
      workers: 2,
      template: choose(own, {}),
      train: [
        { path, format: "alpaca" },
        { path, format: "alpaca", masker: "strange", template: "alpaca" },
      ],
    }, { cacheDir: folder.at("cache"), run: { plugins: [plugin] } }),
    {
      name: "PluginError",
      message:
        /^The plugin .*strange\.ts was changed since it was loaded; start again$/,
    },
  );
});

Deno.test("a tokenizer that workers cannot make the same stays on this thread, and that is said", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(100));
  using opened = await openRun({
    ...plain,
    workers: 2,
    train: [{ path, format: "alpaca" }],
  }, {
    cacheDir: folder.at("cache"),
    tokenizer: { ...byteTokenizer({ add_bos: false }), vocabSize: 300 },
  });
  assert.equal(opened.data.train.report.rows, 100);
  assert.match(opened.notices.join(" "), /prepared without workers/);
});

Deno.test("an interrupt ends workers in the middle of the rows", async () => {
  using folder = testFolder();
  const path = write(folder, "a.jsonl", alpacaLines(60_000));
  const controller = new AbortController();
  const reason = new Error("enough");
  let last = 0;
  await assert.rejects(
    openRun({ ...plain, workers: 2, train: [{ path, format: "alpaca" }] }, {
      cacheDir: folder.at("cache"),
      signal: controller.signal,
      onProgress: (rows) => {
        last = rows;
        if (rows > 100) controller.abort(reason);
      },
    }),
    reason,
  );
  assert.ok(last < 60_000);
});
