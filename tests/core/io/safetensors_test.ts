import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError, DeviceError } from "../../../core/contracts/errors.ts";
import { SafetensorsFile } from "../../../core/io/read_safetensors.ts";
import {
  tensorOf,
  writeSafetensors,
  writeShards,
} from "../../../core/io/write_safetensors.ts";

async function inFolder(body: (folder: string) => Promise<void> | void) {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const VALUES = Float32Array.of(0, -0, 1, -1.5, 1e-8, 3.14159, 65504, 2 ** -24);

for (const dtype of ["F32", "BF16", "F16"] as const) {
  Deno.test(`${dtype} is written and read again`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "x.safetensors");
      await writeSafetensors(path, [
        tensorOf("a.weight", [2, 4], VALUES),
        tensorOf("empty", [0, 3], new Float32Array(0)),
        tensorOf("one", [], Float32Array.of(7)),
      ], { dtype });
      using file = new SafetensorsFile(path);
      assert.deepEqual({ ...file.metadata }, { format: "pt" });
      assert.deepEqual([...file.tensors.keys()].sort(), [
        "a.weight",
        "empty",
        "one",
      ]);
      const a = file.tensors.get("a.weight");
      assert.ok(a);
      assert.deepEqual(a.shape, [2, 4]);
      assert.equal(a.dtype, dtype);
      const values = a.read();
      if (dtype === "F32") assert.deepEqual(values, VALUES);
      else {
        values.forEach((v, i) => {
          const wanted = VALUES[i];
          const bits = dtype === "F16" ? 2 ** -11 : 2 ** -8;
          assert.ok(
            Math.abs(v - wanted) <= Math.max(bits * Math.abs(wanted), 2 ** -25),
          );
        });
        const half = dtype === "F16" ? "f16" : "bf16";
        const bits = a.readHalf(half);
        assert.deepEqual(
          new Uint8Array(bits.buffer),
          a.readBytes(),
          "its own bits, unchanged",
        );
      }
      assert.deepEqual(a.read({ start: 3, count: 2 }), values.slice(3, 5));
      assert.equal(file.tensors.get("empty")?.read().length, 0);
      assert.deepEqual([...file.tensors.get("one")?.read() ?? []], [7]);
      assert.throws(() => a.read({ start: 7, count: 2 }), RangeError);
    }));
}

Deno.test("data start at a multiple of 8 bytes, behind a header padded with blanks", () =>
  inFolder(async (folder) => {
    for (const name of ["a", "ab", "abc", "ä"]) {
      const path = join(folder, "x.safetensors");
      await writeSafetensors(path, [tensorOf(name, [1], Float32Array.of(1))], {
        dtype: "F32",
      });
      const bytes = await Deno.readFile(path);
      const length = new DataView(bytes.buffer).getBigUint64(0, true);
      assert.equal(length % 8n, 0n);
      assert.equal(bytes.length, 8 + Number(length) + 4);
    }
  }));

Deno.test("tensors pass by in chunks: no reader or writer asks for more than 16 MiB", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    const n = 5_000_001;
    let largest = 0;
    await writeSafetensors(path, [{
      name: "x",
      shape: [n],
      read: (start, count) => {
        largest = Math.max(largest, count);
        return Float32Array.from(
          { length: count },
          (_, i) => (start + i) % 251,
        );
      },
    }], { dtype: "BF16" });
    assert.ok(largest <= 1 << 22);
    using file = new SafetensorsFile(path);
    const x = file.tensors.get("x")?.read() ?? new Float32Array(0);
    assert.equal(x.length, n);
    assert.ok(x.every((v, i) => v === i % 251));
  }));

for (const dtype of ["F32", "BF16"] as const) {
  Deno.test(`the memory of arrays that the writer of ${dtype} may use up is given back at once, that of others is left`, () =>
    inFolder(async (folder) => {
      const given: Float32Array[] = [];
      const kept = Float32Array.of(5, 6);
      const path = join(folder, "x.safetensors");
      await writeSafetensors(path, [{
        name: "given",
        shape: [2],
        isGiven: true,
        read: (start, count) => {
          given.push(new Float32Array(count).fill(start + 3));
          return given[given.length - 1];
        },
      }, tensorOf("kept", [2], kept)], { dtype });
      assert.deepEqual(given.map((a) => a.buffer.byteLength), [0]);
      assert.deepEqual([...kept], [5, 6]);
      using file = new SafetensorsFile(path);
      assert.deepEqual([...file.tensors.get("given")?.read() ?? []], [3, 3]);
      assert.deepEqual([...file.tensors.get("kept")?.read() ?? []], [5, 6]);
    }));
}

Deno.test("what is given is asked for ahead, up to the size of a piece; the rest one by one, in order", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    const most = 1 << 20;
    const asked: string[] = [];
    const together = new Map<string, number>();
    let waiting = 0;
    const later = (name: string, size: number, isGiven: boolean) => ({
      name,
      shape: [size],
      isGiven,
      read: async (start: number, count: number) => {
        waiting++;
        asked.push(name);
        const seen = Math.max(waiting, together.get(name) ?? 0);
        together.set(name, seen);
        await new Promise((resolve) => setTimeout(resolve));
        waiting--;
        return new Float32Array(count).fill(asked.indexOf(name) + start % 7);
      },
    });
    const sizes = { a: 5, b: 6, c: most, d: 7, e: 8, f: 3 * most + 1, g: 9 };
    for (const isGiven of [true, false]) {
      asked.length = 0;
      together.clear();
      await writeSafetensors(
        path,
        Object.entries(sizes).map(([name, size]) => later(name, size, isGiven)),
        { dtype: "F32" },
      );
      assert.deepEqual([...new Set(asked)], Object.keys(sizes));
      assert.equal(asked.length, 10);
      using file = new SafetensorsFile(path);
      for (const [name, size] of Object.entries(sizes)) {
        const values = file.tensors.get(name)?.read();
        assert.equal(values?.length, size);
        assert.equal(values?.[0], asked.indexOf(name));
      }
      assert.deepEqual(
        [...together.values()],
        isGiven ? [1, 2, 1, 1, 2, 1, 2] : [1, 1, 1, 1, 1, 1, 1],
      );
    }
    await assert.rejects(
      writeSafetensors(path, [
        later("a", 5, true),
        {
          ...later("b", 5, true),
          read: () => Promise.reject(new DeviceError("b is lost")),
        },
        {
          ...later("c", 5, true),
          read: () => Promise.reject(new DeviceError("c is lost")),
        },
      ], { dtype: "F32" }),
      /b is lost/,
    );
  }));

Deno.test("a number that the type cannot hold is refused by name", () =>
  inFolder(async (folder) => {
    const tensors = [tensorOf("big.weight", [2], Float32Array.of(1, 65520))];
    await assert.rejects(
      writeSafetensors(join(folder, "x"), tensors, { dtype: "F16" }),
      (error) =>
        error instanceof DataError &&
        /big\.weight as F16: it holds 65520.*bfloat16/.test(error.message),
    );
    const infinite = [tensorOf("x", [1], Float32Array.of(Infinity))];
    await writeSafetensors(join(folder, "y"), infinite, { dtype: "F16" });
  }));

Deno.test("shards are cut by size, with an index of every tensor", () =>
  inFolder(async (folder) => {
    const tensors = [10, 10, 50, 5, 5].map((n, i) =>
      tensorOf(`t${i}`, [n], new Float32Array(n).fill(i))
    );
    const files = await writeShards(folder, tensors, {
      dtype: "F32",
      maxShardBytes: 100,
    });
    assert.deepEqual(files, [
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
      "model.safetensors.index.json",
    ]);
    const index = JSON.parse(await Deno.readTextFile(join(folder, files[3])));
    assert.deepEqual(index.metadata, { total_parameters: 80, total_size: 320 });
    assert.deepEqual(
      Object.values(index.weight_map),
      [files[0], files[0], files[1], files[2], files[2]],
    );
  }));

Deno.test({
  name: "a full disk is a DeviceError that says what to change",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const tensors = [tensorOf("x", [1], Float32Array.of(1))];
    await assert.rejects(
      writeSafetensors("/dev/full", tensors, { dtype: "F32" }),
      (error) =>
        error instanceof DeviceError &&
        /disk is full; free space or set another `output_dir`/.test(
          error.message,
        ),
    );
  },
});

/** A file with that header and that many bytes of data. */
function fileOf(header: unknown, data: number, length?: bigint): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(
    0,
    length ?? BigInt(json.length),
    true,
  );
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

const HOSTILE: readonly [what: string, bytes: Uint8Array, message: RegExp][] = [
  ["an empty file", new Uint8Array(0), /it has 0 bytes/],
  ["seven bytes", new Uint8Array(7), /it has 7 bytes/],
  ["a header of length zero", new Uint8Array(16), /its header has 0 bytes/],
  [
    "a header longer than the file",
    fileOf({}, 0, 1000n),
    /header should have 1000 bytes, but the file has 10/,
  ],
  [
    "a header of 2^64 - 1 bytes",
    fileOf({}, 0, 2n ** 64n - 1n),
    /header should have 18446744073709551615 bytes/,
  ],
  [
    "a pointer of Git LFS",
    new TextEncoder().encode("version https://git-lfs.github.com/spec/v1"),
    /git lfs pull/,
  ],
  [
    "a file of PyTorch",
    new TextEncoder().encode("PK\u0003\u0004aaaaaaaaaaaa"),
    /zip or PyTorch/,
  ],
  [
    "no UTF-8",
    (() => {
      const b = fileOf("{    }", 0);
      b[9] = 0xff;
      return b;
    })(),
    /no UTF-8/,
  ],
  [
    "broken JSON",
    fileOf('{"a":}', 0),
    /\(header\):1:6: broken JSON: unexpected "}"/,
  ],
  ["a list", fileOf("[]", 0), /starts with "\["/],
  [
    "a tensor that is a number",
    fileOf({ a: 3 }, 0),
    /tensor a is described by 3/,
  ],
  [
    "an unknown type",
    fileOf({ a: { dtype: "F31", shape: [1], data_offsets: [0, 4] } }, 4),
    /tensor a has dtype "F31"; known: F64, F32/,
  ],
  [
    "a type named like a method",
    fileOf({ a: { dtype: "toString", shape: [1], data_offsets: [0, 4] } }, 4),
    /dtype "toString"/,
  ],
  [
    "no type",
    fileOf({ a: { shape: [1], data_offsets: [0, 4] } }, 4),
    /dtype undefined/,
  ],
  ["a negative size", fileOf({ a: f32([-1], 0, 4) }, 4), /shape \[-1\]/],
  ["half a size", fileOf({ a: f32([0.5], 0, 2) }, 2), /shape \[0\.5\]/],
  [
    "an enormous shape",
    fileOf({ a: f32([2 ** 52, 2 ** 52, 2 ** 52], 0, 4) }, 4),
    /takes .* bytes, but its data_offsets \[0,4\] hold 4/,
  ],
  ["a shape that is text", fileOf({ a: f32("1", 0, 4) }, 4), /shape "1"/],
  [
    "a shape of other bytes",
    fileOf({ a: f32([2], 0, 4) }, 4),
    /F32 of shape \[2\], takes 8 bytes, but its data_offsets \[0,4\] hold 4/,
  ],
  [
    "an end before its start",
    fileOf({ a: f32([1], 4, 0) }, 4),
    /data_offsets \[4,0\]/,
  ],
  [
    "three offsets",
    fileOf({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4, 8] } }, 4),
    /data_offsets \[0,4,8\]/,
  ],
  [
    "a tensor beyond the file",
    fileOf({ a: f32([1], 0, 4), b: f32([2], 4, 12) }, 6),
    /tensor b should lie at bytes 4\.\.12 of the data, but the file holds 6/,
  ],
  [
    "overlapping tensors",
    fileOf({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
    /tensor b at bytes 4\.\.12 overlaps tensor a, which ends at 8/,
  ],
  [
    "a hole",
    fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
    /between tensor a and tensor b lie 4 bytes/,
  ],
  [
    "a hole at the start",
    fileOf({ a: f32([1], 4, 8) }, 8),
    /between the header and tensor a lie 4 bytes/,
  ],
  [
    "bytes behind the last tensor",
    fileOf({ a: f32([1], 0, 4) }, 9),
    /behind tensor a lie 5 bytes/,
  ],
  [
    "metadata that are no text",
    fileOf({ __metadata__: { a: 1 } }, 0),
    /__metadata__\.a is no string/,
  ],
];

for (const [what, bytes, message] of HOSTILE) {
  Deno.test(`a safetensors file is refused for ${what}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "bad.safetensors");
      await Deno.writeFile(path, bytes);
      assert.throws(
        () => new SafetensorsFile(path),
        (error) =>
          error instanceof DataError && error.message.includes(path) &&
          message.test(error.message),
      );
    }));
}

Deno.test("types that are no weight's can be listed, but not read as numbers", () =>
  inFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    const header = {
      ids: { dtype: "I64", shape: [1], data_offsets: [0, 8] },
      mask: { dtype: "BOOL", shape: [3], data_offsets: [8, 11] },
    };
    await Deno.writeFile(path, fileOf(header, 11));
    using file = new SafetensorsFile(path);
    assert.throws(
      () => file.tensors.get("ids")?.read(),
      /tensor ids is stored as I64; weights can be read from F32, F16 and BF16 only/,
    );
    assert.equal(file.tensors.get("mask")?.readBytes().length, 3);
  }));

Deno.test("a missing file, and a folder, are named", () =>
  inFolder((folder) => {
    assert.throws(() => new SafetensorsFile(join(folder, "no")), DataError);
    assert.throws(() => new SafetensorsFile(folder), DataError);
  }));
