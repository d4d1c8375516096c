import assert from "node:assert/strict";
import type { RecordStore } from "@denotune/denotune/core";
import { parquet } from "../../../plugins/sources/mod.ts";
import { checkRuns } from "../../../plugins/sources/parquet/runs.ts";
import { make } from "../../core/data/_support.ts";
import { testData } from "../../test_data.ts";
import {
  bombFile,
  emptyFile,
  PARQUET_ROWS,
  snappyFile,
  zstdFile,
} from "./_parquet_files.ts";

async function withStore(
  content: Uint8Array,
  test: (store: RecordStore) => void,
  options: Record<string, unknown> = {},
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  try {
    await Deno.writeFile(path, content);
    const source = await make("source", parquet, options);
    using store = await source.open({ path, cacheDir: "/nowhere" });
    test(store);
  } finally {
    await Deno.remove(path);
  }
}

const all = (store: RecordStore) =>
  Array.from({ length: store.length }, (_, i) => store.at(i).value);

const DIALOGUES = testData("parquet/dialogues_525.parquet");

Deno.test("parquet is known by its name, or by its first bytes", async () => {
  const source = await make("source", parquet);
  const head = snappyFile().slice(0, 16);
  assert.ok(source.accepts({ path: "/a/b.parquet", head: new Uint8Array() }));
  assert.ok(source.accepts({ path: "/a/0123abcd", head }));
  assert.ok(!source.accepts({ path: "/a/b.json", head }));
});

Deno.test("rows of parquet have lists, structs and nulls as they were written", async () => {
  for (const file of [snappyFile(), zstdFile()]) {
    await withStore(
      file,
      (store) => assert.deepEqual(all(store), PARQUET_ROWS),
    );
  }
});

Deno.test("a stream of parquet gives its rows in order, one row group after the other", async () => {
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  try {
    await Deno.writeFile(path, zstdFile());
    const { stream, parse } = await make("source", parquet, {});
    assert.ok(stream !== undefined && parse === undefined);
    const request = { path, cacheDir: "/nowhere" };
    const rows = [];
    for await (const some of stream(request)) rows.push(...some);
    assert.deepEqual(rows.map(({ value }) => value), PARQUET_ROWS);
    assert.deepEqual(rows.map(({ where }) => where.index), [0, 1, 2, 3, 4]);
    for await (const _ of stream(request)) break; // and may be left
    const stopped = {
      ...request,
      signal: AbortSignal.abort(new Error("stop")),
    };
    await assert.rejects(async () => {
      for await (const _ of stream(stopped));
    }, /stop/);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("rows come in any order, whatever is kept decoded", async () => {
  await withStore(zstdFile(), (store) => {
    for (const i of [4, 0, 3, 0, 2, 4, 1]) {
      const { value, where } = store.at(i);
      assert.deepEqual(value, PARQUET_ROWS[i]);
      assert.equal(where.index, i);
    }
    assert.throws(() => store.at(5), RangeError);
    assert.throws(() => store.at(-1), RangeError);
  }, { cache_mb: 1e-6 });
});

Deno.test("only the columns that are wanted are read", async () => {
  await withStore(zstdFile(), (store) => {
    assert.deepEqual(store.at(3).value, {
      text: "first",
      meta: { score: -1.5, tags: [] },
    });
  }, { columns: ["meta", "text"] });
  await assert.rejects(
    withStore(zstdFile(), () => {}, { columns: ["answer"] }),
    {
      name: "DataError",
      message: /has no column answer; it has id, text, messages, meta, at/,
    },
  );
});

Deno.test("the same bytes have the same fingerprint, other columns another", async () => {
  const prints: string[] = [];
  const note = (store: RecordStore) => void prints.push(store.fingerprint);
  await withStore(zstdFile(), note);
  await withStore(zstdFile(), note);
  await withStore(snappyFile(), note);
  await withStore(zstdFile(), note, { columns: ["id"] });
  assert.equal(prints[0], prints[1]);
  assert.equal(new Set(prints).size, 3);
});

Deno.test("a file that was cut anywhere is a DataError that names it", async () => {
  const whole = snappyFile();
  for (const length of [0, 1, 4, 11, 100, whole.length - 9, whole.length - 1]) {
    await assert.rejects(
      withStore(whole.subarray(0, length), () => {}),
      {
        name: "DataError",
        message:
          /\.parquet: (the file is empty|is no Parquet|the Parquet file ends too early)/,
      },
      `${length}`,
    );
  }
});

Deno.test("damaged bytes are told as such, or do no harm", async () => {
  for (const file of [snappyFile(), zstdFile()]) {
    for (let at = 0; at < file.length; at += 11) {
      const damaged = file.slice();
      damaged[at] ^= 0xff;
      try {
        await withStore(damaged, (store) => void all(store));
      } catch (error) {
        assert.ok(
          error instanceof Error && error.name === "DataError",
          `${at}: ${error}`,
        );
        assert.match(error.message, /\.parquet: /);
      }
    }
  }
});

Deno.test("bombs are refused before they go off", async () => {
  await assert.rejects(
    withStore(bombFile(), () => {}),
    {
      name: "DataError",
      message:
        /column text unpacks to more than 1000 times its \d+ bytes; if it is meant to, raise max_expansion/,
    },
  );
  await assert.rejects(
    withStore(bombFile(), () => {}, { max_expansion: 1e6, max_group_mb: 10 }),
    {
      name: "DataError",
      message: /row group 0 unpacks to 20 MB; .* or raise max_group_mb/,
    },
  );
  await withStore(bombFile(), (store) => {
    assert.deepEqual(store.at(0).value, { text: "a".repeat(20_000_000) });
  }, { max_expansion: 1e6 });
});

Deno.test("a file without rows is not called broken", async () => {
  await assert.rejects(withStore(emptyFile(), () => {}), {
    name: "DataError",
    message: /there are no rows in it; leave the file out/,
  });
});

Deno.test("runs that claim more numbers than a page has are refused", () => {
  const check = (bytes: number[], count: number, width = 1) =>
    checkRuns(new Uint8Array(bytes), {
      at: 0,
      end: bytes.length,
      width,
      count,
    });
  check([20, 1], 10); // ten times one
  check([3, 0xff], 5); // a packed group of eight, three to spare
  check([4, 1, 4, 0, 3, 7], 12);
  assert.throws(() => check([22, 1], 10), /claims 11 numbers where it has 10/);
  assert.throws(
    () => check([0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 10),
    /claims \d{10} numbers/,
  );
  assert.throws(() => check([0xff, 0xff, 0xff, 0xff, 0x0f], 10), /claims/);
  assert.throws(() => check([0x80], 10), /ends within its runs/);
  assert.throws(
    () => check([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], 10),
    /run without end/,
  );
});

Deno.test({
  name: "the dialogues in parquet equal their JSON Lines, row for row",
  ignore: DIALOGUES === null,
  fn: async () => {
    if (DIALOGUES === null) return;
    const lines =
      (await Deno.readTextFile(DIALOGUES.replace(/parquet$/, "jsonl"))).trim()
        .split("\n");
    const source = await make("source", parquet);
    using store = await source.open({ path: DIALOGUES, cacheDir: "/nowhere" });
    assert.equal(store.length, lines.length);
    for (const [i, line] of lines.entries()) {
      assert.deepEqual(store.at(i).value, JSON.parse(line));
    }
  },
});
