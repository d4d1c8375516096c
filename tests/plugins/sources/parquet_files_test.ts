import assert from "node:assert/strict";
import { parquet } from "../../../plugins/sources/mod.ts";
import { make } from "../../core/data/_support.ts";

interface Case {
  readonly name: string;
  /** Base64. */
  readonly file: string;
  /** As pyarrow reads them; what JSON lacks is an object with one key. */
  readonly rows: readonly unknown[];
}

const CASES: readonly Case[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/parquet.json", import.meta.url),
  ),
);

for (const { name, file, rows } of CASES) {
  Deno.test(`parquet, ${name}: the rows that pyarrow reads`, async () => {
    const path = await Deno.makeTempFile({ suffix: ".parquet" });
    try {
      await Deno.writeFile(path, Uint8Array.fromBase64(file));
      const source = await make("source", parquet);
      using store = await source.open({ path, cacheDir: "/nowhere" });
      const read = Array.from(
        { length: store.length },
        (_, i) => marked(store.at(i).value),
      );
      assert.deepEqual(read, rows);
    } finally {
      await Deno.remove(path);
    }
  });
}

/** Values as the golden file writes them. */
function marked(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    return { float: value > 0 ? "inf" : value < 0 ? "-inf" : "nan" };
  }
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, marked(item)]),
  );
}
