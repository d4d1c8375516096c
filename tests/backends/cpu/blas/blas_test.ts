/** A BLAS of the system: as many bits with one worker as with several. */
import assert from "node:assert/strict";
import {
  type Device,
  type KernelAttributes,
  randomFrom,
} from "@denotune/denotune/core";
import { findBlas } from "../../../../backends/cpu/blas/blas.ts";
import { openCpu } from "../open.ts";

const { found } = findBlas("auto", null);
const ALL = Deno.env.get("DENOTUNE_TEST_ALL") === "1";
const SHAPES = ALL ? 240 : 12;

Deno.test({
  name: "a device keeps OpenBLAS to one thread a call, with one worker too",
  ignore: found?.library !== "OpenBLAS",
  fn: async () => {
    for (const workers of [1, 2]) {
      await using device = await openCpu({ workers, blas: "required" });
      assert.match(device.info.description, /OpenBLAS/);
      const library = Deno.dlopen(found?.path ?? "", {
        openblas_get_num_threads: { parameters: [], result: "i32" },
      });
      const threads = library.symbols.openblas_get_num_threads();
      library.close();
      assert.equal(threads, 1, `with ${workers} workers`);
    }
  },
});

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
    m: size(300),
    n: size(500),
    k: size(i % 4 === 0 ? 900 : 300),
    addend: i % 2 === 0,
  }));
}

async function productOf(device: Device, s: Shape): Promise<Int32Array> {
  const { layout, batch, m, n, k, addend } = s;
  const buffers: Parameters<Device["free"]>[0][] = [];
  const view = (elements: number, key: number | null) => {
    const buffer = device.allocate(4 * elements, "operand");
    buffers.push(buffer);
    if (key !== null) {
      const random = randomFrom(key);
      const values = Float32Array.from(
        { length: elements },
        () => random.normal(),
      );
      device.write(buffer, values);
    }
    return { buffer, offset: 0, shape: [elements], dtype: "f32" as const };
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
    await device.read(out.buffer, 0, 4 * batch * m * n),
  );
  for (const buffer of buffers) device.free(buffer);
  return bits;
}

Deno.test({
  name:
    `1, 2 and 3 workers give the same bits for ${SHAPES} random products by a BLAS`,
  ignore: found === null,
  fn: async () => {
    const wanted: Int32Array[] = [];
    for (const workers of [1, 2, 3]) {
      await using device = await openCpu({ workers, blas: "required" });
      for (const [i, shape] of shapes().entries()) {
        const bits = await productOf(device, shape);
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
  },
});
