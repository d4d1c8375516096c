/**
 * Rows of files read once, in order, against the rows of the same files by index.
 */
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  type AnyPart,
  randomFrom,
  type RawRecord,
  type Source,
} from "@denotune/denotune/core";
import { csv } from "../../../plugins/sources/csv.ts";
import { json } from "../../../plugins/sources/json.ts";
import { jsonl } from "../../../plugins/sources/jsonl.ts";
import { textFile } from "../../../plugins/sources/text.ts";
import { make } from "../../core/data/_support.ts";
import { testFolder } from "../../run_harness.ts";

/** Texts from a few bytes to more than a file is read by at a time, with all that may confuse a scanner. */
function texts(): string[] {
  const random = randomFrom(5);
  const piece = () =>
    ["plain ", 'a "quoted" ', "é🙂 ", "x,y;z ", "[{}] "][random.below(5)];
  return Array.from({ length: 400 }, (_, i) => {
    const length = i % 100 === 50
      ? 60_000
      : random.below(i % 7 === 0 ? 900 : 9);
    return `${i} ${Array.from({ length }, piece).join("")}`.trim();
  });
}

const csvField = (text: string) => `"${text.replaceAll('"', '""')}\n"`;

const KINDS: readonly {
  name: string;
  part: AnyPart;
  options?: Record<string, unknown>;
  write: (rows: readonly string[]) => string;
}[] = [
  {
    name: "rows.jsonl",
    part: jsonl,
    write: (rows) =>
      rows.map((text, i) =>
        `${JSON.stringify({ i, text })}\r\n${i % 9 === 0 ? " \n" : ""}`
      ).join(""),
  },
  {
    name: "rows.json",
    part: json,
    write: (rows) => JSON.stringify(rows.map((text) => ({ text })), null, 1),
  },
  {
    name: "rows.csv",
    part: csv,
    write: (rows) =>
      "\ufeffn,text\n" + rows.map((t, i) => `${i},${csvField(t)}\n`).join(""),
  },
  {
    name: "rows.txt",
    part: textFile,
    write: (rows) => rows.join("\n\n"),
  },
  {
    name: "rows.txt",
    part: textFile,
    options: { sample_by: "paragraph" },
    write: (rows) => rows.map((t, i) => `${t}\n${i}`).join("\n \n\n"),
  },
  {
    name: "rows.txt",
    part: textFile,
    options: { sample_by: "document" },
    write: (rows) => `\n\n${rows.join("\n\n")}\n\n`,
  },
];

async function streamed(
  source: Source,
  path: string,
): Promise<{ rows: RawRecord[]; error: unknown }> {
  const rows: RawRecord[] = [];
  try {
    assert.ok(source.stream !== undefined);
    for await (const some of source.stream({ path, cacheDir: "unused" })) {
      for (const row of some) rows.push(source.parse?.(row) ?? row);
    }
    return { rows, error: null };
  } catch (error) {
    return { rows, error };
  }
}

for (const { name, part, options = {}, write } of KINDS) {
  for (
    const [ending, pack] of [
      ["", (bytes: Uint8Array) => bytes],
      [".gz", (bytes: Uint8Array) => gzipSync(bytes)],
      [".zst", (bytes: Uint8Array) => zstdCompressSync(bytes)],
    ] as const
  ) {
    const how = Object.values(options).join("");
    Deno.test(`a stream of ${name}${ending} ${how} has the rows of its index`, async () => {
      using folder = testFolder();
      const path = folder.at(`${name}${ending}`);
      Deno.writeFileSync(path, pack(new TextEncoder().encode(write(texts()))));
      const source = await make("source", part, options);
      using store = await source.open({ path, cacheDir: folder.at("cache") });
      const { rows, error } = await streamed(source, path);
      assert.equal(error, null);
      assert.equal(rows.length, store.length);
      for (const [i, row] of rows.entries()) assert.deepEqual(row, store.at(i));
    });
  }
}

Deno.test("a stream gives the rows before a mistake, and tells it as the index does", async () => {
  using folder = testFolder();
  const path = folder.at("rows.jsonl");
  const good = '{"a":1}\n\n{"a":2}\n';
  const source = await make("source", jsonl, { max_row_mb: 0.25 });
  const cases: [Uint8Array, number, RegExp][] = [
    [new TextEncoder().encode(`${good}{"a":NaN}\n`), 2, /rows\.jsonl:4: .*NaN/],
    [
      Uint8Array.from([...new TextEncoder().encode(good), 0xe9, 10]),
      2,
      /rows\.jsonl:4: byte 0xe9 is not valid UTF-8/,
    ],
    [
      new TextEncoder().encode(good + " ".repeat(10) + "x".repeat(2 ** 19)),
      2,
      /rows\.jsonl:4: the line is longer than 0\.25 MB/,
    ],
    [new Uint8Array(0), 0, /the file is empty/],
    [new TextEncoder().encode("\n \n"), 0, /there are no rows in it/],
  ];
  for (const [bytes, count, message] of cases) {
    Deno.writeFileSync(path, bytes);
    const { rows, error } = await streamed(source, path);
    assert.equal(rows.length, count);
    assert.ok(error instanceof Error);
    assert.equal(error.name, "DataError");
    assert.match(error.message, message);
  }
  const packed = folder.at("rows.jsonl.gz");
  Deno.writeFileSync(packed, gzipSync(good.repeat(5000)).subarray(0, -20));
  const { error } = await streamed(source, packed);
  assert.match(String(error), /the gzip file ends too early/);
});
