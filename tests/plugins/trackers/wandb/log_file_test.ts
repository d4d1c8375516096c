import assert from "node:assert/strict";
import {
  LogFile,
  readLog,
} from "../../../../plugins/trackers/wandb/log_file.ts";

/** Bytes of a record that say which it is. */
function record(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255);
}

Deno.test("records of any length come back, across the borders of blocks and after a cut", () => {
  const path = Deno.makeTempFileSync();
  try {
    const lengths = [
      0,
      1,
      100,
      32754,
      32755,
      32756,
      32757,
      32761,
      32768,
      5,
      70_000,
      32760,
      3,
      200_000,
      12,
    ];
    const all = lengths.map(record);
    {
      using file = Deno.openSync(path, { write: true, truncate: true });
      const log = new LogFile(file, 0);
      for (const bytes of all) log.append(bytes);
    }
    const file = Deno.readFileSync(path);
    const read = [...readLog(file)];
    assert.deepEqual(read.map(({ bytes }) => bytes), all);
    assert.equal(read.at(-1)?.end, file.length);
    for (const kept of [0, 1, 4, 7, 10, 13]) {
      const { end } = read[kept];
      for (const cut of [end, end + 1, end + 9]) {
        const found = [...readLog(file.subarray(0, cut))].length;
        assert.ok(
          found === kept + 1 || found === kept + 2 && lengths[kept + 1] <= 2,
        );
      }
      using again = Deno.openSync(path, { read: true, write: true });
      again.truncateSync(end);
      again.seekSync(end, Deno.SeekMode.Start);
      const log = new LogFile(again, end);
      for (const bytes of all.slice(kept + 1)) log.append(bytes);
      assert.deepEqual(
        Deno.readFileSync(path),
        file,
        "as if it had never been cut",
      );
    }
    const broken = file.slice();
    broken[read[3].end - 1] ^= 1;
    assert.equal([...readLog(broken)].length, 3, "a wrong checksum ends it");
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("what is no such file has no records", () => {
  for (const text of ["", ":W&B", "something else"]) {
    assert.deepEqual([...readLog(new TextEncoder().encode(text))], []);
  }
});
