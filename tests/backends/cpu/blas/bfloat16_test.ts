/** Products of bf16 factors by a library: right, and the same bits whatever the number of workers. */
import assert from "node:assert/strict";
import { printedBy } from "../own_process.ts";
import { localDevice } from "../../../../core/device/local_device.ts";
import {
  type Device,
  f32ToBf16,
  type KernelAttributes,
  type OpenOptions,
  randomFrom,
} from "@denotune/denotune/core";
import { findBfloat16 } from "../../../../backends/cpu/blas/bfloat16.ts";
import { ReferenceExecutor } from "../../../../backends/reference/mod.ts";
import { checkCase } from "../../../conformance/backend/case.ts";
import { matmulCases } from "../../../conformance/backend/matmul.ts";
import { cpuBackend } from "../open.ts";

const { found } = findBfloat16(null);
const ignore = found === null;
const SHAPES = Deno.env.get("DENOTUNE_TEST_ALL") === "1" ? 240 : 12;

async function open(workers: number, options: OpenOptions): Promise<Device> {
  return await (await cpuBackend({ workers })).open(options);
}

Deno.test({
  name: "products of bf16 factors agree with the reference",
  ignore,
  async fn(t) {
    await using tested = await open(2, { precision: "bfloat16" });
    await using witness = localDevice(new ReferenceExecutor());
    for (const test of matmulCases.filter((c) => c.needs === "bfloat16")) {
      await t.step(test.title, () => checkCase(test, tested, witness));
    }
  },
});

interface Shape {
  readonly layout: KernelAttributes["matmul"]["layout"];
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function shapes(): Shape[] {
  const random = randomFrom(18);
  const size = (most: number) => 1 + random.below(most);
  return Array.from({ length: SHAPES }, (_, i) => ({
    layout: (["NN", "NT", "TN"] as const)[i % 3],
    m: size(300),
    n: size(500),
    k: size(i % 4 === 0 ? 900 : 300),
  }));
}

async function productOf(device: Device, s: Shape): Promise<Int32Array> {
  const { layout, m, n, k } = s;
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
      device.write(buffer, f32ToBf16(values));
    }
    const dtype = key === null ? "f32" as const : "bf16" as const;
    return { buffer, offset: 0, shape: [elements], dtype };
  };
  const out = view(m * n, null);
  const program = await device.compile({
    name: "product",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "matmul",
        label: "product",
        attributes: {
          layout,
          batch: 1,
          m,
          n,
          k,
          alpha: 1,
          bias: false,
          addend: false,
          factors: "bf16",
        },
        inputs: [view(m * k, 1), view(n * k, 2)],
        outputs: [out],
      }],
    }],
  });
  device.run(program, {});
  const bits = new Int32Array(await device.read(out.buffer, 0, 4 * m * n));
  for (const buffer of buffers) device.free(buffer);
  return bits;
}

Deno.test({
  name:
    `1, 2 and 3 workers give the same bits for ${SHAPES} random products of bf16 factors`,
  ignore,
  fn: async () => {
    const wanted: Int32Array[] = [];
    for (const workers of [1, 2, 3]) {
      await using device = await open(workers, { precision: "bfloat16" });
      for (const [i, shape] of shapes().entries()) {
        const bits = await productOf(device, shape);
        if (workers === 1) wanted.push(bits);
        else {
          assert.ok(
            bits.every((b, j) => b === wanted[i][j]),
            `${JSON.stringify(shape)} with ${workers} workers`,
          );
        }
      }
    }
  },
});

Deno.test({
  name: "a device that was opened for float32 has no products of bf16 factors",
  ignore,
  fn: async () => {
    await using device = await open(1, {});
    assert.equal(device.info.precisions, undefined);
    assert.doesNotMatch(device.info.description, /bfloat16/);
    await assert.rejects(
      productOf(device, { layout: "NN", m: 4, n: 4, k: 4 }),
      /This cpu device multiplies in float32/,
    );
  },
});

Deno.test({
  name: "a device opened for float32 without a BLAS does not load oneDNN",
  ignore: ignore || Deno.build.os !== "linux",
  fn: async () => {
    // in a process of its own: a library stays in the list of a process that has had it
    const script = `
      const { openCpu } = await import(${
      JSON.stringify(new URL("../open.ts", import.meta.url).href)
    });
      await using device = await openCpu({ workers: 2, blas: "off" });
      console.log(Deno.readTextFileSync("/proc/self/maps").includes("dnnl"));
    `;
    assert.equal(await printedBy(script), "false");
  },
});

Deno.test("a path that is no library for bfloat16 is refused, with what to install", async () => {
  const search = findBfloat16("no-such-library.so");
  assert.equal(search.found, null);
  assert.match(search.reason ?? "", /no-such-library\.so/);
  assert.match(search.reason ?? "", /install oneDNN/);
  const backend = await cpuBackend({ bfloat16_path: "no-such-library.so" });
  assert.ok((await backend.available({ explicit: true })).ok);
  const asked = await backend.available({
    explicit: true,
    precision: "bfloat16",
  });
  assert.ok(!asked.ok && /install oneDNN/.test(asked.reason));
});
