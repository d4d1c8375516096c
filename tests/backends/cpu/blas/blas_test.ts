/** A BLAS of the system, or machine code: the same bits with one worker as with several. */
import assert from "node:assert/strict";
import {
  type Device,
  type KernelAttributes,
  randomFrom,
} from "@denotune/denotune/core";
import { findBlas, openBlas } from "../../../../backends/cpu/blas/blas.ts";
import {
  candidates,
  type LibraryName,
} from "../../../../backends/cpu/blas/libraries.ts";
import type { CpuInput } from "../../../../backends/cpu/mod.ts";
import { NATIVE_PRODUCTS } from "../native_products.ts";
import { openCpu } from "../open.ts";

/** Libraries that this system has, each by its path. */
const libraries = candidates(Deno.build, null).flatMap(({ path }) => {
  try {
    const { found } = findBlas("required", path);
    return found === null || found.library === "machine code" ? [] : [found];
  } catch {
    return []; // not here
  }
}).filter((f, i, all) =>
  all.findIndex((other) => other.description === f.description) === i
);
const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const SHAPES = ALL ? 240 : 8;

Deno.test("oneDNN comes first where it writes code for the processor, and not elsewhere", () => {
  const first = (os: typeof Deno.build.os, arch: typeof Deno.build.arch) =>
    candidates({ os, arch }, null)[0].library;
  assert.equal(first("linux", "x86_64"), "oneDNN");
  assert.equal(first("linux", "aarch64"), "OpenBLAS");
  assert.equal(first("darwin", "x86_64"), "Accelerate");
  assert.equal(first("windows", "x86_64"), "OpenBLAS");
});

Deno.test("a library that is named is the only one that is used", () => {
  const named = ["libopenblas.so.0", "/opt/onednn/lib/libdnnl.so.3"];
  for (const path of named) {
    const [candidate, ...others] = candidates(Deno.build, path);
    assert.equal(candidate.path, path);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(
    named.map((path) => candidates(Deno.build, path)[0].library),
    ["OpenBLAS", "oneDNN"],
  );
});

/** How a library reports the threads that a call may use in this thread. */
const THREADS: Partial<Record<LibraryName, string>> = {
  OpenBLAS: "openblas_get_num_threads",
  oneDNN: "omp_get_max_threads", // of the OpenMP that it was linked with
};

for (const { path, library, description } of libraries) {
  const name = THREADS[library];
  Deno.test({
    name: `a device keeps ${library} to one thread a call`,
    ignore: name === undefined,
    fn: async () => {
      for (const workers of [1, 2]) {
        await using device = await openCpu({ workers, blas_path: path });
        assert.ok(device.info.description.endsWith(description));
        assert.ok(device.info.fingerprint.endsWith(description));
        const opened = openBlas({ path, library, description });
        const asked = Deno.dlopen(path, {
          threads: { name: name ?? "", parameters: [], result: "i32" },
        });
        const threads = asked.symbols.threads();
        asked.close();
        opened.close();
        assert.equal(threads, 1, `with ${workers} workers`);
      }
    },
  });
}

interface Shape {
  readonly layout: KernelAttributes["matmul"]["layout"];
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly addend: boolean;
}

/** Sizes around those at which a BLAS is used, and at which it chooses other kernels. */
function shapes(): Shape[] {
  const random = randomFrom(11);
  const size = (most: number) => 1 + random.below(most);
  return Array.from({ length: SHAPES }, (_, i) => ({
    layout: (["NN", "NT", "TN"] as const)[i % 3],
    batch: i % 5 === 0 ? 2 : 1,
    m: i % 8 < 2 ? 5 + random.below(12) : size(300), // few rows, as in decoding, are cut apart
    n: i % 8 < 2 ? 300 + random.below(900) : size(500),
    k: size(i % 4 === 0 ? 900 : 300),
    addend: i % 2 === 0,
  }));
}

/** The bits of a product whose operands begin `shift` numbers behind a line of the cache. */
async function productOf(
  device: Device,
  s: Shape,
  shift: number,
): Promise<Int32Array> {
  const { layout, batch, m, n, k, addend } = s;
  const buffers: Parameters<Device["free"]>[0][] = [];
  const view = (elements: number, key: number | null) => {
    const buffer = device.allocate(4 * (elements + shift), "operand");
    buffers.push(buffer);
    if (key !== null) {
      const random = randomFrom(key);
      const values = Float32Array.from(
        { length: elements },
        () => random.normal(),
      );
      device.write(buffer, values, 4 * shift);
    }
    return { buffer, offset: shift, shape: [elements], dtype: "f32" as const };
  };
  const out = view(batch * m * n, null);
  const inputs = [view(batch * m * k, 1), view(batch * n * k, 2)];
  if (addend) inputs.push(view(batch * m * n, 3));
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        label: "product",
        attributes: {
          layout,
          batch,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend,
        },
        inputs,
        outputs: [out],
      }],
    }],
  });
  device.run(program, {});
  const bits = new Int32Array(
    await device.read(out.buffer, 4 * shift, 4 * batch * m * n),
  );
  for (const buffer of buffers) device.free(buffer);
  return bits;
}

/** All that multiplies here besides WebAssembly, and how a device is told to use it. */
const multipliers: readonly (readonly [string, CpuInput])[] = [
  ...libraries.map(({ path, library }) =>
    [library, { blas_path: path }] as const
  ),
  ...(NATIVE_PRODUCTS.includes("machine_code")
    ? [["machine code", { blas: "machine_code" }] as const]
    : []),
];

for (const [library, options] of multipliers) {
  Deno.test(`1, 2 and 3 workers give the same bits for ${SHAPES} random products by ${library}, wherever operands are`, async () => {
    const wanted: Int32Array[] = [];
    for (const workers of [1, 2, 3]) {
      await using device = await openCpu({ workers, ...options });
      for (const [i, shape] of shapes().entries()) {
        const bits = await productOf(device, shape, workers === 2 ? 5 : 0);
        if (workers === 1) wanted.push(bits);
        else {
          const different = bits.filter((b, j) => b !== wanted[i][j]).length;
          assert.equal(
            different,
            0,
            `${JSON.stringify(shape)} with ${workers} workers`,
          );
        }
      }
    }
  });
}
