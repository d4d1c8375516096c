import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readRanges } from "../../../../core/io/weights/read_ranges.ts";
import { randomFrom } from "../../../../core/random.ts";
import { testFolder } from "../../../run_harness.ts";

Deno.test("ranges of several files are read, larger ones in pieces", async () => {
  using folder = testFolder();
  const random = randomFrom(2);
  const files = [20_000_000, 100, 3_000_000].map((size, i) => {
    const bytes = new Uint8Array(size);
    for (let k = 0; k < size; k += 97) bytes[k] = random.below(256);
    const path = folder.at(`${i}`);
    Deno.writeFileSync(path, bytes);
    return { path, bytes };
  });
  const whole = files.map(({ path, bytes }) => ({
    path,
    offset: 0,
    into: new Uint8Array(bytes.length),
  }));
  const parts = Array.from({ length: 100 }, () => {
    const { path, bytes } = files[random.below(files.length)];
    const offset = random.below(bytes.length);
    const count = random.below(Math.min(100_000, bytes.length - offset));
    const memory = new SharedArrayBuffer(count + 8);
    return { path, offset, into: new Uint8Array(memory, 8, count), bytes };
  });
  await readRanges([...whole, ...parts]);
  for (const [i, { into }] of whole.entries()) {
    assert.equal(Buffer.compare(into, files[i].bytes), 0);
  }
  for (const { into, offset, bytes } of parts) {
    assert.equal(
      Buffer.compare(into, bytes.subarray(offset, offset + into.length)),
      0,
    );
  }
});

Deno.test("numbers of 16 bits are widened to float32 in the memory that they are read into, every one of them", async () => {
  using folder = testFolder();
  const random = randomFrom(16);
  // every pattern of 16 bits, and more than is read at a time
  const bits = Uint16Array.from(
    { length: 5_000_001 },
    (_, i) => i < 1 << 16 ? i : random.below(1 << 16),
  );
  const path = folder.at("numbers");
  Deno.writeFileSync(path, new Uint8Array(bits.buffer));
  const plain = {
    BF16: (i: number) => {
      const word = new DataView(new ArrayBuffer(4));
      word.setUint16(0, bits[i]);
      return word.getFloat32(0);
    },
    F16: (i: number) => new Float16Array(bits.buffer, 2 * i, 1)[0],
  };
  for (const widens of ["BF16", "F16"] as const) {
    const ranges = [[0, bits.length], [1, 1], [7, 2], [9, 0], [65_530, 12_345]]
      .map(([start, count]) => ({
        start,
        memory: new Float32Array(new SharedArrayBuffer(4 * count + 4), 4),
      }));
    await readRanges(ranges.map(({ start, memory }) => ({
      path,
      offset: 2 * start,
      into: new Uint8Array(memory.buffer, 4, memory.byteLength),
      widens,
    })));
    for (const { start, memory } of ranges) {
      const other = memory.findIndex((x, i) =>
        !Object.is(x, plain[widens](start + i))
      );
      assert.equal(other, -1);
    }
  }
});

Deno.test("a file that ends before its range is named, and reading is stopped by a signal", async () => {
  using folder = testFolder();
  const path = folder.at("short");
  Deno.writeFileSync(path, new Uint8Array(50));
  await assert.rejects(
    readRanges([{ path, offset: 10, into: new Uint8Array(41) }]),
    { name: "DataError", message: /short became shorter.*before byte 51/ },
  );
  await assert.rejects(
    readRanges(
      [{ path, offset: 10, into: new Uint8Array(4) }],
      AbortSignal.abort(new Error("stopped")),
    ),
    { message: "stopped" },
  );
  await readRanges([]);
});
