import assert from "node:assert/strict";
import {
  constant,
  input,
  type KernelCall,
  type Plan,
  type View,
  write,
} from "@denotune/denotune/core";
import type { CpuSettings } from "../../../backends/cpu/mod.ts";
import { B, mixedPlan, T, Tensors } from "./_mixed_plan.ts";
import { NATIVE_PRODUCTS } from "./native_products.ts";
import { cpuBackend, openCpu } from "./open.ts";

const RESULTS = ["out", "lse", "dQ", "dK", "dV", "dW", "dBias", "norm"];

async function bitsWith(
  workers: number,
  blas: CpuSettings["blas"],
  profile = false,
): Promise<Map<string, Int32Array>> {
  await using device = await openCpu({ workers, blas, profile });
  const tensors = new Tensors(device);
  const program = await device.compile(mixedPlan(tensors));
  device.run(program, { B, T });
  device.run(program, { B: B - 1, T: T - 13 }); // adds to dW with other extents
  const bits = new Map<string, Int32Array>();
  for (const name of RESULTS) bits.set(name, await tensors.read(name));
  return bits;
}

for (const blas of ["off", ...NATIVE_PRODUCTS] as const) {
  Deno.test(`1, 2, 3 and 5 workers give the same bits, blas ${blas}`, async () => {
    const expected = await bitsWith(1, blas);
    for (const workers of [2, 3, 5]) {
      for (const [name, bits] of await bitsWith(workers, blas)) {
        assert.deepEqual(
          bits,
          expected.get(name),
          `${name} with ${workers} workers`,
        );
      }
    }
    assert(
      new Float32Array(expected.get("dW")!.buffer).every((x) =>
        Number.isFinite(x) && x !== 0
      ),
    );
  });
}

Deno.test("profiling changes no bits and gives times by label", async () => {
  const expected = await bitsWith(2, "off");
  for (const [name, bits] of await bitsWith(2, "off", true)) {
    assert.deepEqual(bits, expected.get(name), name);
  }
  await using device = await openCpu({
    workers: 2,
    blas: "off",
    profile: true,
  });
  const program = await device.compile(mixedPlan(new Tensors(device)));
  for (let i = 0; i < 3; i++) device.run(program, { B, T });
  const times = await device.profile?.() ?? [];
  const attention = times.find((time) => time.label === "attention backward");
  assert.equal(attention?.calls, 9); // three steps
  assert(times.every((time) => time.seconds >= 0));
  assert.deepEqual(await device.profile?.(), []);
});

Deno.test("an index out of range names kernel and label, and the device goes on", async () => {
  await using device = await openCpu({ workers: 3, blas: "off" });
  const t = new Tensors(device);
  const table = t.of("table", [10, 4], new Float32Array(40).fill(1));
  const index = t.of("index", [5], Int32Array.of(0, 9, 10, 1, 2));
  const out = t.of("gathered", [5, 4]);
  const double: KernelCall = {
    kernel: "rows",
    label: "double",
    attributes: {
      rows: 5,
      columns: 4,
      program: {
        inputs: ["matrix"],
        stages: [write(0, input(0).mul(constant(2)))],
        outputs: ["matrix"],
      },
    },
    inputs: [out],
    outputs: [out],
  };
  const program = await device.compile({
    name: "look up",
    capacities: {},
    segments: [{
      calls: [
        {
          kernel: "gather_rows",
          label: "embed_tokens",
          attributes: { rows: 5, columns: 4 },
          inputs: [table, index],
          outputs: [out],
        },
        double,
      ],
    }],
  });
  device.run(program, {});
  await assert.rejects(device.idle(), {
    name: "DeviceError",
    message:
      /Kernel gather_rows \(embed_tokens\) failed: an index .* is out of range/,
  });
  device.write(index.buffer, Int32Array.of(0, 9, 3, 1, 2));
  device.run(program, {});
  assert.deepEqual(
    new Float32Array(await device.read(out.buffer, 0, 16)),
    new Float32Array(4).fill(2),
  );
});

Deno.test("plans that cannot be right are refused with the label", async () => {
  await using device = await openCpu({ workers: 1, blas: "off" });
  const t = new Tensors(device);
  const small = t.of("small", [8], new Float32Array(8));
  const copy = (from: View, to: View, elements: number): Plan => ({
    name: "copies",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "copy",
        label: "layers.3.copy",
        attributes: { elements },
        inputs: [from],
        outputs: [to],
      }],
    }],
  });
  const refused = (plan: Plan, message: RegExp) =>
    assert.rejects(device.compile(plan), { name: "DeviceError", message });
  await refused(
    copy(small, small, 9),
    /layers\.3\.copy.*8 elements: must have 9/,
  );
  await refused(
    copy({ ...small, offset: 1 }, small, 8),
    /layers\.3\.copy.*ends at byte 36 of buffer "small" of 32 bytes/,
  );
  await refused(
    copy({ ...small, dtype: "i32" }, small, 8),
    /layers\.3\.copy.*from i32 to f32/,
  );
  await refused(
    copy({ ...small, buffer: 99 }, small, 8),
    /layers\.3\.copy.*buffer 99 is not allocated/,
  );
  const unknown: unknown = {
    ...copy(small, small, 8).segments[0].calls[0],
    kernel: "telepathy",
  };
  await refused({
    name: "odd",
    capacities: {},
    segments: [{ calls: [unknown as KernelCall] }],
  }, /no kernel telepathy/);
});

Deno.test("memory beyond the limit is refused with the sizes", async () => {
  await using device = await openCpu({
    workers: 1,
    blas: "off",
    memory_limit_gb: 0.0625,
  });
  assert.equal(device.info.memoryBytes, 2 ** 26);
  device.allocate(60_000_000, "weights");
  device.allocate(60_000_000, "gradients");
  await assert.rejects(device.idle(), {
    name: "DeviceError",
    message: /60\.0 MB for buffer "gradients".*limit is 67\.1 MB/,
  });
});

Deno.test("the backend says what it would run on", async () => {
  const off = await (await cpuBackend({ workers: 2, blas: "off" })).available();
  assert(off.ok && /2 workers, WebAssembly SIMD/.test(off.description));
  if (NATIVE_PRODUCTS.includes("machine_code")) {
    await using device = await openCpu({ workers: 2, blas: "machine_code" });
    for (const text of [device.info.description, device.info.fingerprint]) {
      assert.match(text, /[,;] machine code \(AVX(2|-512)\)$/);
    }
  }
  const both = await (await cpuBackend({
    blas: "machine_code",
    blas_path: "libopenblas.so.0",
  })).available();
  assert(!both.ok && /blas_path names a library/.test(both.reason));
  const missing = await (await cpuBackend({ blas_path: "no-such-library.so" }))
    .available();
  assert(!missing.ok && /no-such-library\.so/.test(missing.reason));
});
