import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { AnyPart, RecordStore } from "@denotune/denotune/core";
import { csv, jsonl, textFile } from "../../../plugins/sources/mod.ts";
import { testSource } from "../../conformance/source.ts";
import { make } from "../../core/data/_support.ts";

const encoder = new TextEncoder();

testSource("jsonl in zstd", {
  make: async () => await make("source", jsonl),
  fileName: "rows.jsonl.zst",
  write: (rows) =>
    zstdCompressSync(rows.map((r) => JSON.stringify(r)).join("\n")),
});

async function read(
  content: string | Uint8Array,
  { part = csv, name = "rows.csv", options = {} }: {
    part?: AnyPart;
    name?: string;
    options?: Record<string, unknown>;
  } = {},
): Promise<unknown[]> {
  return await look(
    content,
    (store) =>
      Array.from({ length: store.length }, (_, i) => store.at(i).value),
    { part, name, options },
  );
}

async function look<T>(
  content: string | Uint8Array,
  work: (store: RecordStore) => T,
  { part, name, options }: {
    part: AnyPart;
    name: string;
    options: Record<string, unknown>;
  },
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/${name}`;
    await Deno.writeFile(
      path,
      typeof content === "string" ? encoder.encode(content) : content,
    );
    const source = await make("source", part, options);
    assert.ok(source.accepts({ path, head: new Uint8Array() }));
    using store = await source.open({ path, cacheDir: `${folder}/cache` });
    return work(store);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("rows of CSV are objects by column, of texts as they stand", async () => {
  assert.deepEqual(await read("a,b\n1,x\n007, y \n,\n"), [
    { a: "1", b: "x" },
    { a: "007", b: " y " },
    { a: "", b: "" },
  ]);
});

Deno.test("quotes hold delimiters, quotes and line breaks; every line ending will do", async () => {
  assert.deepEqual(
    await read(
      '\uFEFFq,"a ""b"""\r\n"x, y","one\r\ntwo"\r\n\r\n"","say ""hi"""\r\n5" pipe,"last"',
    ),
    [
      { q: "x, y", 'a "b"': "one\r\ntwo" },
      { q: "", 'a "b"': 'say "hi"' },
      { q: '5" pipe', 'a "b"': "last" },
    ],
  );
});

Deno.test("the delimiter is the one of the name or the header, or as it is set", async () => {
  const rows = [{ a: "1", b: "2" }];
  assert.deepEqual(await read("a\tb\n1\t2", { name: "x.tsv" }), rows);
  assert.deepEqual(await read("a;b\n1;2"), rows);
  assert.deepEqual(await read("a|b\n1|2"), rows);
  assert.deepEqual(await read('"a;b",c\n1,2'), [{ "a;b": "1", c: "2" }]);
  assert.deepEqual(
    await read("a,b#c\n1,2#3", { options: { delimiter: "#" } }),
    [{ "a,b": "1,2", c: "3" }],
  );
  assert.deepEqual(await read("only\nx\n"), [{ only: "x" }]);
  assert.deepEqual(await read(",a\n0,x"), [{ "Unnamed: 0": "0", a: "x" }]);
});

Deno.test("CSV comes packed too", async () => {
  const text = "a,b\n1,2\n";
  for (
    const [name, bytes] of [["x.csv.gz", gzipSync(text)], [
      "x.csv.zst",
      zstdCompressSync(text),
    ]] as const
  ) {
    assert.deepEqual(await read(bytes, { name }), [{ a: "1", b: "2" }]);
  }
});

Deno.test("broken CSV is told with its line", async () => {
  const cases: [string, RegExp][] = [
    [
      "a,b\n1,2\n3\n",
      /rows\.csv:3: the row has 1 fields, the header 2 \(a, b\)/,
    ],
    ['a,b\n"1\n2",x\n3,4,5\n', /rows\.csv:4: the row has 3 fields/],
    [
      'a,b\n"1" x,2\n',
      /rows\.csv:2: a quoted field is followed by " ", not by ","/,
    ],
    [
      'a,b\n1,"2\n3,4\n',
      /rows\.csv:2: the file ends within the quotes of the row that starts here/,
    ],
    ["a,a\n1,2\n", /rows\.csv:1: the header names the column "a" twice/],
    ["a,b\n", /there are no rows in it/],
    ["a,b\n1,\xff\n", /rows\.csv:2: byte 0xff is not valid UTF-8/],
    [`${"x".repeat(70_000)}\n`, /the header is longer than 65536 bytes/],
  ];
  for (const [text, message] of cases) {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    await assert.rejects(
      read(bytes),
      { name: "DataError", message },
      text.slice(0, 40),
    );
  }
  await assert.rejects(
    read(`a\n${"x".repeat(2 ** 20)}`, { options: { max_row_mb: 0.5 } }),
    {
      name: "DataError",
      message: /rows\.csv:2: the row that starts here is longer than 0\.5 MB/,
    },
  );
});

Deno.test("rows of CSV stand on the line where they begin", async () => {
  await look('a\n"1\n2"\n3\n', (store) => {
    assert.deepEqual([store.at(0).where.line, store.at(1).where.line], [2, 4]);
  }, { part: csv, name: "rows.csv", options: {} });
});

Deno.test("text is read by line, by paragraph or whole", async () => {
  const text = "one\r\n\n  \ntwo\nthree\n\n\nfour";
  const by = (sample_by: string) =>
    read(text, { part: textFile, name: "x.txt", options: { sample_by } });
  const rows = (...texts: string[]) => texts.map((text) => ({ text }));
  assert.deepEqual(await by("line"), rows("one", "two", "three", "four"));
  assert.deepEqual(await by("paragraph"), rows("one", "two\nthree", "four"));
  assert.deepEqual(
    await by("document"),
    rows("one\r\n\n  \ntwo\nthree\n\n\nfour"),
  );
  await assert.rejects(
    read("x".repeat(2 ** 20), {
      part: textFile,
      name: "x.txt",
      options: { sample_by: "document", max_row_mb: 0.5 },
    }),
    {
      name: "DataError",
      message: /x\.txt:1: the text that starts here is longer than 0\.5 MB/,
    },
  );
});

Deno.test("zstd is unpacked frame by frame, and not past what a file may be", async () => {
  const lines = (n: number) => `{"n":${n}}\n`.repeat(1000);
  const frame = zstdCompressSync(lines(1));
  const skippable = new Uint8Array([
    0x50,
    0x2a,
    0x4d,
    0x18,
    3,
    0,
    0,
    0,
    1,
    2,
    3,
  ]);
  const jsonl_ = { part: jsonl, name: "x.jsonl.zst" };
  const two = new Uint8Array([
    ...frame,
    ...skippable,
    ...zstdCompressSync(lines(2)),
  ]);
  const rows = await read(two, jsonl_);
  assert.deepEqual([rows.length, rows[0], rows[1999]], [2000, { n: 1 }, {
    n: 2,
  }]);
  const message =
    /x\.jsonl\.zst: the zstd file (ends too early; it was cut off|is broken)/;
  for (
    const length of [
      5,
      7,
      frame.length - 1,
      frame.length + 2,
      frame.length + 9,
      two.length - 3,
    ]
  ) {
    await assert.rejects(
      read(two.subarray(0, length), jsonl_),
      { name: "DataError", message },
      `${length}`,
    );
  }
  await assert.rejects(
    read(new Uint8Array([...frame, 1, 2, 3, 4, 5]), jsonl_),
    {
      name: "DataError",
      message: /the zstd file is broken \(has no frame at byte/,
    },
  );
  await assert.rejects(
    read(zstdCompressSync(new Uint8Array(40 * 2 ** 20).fill(0x20)), jsonl_),
    { name: "DataError", message: /unpacks to more than 200 times its/ },
  );
});
