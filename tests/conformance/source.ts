/**
 * What every source must do. Call it with your own: it registers tests.
 * @module
 */
import assert from "node:assert/strict";
import {
  isDenotuneError,
  type RawRecord,
  type RecordStore,
  type Source,
} from "@denotune/denotune/core";

/** A source and a file that it should read. */
export interface SourceCase {
  /** Makes the source. */
  readonly make: () => Source | Promise<Source>;
  /** A name that it accepts. */
  readonly fileName: string;
  /** Writes these rows as a file of its kind. At least 3 rows, any JSON. */
  readonly write: (
    rows: readonly unknown[],
  ) => Uint8Array | Promise<Uint8Array>;
}

const ROWS: readonly unknown[] = [
  { text: "first", n: 1 },
  { text: 'quotes " and \\ and ] and }', list: [1, [2, { a: null }]] },
  { text: "é 🙂 \u2028 \u0000 line\nbreak", n: -1.5e3 },
  { text: "" },
];

/** Registers the tests of a source. */
export function testSource(
  name: string,
  { make, fileName, write }: SourceCase,
): void {
  const inFolder = async (
    test: (open: (bytes: Uint8Array) => Promise<RecordStore>) => Promise<void>,
  ) => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/${fileName}`;
      await test(async (bytes) => {
        await Deno.writeFile(path, bytes);
        return (await make()).open({ path, cacheDir: `${folder}/cache` });
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };

  Deno.test(`${name}: accepts its own files`, async () => {
    assert.equal(
      (await make()).accepts({
        path: `/data/${fileName}`,
        head: (await write(ROWS)).slice(0, 512),
      }),
      true,
    );
  });

  Deno.test(`${name}: gives every row, in any order, any number of times`, () =>
    inFolder(async (open) => {
      using store = await open(await write(ROWS));
      assert.equal(store.length, ROWS.length);
      for (const index of [2, 0, 3, 1, 2]) {
        const record = store.at(index);
        assert.deepEqual(record.value, ROWS[index]);
        assert.equal(record.where.index, index);
        assert.ok(record.where.path.endsWith(fileName), record.where.path);
      }
      assert.throws(() => store.at(ROWS.length));
      assert.throws(() => store.at(-1));
    }));

  Deno.test(`${name}: a stream gives the same rows in order, is read anew each time, and may be left`, async () => {
    const source = await make();
    const { stream, parse = (row: RawRecord) => row } = source;
    if (stream === undefined) return;
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/${fileName}`;
      await Deno.writeFile(path, await write(ROWS));
      const request = { path, cacheDir: `${folder}/cache` };
      using store = await source.open(request);
      const wanted = ROWS.map((_, i) => store.at(i));
      for (let time = 0; time < 2; time++) {
        const rows: RawRecord[] = [];
        for await (const some of stream(request)) {
          // rows travel to workers before they are parsed
          rows.push(...some.map((row) => parse(structuredClone(row))));
        }
        assert.deepEqual(rows, wanted);
      }
      for await (const some of stream(request)) {
        assert.ok(some.length > 0);
        break;
      }
      const aborted = {
        ...request,
        signal: AbortSignal.abort(new Error("stop")),
      };
      await assert.rejects(async () => {
        for await (const _ of stream(aborted));
      }, /stop/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`${name}: the same content has the same fingerprint, other content another`, () =>
    inFolder(async (open) => {
      using first = await open(await write(ROWS));
      using again = await open(await write(ROWS));
      using other = await open(await write(ROWS.slice(1)));
      assert.equal(first.fingerprint, again.fingerprint);
      assert.notEqual(first.fingerprint, other.fingerprint);
    }));

  Deno.test(`${name}: an empty file is a DataError that names it`, () =>
    inFolder(async (open) => {
      await assert.rejects(() => open(new Uint8Array()), (error) => {
        assert.ok(
          isDenotuneError(error) && error.name === "DataError",
          String(error),
        );
        assert.ok(error.message.includes(fileName), error.message);
        return true;
      });
    }));

  Deno.test(`${name}: a scan can be aborted`, () =>
    inFolder(async () => {
      const path = await Deno.makeTempFile({ suffix: fileName });
      await Deno.writeFile(path, await write(ROWS));
      const source = await make();
      await assert.rejects(() =>
        source.open({
          path,
          cacheDir: ".",
          signal: AbortSignal.abort(new Error("stop")),
        }), /stop/);
      await Deno.remove(path);
    }));
}
