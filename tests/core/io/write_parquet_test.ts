/** Lists written as Parquet, read again by our reader (which is compared with pyarrow's files elsewhere). */
import assert from "node:assert/strict";
import { randomFrom } from "../../../core/mod.ts";
import { ParquetWriter } from "../../../core/io/write_parquet.ts";
import { createPart } from "@denotune/denotune";
import { testFolder } from "../../run_harness.ts";

Deno.test("300 random rows, and more than a row group holds, come back as they were written", async () => {
  using folder = testFolder();
  const random = randomFrom(3);
  const list = (length: number, most: number) =>
    Array.from({ length }, () => random.below(2 * most) - most);
  const rows = Array.from({ length: 300 }, (_, i) => {
    const length = i === 200 ? 1_100_000 : 1 + random.below(40);
    return {
      input_ids: list(length, 2 ** 31),
      weights: list(length, 1000).map((x) => Math.fround(x / 7)),
    };
  });
  const path = folder.at("rows.parquet");
  {
    using file = Deno.openSync(path, { write: true, create: true });
    const writer = new ParquetWriter(file, [
      { name: "input_ids", type: "int32" },
      { name: "weights", type: "float" },
    ]);
    for (const { input_ids, weights } of rows) writer.add([input_ids, weights]);
    writer.close();
    assert.throws(() => writer.add([[], []]), /empty list/);
  }
  const source = await createPart("source", "parquet");
  using store = await source.open({ path, cacheDir: folder.path });
  assert.equal(store.length, 300);
  for (const [i, row] of rows.entries()) {
    assert.deepEqual(store.at(i).value, row, `row ${i}`);
  }
});
