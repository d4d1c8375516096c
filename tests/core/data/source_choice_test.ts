/**
 * Sources chosen in the run file, with their options.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { EvalEntryInput } from "../../../core/config/types.ts";
import { loadRun } from "../../../core/config/load.ts";
import {
  builtinRegistry,
  type TestFolder,
  testFolder,
  TINY_LLAMA,
} from "../../run_harness.ts";
import { testData } from "../../test_data.ts";
import { contentOf, openRun } from "./_open_run.ts";

const TEXT = "One line.\nIts second.\n\nA paragraph.\n\n\nThe last.\n";

function write(folder: TestFolder, name: string, text: string): string {
  const path = folder.at(name);
  Deno.writeTextFileSync(path, text);
  return path;
}

/** What is written of each example of one entry, tags and separators included. */
async function texts(
  folder: TestFolder,
  entry: EvalEntryInput,
  more: { workers?: number; cache?: boolean } = {},
): Promise<string[]> {
  using run = await openRun({
    train: [entry],
    workers: 1,
    cache: false,
    ...more,
  }, { cacheDir: folder.at("cache") });
  const { train } = run.data;
  return Array.from(
    { length: train.length },
    (_, i) =>
      String.fromCharCode(...train.example(i).ids.filter((t) => t < 256)),
  );
}

Deno.test("a run chooses the delimiter of its CSV file", async () => {
  using folder = testFolder();
  const path = write(folder, "rows.csv", "prompt#completion\na,b#c;d\n");
  const entry = { path, format: "prompt_completion" };
  assert.deepEqual(
    await texts(folder, { ...entry, source: { use: "csv", delimiter: "#" } }),
    ["a,bc;d"],
  );
  await assert.rejects(texts(folder, entry), /prompt/);
});

Deno.test("a chosen source reads a file whose name says nothing, or something else", async () => {
  using folder = testFolder();
  const path = write(
    folder,
    "rows.data",
    '{"prompt": "a", "completion": "b"}\n',
  );
  const entry = { path, format: "prompt_completion" };
  await assert.rejects(
    texts(folder, entry),
    /No source reads .*rows\.data; known: csv, json, jsonl, parquet, text\. Say which one does with `source: \{use: NAME\}`/,
  );
  assert.deepEqual(await texts(folder, { ...entry, source: "jsonl" }), [
    "ab",
  ]);
});

Deno.test("text is taken by line, paragraph or document, said of the source or of the format", async () => {
  using folder = testFolder();
  const path = write(folder, "text.txt", TEXT);
  const rows = {
    line: ["One line.", "Its second.", "A paragraph.", "The last."],
    paragraph: ["One line.\nIts second.", "A paragraph.", "The last."],
    document: [TEXT],
  };
  for (const [sample_by, wanted] of Object.entries(rows)) {
    for (
      const entry of [
        { path, format: "text", source: { use: "text", sample_by } },
        { path, format: { use: "text", sample_by } },
      ]
    ) {
      for (const workers of [1, 2]) {
        assert.deepEqual(
          (await texts(folder, entry, { workers })).map((t) => t.trim()),
          wanted.map((t) => t.trim()),
          `${sample_by}, ${workers} workers`,
        );
      }
    }
  }
  assert.deepEqual(
    (await texts(folder, { path, format: "text" })).length,
    4,
    "a line by default",
  );
});

Deno.test("the source counts in the key of prepared rows", async () => {
  using folder = testFolder();
  const path = write(folder, "text.txt", TEXT);
  const count = async (sample_by: string) => {
    const source = { use: "text", sample_by };
    const found = await texts(folder, { path, format: "text", source }, {
      cache: true,
    });
    return found.length;
  };
  assert.deepEqual(
    [await count("line"), await count("paragraph"), await count("line")],
    [4, 3, 4],
  );
});

Deno.test("how files are read is said once, and of files", async () => {
  using folder = testFolder();
  const path = write(folder, "text.txt", TEXT);
  const lines = write(folder, "rows.jsonl", '{"text": "a"}\n');
  const format = { use: "text", sample_by: "paragraph" };
  await assert.rejects(
    texts(folder, { path, format, source: "text" }),
    /`data\.train\.0`: both `source` and an option of `format` say how files are read; leave one out/,
  );
  await assert.rejects(
    texts(folder, { path: lines, format }),
    /its format wants files that are read by \{"use":"text","sample_by":"paragraph"\}, and .*rows\.jsonl is none/,
  );
  await assert.rejects(
    texts(folder, { rows: [{ text: "a" }], format }),
    /`data\.train\.0` has rows in memory/,
  );
  await assert.rejects(
    texts(folder, { rows: [{ text: "a" }], source: "text" }),
    /`data\.train\.0\.source` says how files are read; `data\.train\.0` has rows in memory/,
  );
});

Deno.test("limits of JSON Lines and wrong options of a source are errors of the run file", async () => {
  using folder = testFolder();
  const long = `{"text": "${"a".repeat(3000)}"}\n`;
  const path = write(folder, "rows.jsonl", long);
  const entry = (source: EvalEntryInput["source"]) => ({
    path,
    format: "text",
    source,
  });
  await assert.rejects(
    texts(folder, entry({ use: "jsonl", max_row_mb: 0.001 })),
    /max_row_mb/,
  );
  assert.equal(
    (await texts(folder, entry({ use: "jsonl", max_row_mb: 1 }))).length,
    1,
  );
  await assert.rejects(
    texts(folder, entry({ use: "jsonl", delimeter: ";" })),
    /source jsonl has no option `delimeter`/,
  );
  await assert.rejects(
    texts(folder, entry("jsonn")),
    /there is no source `jsonn`.*jsonl/,
  );
});

Deno.test("an option of a source can be overridden on the command line", async () => {
  using folder = testFolder();
  const path = write(folder, "rows.csv", "prompt#completion\na#b\n");
  const { config } = await loadRun({
    object: {
      model: { from_config: TINY_LLAMA },
      tokenizer: "byte",
      adapter: null,
      data: { train: [{ path, source: "csv" }] },
    },
    overrides: ["data.train.0.source.delimiter='#'"],
    registry: builtinRegistry(),
  });
  assert.deepEqual(config.data.train[0].source, {
    use: "csv",
    delimiter: "#",
    max_row_mb: 32,
    max_depth: 100,
    max_expansion: 200,
  });
});

const parquet = testData("parquet");

Deno.test({
  name: "a run chooses the columns of its Parquet file",
  ignore: parquet === null,
  async fn() {
    using folder = testFolder();
    const open = (source: EvalEntryInput["source"], file: string) =>
      openRun({
        train: [{ path: join(parquet!, file), source, max_rows: 20 }],
        max_length: 4000,
        cache: false,
        workers: 1,
      }, { cacheDir: folder.at("cache") });
    using whole = await open("auto", "dialogues_525.jsonl");
    using all = await open("parquet", "dialogues_525.parquet");
    const examples = (run: typeof whole) =>
      (contentOf(run.data.train) as { examples: unknown }).examples;
    assert.deepEqual(examples(all), examples(whole));
    await assert.rejects(
      open({ use: "parquet", columns: ["nothing"] }, "dialogues_525.parquet"),
      /nothing/,
    );
  },
});

Deno.test("a file that is no rows as it is says what to write instead", async () => {
  using folder = testFolder();
  for (
    const [name, message] of [
      ["rows.xlsx", /rows\.xlsx: it is a spreadsheet; save the sheet as CSV/],
      ["rows.zip", /rows\.zip: it is an archive; unpack it/],
      ["rows.arrow", /rows\.arrow: save it as Parquet or JSON Lines/],
      ["rows.pkl", /rows\.pkl: it holds objects of Python/],
      ["rows.db", /rows\.db: it is a database; write its rows to a file/],
      ["rows.docx", /rows\.docx: it is a document; save its text/],
      ["rows.yaml", /rows\.yaml: write its rows as JSON Lines/],
      ["rows.gguf", /rows\.gguf: it holds weights, not rows/],
      ["rows.odd", /No source reads .*rows\.odd; known: csv, json, jsonl/],
    ] as const
  ) {
    const path = write(folder, name, "PK\u0003\u0004\u0000\u0001");
    await assert.rejects(texts(folder, { path }), message, name);
  }
});

Deno.test("an error about rows under a folder names the file and the line", async () => {
  using folder = testFolder();
  Deno.mkdirSync(folder.at("rows"));
  write(folder, "rows/a.jsonl", '{"prompt": "a", "completion": "b"}\n');
  const path = folder.at("rows");
  const entry = { path, format: "prompt_completion", template: "plain" };
  const bad = '{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n';
  write(folder, "rows/b.jsonl", bad);
  await assert.rejects(texts(folder, entry), /rows\/b\.jsonl:2: .*completion/);
  await assert.rejects(
    texts(folder, { ...entry, path: folder.at("rows/*.jsonl") }),
    /rows\/b\.jsonl:2: .*completion/,
  );
  using run = await openRun({
    train: [{ ...entry, path: folder.at("rows/a.jsonl") }],
    workers: 1,
    cache: false,
  }, { cacheDir: folder.at("cache") });
  const place = { source: 0, record: 0 };
  assert.match(run.data.train.sample(place), /^.*rows\/a\.jsonl:1:\n/);
});
