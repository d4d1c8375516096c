import assert from "node:assert/strict";
import { reference } from "../../../backends/reference/mod.ts";
import { Store } from "../../../backends/reference/store.ts";
import { ReferenceExecutor } from "../../../backends/reference/executor.ts";
import type { KernelCall } from "../../../core/graph/plan.ts";
import { testHost } from "../../conformance/host.ts";

const host = testHost();

Deno.test("the reference keeps doubles from kernel to kernel, and float32 for the host", () => {
  const store = new Store("x", 8);
  store.store("f32", 0, Float64Array.of(0.1, 1e-50));
  assert.deepEqual(Array.from(store.load("f32", 0, 2)), [0.1, 1e-50]);
  assert.deepEqual(Array.from(new Float32Array(store.read(0, 8))), [
    Math.fround(0.1),
    0,
  ]);
  // What the host has read is what counts from then on: a resumed run goes on from the same numbers.
  assert.deepEqual(Array.from(store.load("f32", 0, 2)), [Math.fround(0.1), 0]);
});

Deno.test("the reference forgets a double when other bytes are written in its place", () => {
  const store = new Store("x", 4);
  store.store("f32", 0, Float64Array.of(0.1));
  store.write(0, new Uint8Array(Float32Array.of(0.1).buffer));
  assert.equal(store.load("f32", 0, 1)[0], Math.fround(0.1));
  store.store("f32", 0, Float64Array.of(0.1));
  store.store("i32", 0, Float64Array.of(0x3f800000));
  assert.equal(store.load("f32", 0, 1)[0], 1);
  store.store("bf16", 1, Float64Array.of(2));
  assert.equal(store.load("f32", 0, 1)[0], 2);
});

Deno.test("the reference names plan, call and operand when a call does not fit", () => {
  const executor = new ReferenceExecutor();
  executor.allocate(1, 64, "arena");
  const view = (offset: number, length: number, dtype: "f32" | "i32" = "f32") =>
    ({ buffer: 1, offset, shape: [length], dtype }) as const;
  const compile = (call: Partial<KernelCall>) =>
    executor.compile(1, {
      name: "step",
      capacities: {},
      segments: [{
        calls: [
          {
            kernel: "slice_columns",
            attributes: { rows: 2, from: 3, offset: 1, width: 2 },
            inputs: [view(0, 6)],
            outputs: [view(6, 4)],
            label: "layers.0.split",
            ...call,
          } as KernelCall,
        ],
      }],
    });
  compile({});
  const refused = (call: Partial<KernelCall>, what: RegExp) =>
    assert.throws(() => compile(call), (error: Error) => {
      assert.equal(error.name, "DeviceError");
      assert.match(
        error.message,
        /^step: layers\.0\.split \(slice_columns\): /,
      );
      assert.match(error.message, what);
      return true;
    });
  refused({ inputs: [view(0, 5)] }, /x has 5 elements: must have 6/);
  refused({ inputs: [view(0, 6, "i32")] }, /x is i32: must be f32/);
  refused({ inputs: [] }, /needs 1 inputs \(x\), found 0/);
  refused(
    { outputs: [view(14, 4)] },
    /ends at byte 72 of buffer "arena" of 64 bytes/,
  );
  refused({ outputs: [view(3, 4)] }, /out overlaps x in buffer "arena"/);
  refused(
    { outputs: [{ ...view(0, 4), buffer: 7 }] },
    /buffer 7 is not allocated/,
  );
  refused({
    outputs: [{ ...view(6, 0), shape: [{ coefficient: 1, names: ["Q"] }] }],
  }, /Dimension Q has no extent/);
});

Deno.test("the reference backend opens in a worker, and times its kernels if asked", async () => {
  const backend = await reference.create(
    { memory_gb: 0.001, profile: true },
    host,
  );
  assert.equal((await backend.available()).ok, true);
  await using device = await backend.open();
  assert.equal(device.info.memoryBytes, 1e6);
  const buffer = device.allocate(8, "x");
  const call: KernelCall = {
    kernel: "fill",
    attributes: { elements: 2, value: 2.5 },
    inputs: [],
    outputs: [{ buffer, offset: 0, shape: [2], dtype: "f32" }],
    label: "start",
  };
  const program = await device.compile({
    name: "fill",
    segments: [{ calls: [call] }],
    capacities: {},
  });
  device.run(program, {});
  device.run(program, {});
  assert.deepEqual(
    Array.from(new Float32Array(await device.read(buffer, 0, 8))),
    [2.5, 2.5],
  );
  const [time, ...others] = await device.profile?.() ?? [];
  assert.deepEqual([time.kernel, time.label, time.calls, others], [
    "fill",
    "start",
    2,
    [],
  ]);
  device.allocate(1e6, "too much");
  await assert.rejects(device.idle(), /raise memory_gb/);
});
