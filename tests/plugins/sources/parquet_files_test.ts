import assert from "node:assert/strict";
import { parquet } from "../../../plugins/sources/mod.ts";
import { make } from "../../core/data/_support.ts";
import { mutateBytes, Random } from "../../fuzz/_mutate.ts";

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

/** Every file with bits flipped, or stretches changed: most of that hits the footer, which is half of a small file. */
Deno.test("parquet: mutants are read, or are a DataError with a reason", async () => {
  const source = await make("source", parquet);
  const path = await Deno.makeTempFile({ suffix: ".parquet" });
  const each = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 40 : 4;
  try {
    for (const [k, { name, file }] of CASES.entries()) {
      for (let seed = 0; seed < each; seed++) {
        const random = new Random(1000 * k + seed);
        const bytes = Uint8Array.fromBase64(file);
        if (seed % 4 !== 3) {
          bytes[random.below(bytes.length)] ^= 1 << random.below(8);
        }
        await Deno.writeFile(
          path,
          seed % 4 === 3 ? mutateBytes(bytes, random) : bytes,
        );
        try {
          using store = await source.open({ path, cacheDir: "/nowhere" });
          for (let i = 0; i < store.length; i++) store.at(i);
        } catch (error) {
          const about = `${name}, seed ${seed}: ${error}`;
          assert.ok(error instanceof Error, about);
          assert.equal(error.name, "DataError", about);
          assert.doesNotMatch(
            error.message,
            /Cannot (read|set) propert|is not (iterable|a function)|Invalid typed array/,
            about,
          );
        }
      }
    }
  } finally {
    await Deno.remove(path);
  }
});

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
