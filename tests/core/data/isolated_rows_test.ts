import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type TestFolder, testFolder } from "../../run_harness.ts";
import { contentOf, type OpenedRun, openRun } from "./_open_run.ts";

const TEST_ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const use = fileURLToPath(
  new URL("../config/isolated/_plugin.ts", import.meta.url),
);

function open(
  folder: TestFolder,
  { isolated, workers, parts, ...data }: {
    isolated: boolean;
    workers: number;
    parts: readonly string[];
    cache?: boolean;
    format?: Record<string, unknown>;
    masker?: Record<string, unknown>;
  },
): Promise<OpenedRun> {
  const has = (part: string) => parts.includes(part);
  const path = folder.at(has("source") ? "rows.bars" : "rows.jsonl");
  return openRun({
    cache: false,
    workers,
    max_length: 96,
    truncation: "keep-start",
    train: [{
      path,
      source: has("source") ? "bars" : "auto",
      format: has("format")
        ? { use: "bar-format", ...data.format }
        : { use: "question_answer", question_field: "q", answer_field: "a" },
    }],
    template: has("template") ? "bar-template" : "plain",
    masker: has("masker") ? { use: "bar-masker", ...data.masker } : "auto",
    ...(data.cache ? { cache: true } : {}),
  }, {
    cacheDir: folder.at("cache"),
    run: { plugins: [{ use, isolated, time_limit: 3 }] },
  });
}

function rows(): TestFolder {
  const folder = testFolder();
  const all = Array.from({ length: 700 }, (_, i) => ({
    q: `what is ${i} ${"and more ".repeat(i % 9)}`,
    a: `it is ${i * 7} ${"indeed ".repeat(i % 5)}`,
  }));
  Deno.writeTextFileSync(
    folder.at("rows.jsonl"),
    all.map((row) => JSON.stringify(row)).join("\n"),
  );
  Deno.writeTextFileSync(
    folder.at("rows.bars"),
    all.map(({ q, a }) => `${q}|${a}`).join("\n"),
  );
  return folder;
}

const EVERY = ["source", "format", "template", "masker"];

Deno.test("isolated parts prepare the same bits as in this process, with workers and without, shuffled", async (t) => {
  using folder = rows();
  const sets = TEST_ALL ? [EVERY, ...EVERY.map((part) => [part])] : [EVERY];
  for (const parts of sets) {
    using trusted = await open(folder, { isolated: false, workers: 1, parts });
    for (const workers of TEST_ALL ? [1, 2, 4] : [1, 2]) {
      await t.step(`${parts.join(", ")}; workers: ${workers}`, async () => {
        using isolated = await open(folder, { isolated: true, workers, parts });
        assert.deepEqual(
          contentOf(isolated.data.train),
          contentOf(trusted.data.train),
        );
        assert.deepEqual(
          isolated.data.train.batches(1, 3),
          trusted.data.train.batches(1, 3),
        );
      });
    }
  }
});

Deno.test("what an isolated part does at a row names the part, the plugin and the row, and reaches nobody else", async (t) => {
  using folder = rows();
  const some: Record<string, RegExp> = {
    "throw":
      /rows\.jsonl:601.*`parse` of the format "bar-format" of plugin "bars".*not this one/,
    "exit": /rows\.jsonl:601.*ended its process with code 7/,
    "read a file": /rows\.jsonl:601.*Requires read access/,
  };
  const rest: Record<string, RegExp> = {
    "data error": /rows\.jsonl:601.*column q is missing/,
    "give text":
      /rows\.jsonl:601.*format "bar-format" of plugin "bars".*"text"/,
    "spin": /rows\.jsonl:601.*did not answer within 3 s, its `time_limit`/,
    "eat memory": /rows\.jsonl:601.*more than 512 MB.*`memory_limit`/,
    "eat the heap": /rows\.jsonl:601.*(more than 512 MB|within 3 s)/,
    "read the environment": /Requires env access/,
    "write a file": /Requires write access/,
    "start a process": /Requires run access/,
    // not held: Deno names the working folder to everybody
    "look where it is": /gave "\/.*"; expected \{messages\}/,
    "open a library": /Requires ffi access/,
    "listen": /Requires net access/,
    "write into the answers": /wrote what is no answer|too long|gave no answer/,
    "give a function": /cannot be sent to another process/,
    "give nothing": /format "bar-format" of plugin "bars"/,
  };
  const map = Array.prototype.map;
  for (
    const [does, expected] of Object.entries(
      TEST_ALL ? { ...some, ...rest } : some,
    )
  ) {
    await t.step(does, async () => {
      await assert.rejects(
        open(folder, {
          isolated: true,
          workers: 1,
          parts: ["format"],
          format: { at: 600, does },
        }).then((opened) => opened[Symbol.dispose]()),
        (error: Error) => {
          assert.match(error.message, expected);
          return true;
        },
      );
    });
  }
  assert.equal(Array.prototype.map, map);
});

Deno.test("what an isolated plugin breaks in its process stays there", {
  ignore: !TEST_ALL,
}, async () => {
  using folder = rows();
  const before = [
    Array.prototype.map,
    Object.prototype.toString,
    JSON,
    Promise,
  ];
  for (
    const does of [
      "patch a prototype",
      "redefine a built-in",
      "leave a rejection",
    ]
  ) {
    await open(folder, {
      isolated: true,
      workers: 1,
      parts: ["format"],
      format: { at: 600, does },
    }).then((opened) => opened[Symbol.dispose](), (error: Error) => {
      assert.match(error.message, /bars|_plugin\.ts/);
    });
  }
  assert.deepEqual(
    [Array.prototype.map, Object.prototype.toString, JSON, Promise],
    before,
  );
});

Deno.test("weights of an isolated masker that are no weights are refused with the name of its plugin", async () => {
  using folder = rows();
  for (const bad of ["NaN", "length", "list"]) {
    await assert.rejects(
      open(folder, {
        isolated: true,
        workers: 1,
        parts: ["masker"],
        masker: { bad },
      }),
      /rows\.jsonl:1.*plugin "bars"/,
    );
  }
});

Deno.test("prepared rows are found in the cache, isolated or not", async () => {
  using folder = rows();
  const parts = ["format", "masker"];
  using _first = await open(folder, {
    isolated: true,
    workers: 1,
    parts,
    cache: true,
  });
  using second = await open(folder, {
    isolated: false,
    workers: 1,
    parts,
    cache: true,
  });
  assert.match(second.notices.join(), /taken from the cache/);
});
