import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import {
  type AnyPart,
  isDenotuneError,
  type RecordStore,
} from "@denotune/denotune/core";
import { json, jsonl } from "../../../plugins/sources/mod.ts";
import { testSource } from "../../conformance/source.ts";
import { make } from "../../core/data/_support.ts";
import { testData } from "../../test_data.ts";

const encoder = new TextEncoder();
const asArray = (rows: readonly unknown[]): string =>
  JSON.stringify(rows, null, 1);
const asLines = (rows: readonly unknown[]): string =>
  rows.map((row) => JSON.stringify(row)).join("\n");

testSource("json", {
  make: async () => await make("source", json),
  fileName: "rows.json",
  write: (rows) => encoder.encode(asArray(rows)),
});
testSource("json in gzip", {
  make: async () => await make("source", json),
  fileName: "rows.json.gz",
  write: (rows) => gzipSync(asArray(rows)),
});
testSource("jsonl", {
  make: async () => await make("source", jsonl),
  fileName: "rows.jsonl",
  write: (rows) => encoder.encode(asLines(rows)),
});
testSource("jsonl in gzip", {
  make: async () => await make("source", jsonl),
  fileName: "rows.jsonl.gz",
  write: (rows) => gzipSync(asLines(rows)),
});

async function withStore(
  content: string | Uint8Array,
  test: (store: RecordStore) => void,
  { part = jsonl, options = {}, name = "rows.jsonl" }: {
    part?: AnyPart;
    options?: Record<string, unknown>;
    name?: string;
  } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/${name}`;
    await Deno.writeFile(
      path,
      typeof content === "string" ? encoder.encode(content) : content,
    );
    const source = await make("source", part, options);
    using store = await source.open({ path, cacheDir: `${folder}/cache` });
    test(store);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Opens the file and reads every row; the message of the error. */
async function errorOf(
  content: string | Uint8Array,
  settings: Parameters<typeof withStore>[2] = {},
): Promise<string> {
  try {
    await withStore(content, (store) => {
      for (let i = 0; i < store.length; i++) store.at(i);
    }, settings);
  } catch (error) {
    assert.ok(
      isDenotuneError(error) && error.name === "DataError",
      String(error),
    );
    return error.message.replace(/^.*\/(rows)/, "$1");
  }
  throw new Error("no error");
}

Deno.test("blank lines, CRLF, a byte order mark and U+2028 are no rows and no errors", () =>
  withStore('\ufeff{"a":1}\r\n\r\n  \n{"a":"x\u2028y"}\n\n{"a":3}', (store) => {
    assert.equal(store.length, 3);
    assert.deepEqual([0, 1, 2].map((i) => store.at(i).where.line), [1, 4, 6]);
    assert.deepEqual(store.at(1).value, { a: "x\u2028y" });
  }));

Deno.test("rows of an array know their lines", () =>
  withStore('\n[\n {"a":\n 1},{"a":2}\n,\n\n[3], "four",\n5 ]\n', (store) => {
    assert.deepEqual(
      [...Array(store.length).keys()].map((i) => store.at(i).value),
      [{ a: 1 }, { a: 2 }, [3], "four", 5],
    );
    assert.deepEqual(
      [...Array(store.length).keys()].map((i) => store.at(i).where.line),
      [3, 4, 7, 7, 8],
    );
  }, { part: json, name: "rows.json" }));

Deno.test("broken JSON is named with its line and column", async () => {
  const lines = Array.from(
    { length: 40 },
    (_, i) => i === 36 ? '{"a": 1,, }' : '{"a": 1}',
  ).join("\n");
  assert.match(
    await errorOf(lines),
    /^rows.jsonl:37: is not valid JSON: .*column 9/,
  );
  assert.match(
    await errorOf('{"a": 1}\n{"a": '),
    /^rows.jsonl:2: is not valid JSON: Unexpected end.*at its end/,
  );
  const array = { part: json, name: "rows.json" };
  assert.match(
    await errorOf('[\n{"a": 1},\n{"a":\n tru}]', array),
    /^rows.json:4: is not valid JSON/,
  );
});

Deno.test("arrays with a wrong comma, bracket or end are named with their line", async () => {
  const settings = { part: json, name: "rows.json" };
  const of = (text: string) => errorOf(text, settings);
  assert.match(
    await of('[{"a":1},\n]'),
    /^rows.json:2: found "]" after a comma/,
  );
  assert.match(
    await of('[{"a":1}\n{"a":2}]'),
    /^rows.json:2: found "{" after a row/,
  );
  assert.match(await of("[,1]"), /^rows.json:1: found ","/);
  assert.match(
    await of('[{"a":1}\n'),
    /before the closing "]"; was it cut off/,
  );
  assert.match(
    await of('[{"a":1},\n{"a":"x'),
    /inside the row that starts on line 2/,
  );
  assert.match(
    await of('[{"a":1}]\n[2]'),
    /^rows.json:2: found "\[" after the end of the list/,
  );
  assert.match(await of('[{"a":[1}]}]'), /found "}" where "]" must stand/);
  assert.match(await of("[]"), /no rows/);
  assert.match(await of("  \n "), /blank/);
  assert.match(await of("3"), /must start with "\["/);
});

Deno.test("an object around the list is refused, and the way out named", async () => {
  const message = await errorOf(
    '{"version": 1, "data": [{"a": 1}, {"a": 2}]}',
    { part: json, name: "rows.json" },
  );
  assert.match(
    message,
    /found one object, not a list of rows; its rows seem to stand under "data".*jq '\.data'/,
  );
  assert.match(
    await errorOf('{\n "data": [\n {"a": 1}\n]}', {
      part: json,
      name: "rows.json",
    }),
    /"data"/,
  );
});

Deno.test("JSON Lines under the name .json are read", () =>
  withStore(
    '{"messages": [{"role": "user"}]}\n{"messages": [{"role": "user"}]}\n',
    (store) => assert.equal(store.length, 2),
    {
      part: json,
      name: "rows.json",
    },
  ));

Deno.test("NaN, Infinity and duplicate keys are refused by name", async () => {
  assert.match(
    await errorOf('{"a": 1}\n{"a": NaN}'),
    /^rows.jsonl:2: found NaN, which JSON does not have/,
  );
  assert.match(
    await errorOf('{"a": "NaN", "b": -Infinity}'),
    /found -Infinity/,
  );
  assert.match(
    await errorOf('{"a": 1, "b": {"c": 1, "c": 2}}'),
    /the key "c" occurs twice/,
  );
  assert.match(
    await errorOf('{"a": 1, "\\u0061" : 2}'),
    /the key "a" occurs twice/,
  );
  await withStore(
    '{"a": {"x": 1}, "b": [{"x": 1}, {"x": ":"}], "__proto__": 1}',
    (store) => assert.ok(store.at(0)),
  );
});

Deno.test("half a surrogate pair is refused, a whole one is not", async () => {
  assert.match(await errorOf('{"a": "\\ud83d"}'), /half of a surrogate pair/);
  await withStore(
    '{"a": "\\ud83d\\ude42"}',
    (store) => assert.deepEqual(store.at(0).value, { a: "🙂" }),
  );
});

Deno.test("nesting is bounded", async () => {
  const deep = "[".repeat(5000) + "]".repeat(5000);
  assert.match(
    await errorOf(`{"a": 1}\n{"a": ${deep}}`),
    /^rows.jsonl:2: .*nested more than 100 deep/,
  );
  assert.match(
    await errorOf(`[${deep}]`, { part: json, name: "rows.json" }),
    /^rows.json:1: .*nested more than 100 deep/,
  );
});

Deno.test("UTF-16 and UTF-32 are named as such, with a mark or without", async () => {
  const text = "\ufeff[1]";
  const utf16 = new Uint8Array(2 * text.length);
  const utf32 = new Uint8Array(4 * text.length);
  for (let i = 0; i < text.length; i++) {
    new DataView(utf16.buffer).setUint16(2 * i, text.charCodeAt(i));
    new DataView(utf32.buffer).setUint32(4 * i, text.charCodeAt(i));
  }
  const swapped = (bytes: Uint8Array, width: number) =>
    bytes.map((_, i) => bytes[i - i % width + width - 1 - i % width]);
  for (
    const [bytes, width, name] of [
      [utf16, 2, "UTF-16BE"],
      [swapped(utf16, 2), 2, "UTF-16LE"],
      [utf32, 4, "UTF-32"],
      [swapped(utf32, 4), 4, "UTF-32"],
    ] as const
  ) {
    const message = new RegExp(`is ${name}, not UTF-8.*iconv -f ${name} `);
    assert.match(await errorOf(bytes), message);
    assert.match(await errorOf(bytes.slice(width)), message);
  }
});

Deno.test("invalid UTF-8 is refused with its line", async () => {
  const bytes = encoder.encode('{"a": "x"}\n{"a": "?"}\n');
  bytes[bytes.lastIndexOf(0x3f)] = 0xe9; // Latin-1
  assert.match(
    await errorOf(bytes),
    /^rows.jsonl:2: byte 0xe9 is not valid UTF-8/,
  );
});

Deno.test("rows above max_row_mb are refused, and memory stays bounded", async () => {
  const long = `{"a": "${"x".repeat(3 * 2 ** 20)}"}`;
  const options = { max_row_mb: 2 };
  assert.match(
    await errorOf(`{"a": 1}\n${long}`, { options }),
    /^rows.jsonl:2: the line is longer than 2 MB/,
  );
  assert.match(
    await errorOf(`[1,\n${long}]`, { part: json, name: "rows.json", options }),
    /^rows.json:2: .*longer than 2 MB/,
  );
  await withStore(long, (store) => assert.equal(store.length, 1));
});

Deno.test("a cut, broken or exploding gzip file is refused", async () => {
  const rows = Array.from(
    { length: 1000 },
    (_, i) => `{"a": ${i * 7919 % 1000}}`,
  ).join("\n");
  const packed = gzipSync(rows);
  const settings = { name: "rows.jsonl.gz" };
  assert.match(
    await errorOf(packed.subarray(0, packed.length / 2), settings),
    /^rows.jsonl.gz: the gzip file ends too early/,
  );
  const broken = packed.slice();
  broken.fill(0xff, 50, 90);
  assert.match(
    await errorOf(broken, settings),
    /^rows.jsonl.gz: the gzip file is broken/,
  );
  const bomb = gzipSync(new Uint8Array(40 * 2 ** 20).fill(0x20));
  assert.match(await errorOf(bomb, settings), /unpacks to more than 200 times/);
});

Deno.test("several gzip members in one file are one text, and the cache is used again", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/rows.jsonl.gz`;
  await Deno.writeFile(
    path,
    new Uint8Array([...gzipSync('{"a":1}\n'), ...gzipSync('{"a":2}\n')]),
  );
  const source = await make("source", jsonl);
  for (let round = 0; round < 2; round++) {
    using store = await source.open({ path, cacheDir: `${folder}/cache` });
    assert.deepEqual([store.at(0).value, store.at(1).value], [{ a: 1 }, {
      a: 2,
    }]);
    assert.equal([...Deno.readDirSync(`${folder}/cache`)].length, 1);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a missing file and a folder are named", async () => {
  const source = await make("source", jsonl);
  await assert.rejects(
    () => source.open({ path: "no/such.jsonl", cacheDir: "." }),
    /no\/such.jsonl: there is no such file/,
  );
  await assert.rejects(
    () => source.open({ path: "tests", cacheDir: "." }),
    /tests: is a folder/,
  );
});

for (
  const [file, rows] of [["instruct/alpaca_999.json", 999], [
    "instruct/messages_parts_500.jsonl",
    500,
  ]] as const
) {
  const path = testData(file);
  Deno.test({
    name: `${file} is read row by row as JSON.parse reads it whole`,
    ignore: path === null,
    fn: async () => {
      if (path === null) return;
      const source = await make("source", file.endsWith("l") ? jsonl : json);
      using store = await source.open({ path, cacheDir: "unused" });
      const text = await Deno.readTextFile(path);
      const whole: unknown[] = file.endsWith("l")
        ? text.trim().split("\n").map((line) => JSON.parse(line))
        : JSON.parse(text);
      assert.equal(store.length, rows);
      assert.deepEqual(whole.map((_, i) => store.at(i).value), whole);
    },
  });
}
