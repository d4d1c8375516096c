/**
 * What every device does besides running kernels right: order, memory, errors.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Device,
  type Extents,
  isDenotuneError,
  type KernelCall,
  type Plan,
} from "@denotune/denotune/core";

/** A property of a device. */
export interface DeviceCheck {
  readonly title: string;
  run(device: Device): Promise<void>;
}

/** x += 1 over 64 places of a buffer. */
function increment(
  buffer: number,
  change: { kernel?: string; offset?: number } = {},
): KernelCall {
  const view = {
    buffer,
    offset: change.offset ?? 0,
    shape: [1, 64],
    dtype: "f32",
  } as const;
  const call: KernelCall = {
    kernel: "rows",
    attributes: {
      rows: 1,
      columns: 64,
      program: {
        inputs: ["matrix"],
        stages: [{
          kind: "write",
          output: 0,
          value: {
            kind: "binary",
            op: "add",
            a: { kind: "input", input: 0 },
            b: { kind: "constant", value: 1 },
          },
        }],
        outputs: ["matrix"],
      },
    },
    inputs: [view],
    outputs: [view],
    label: "blocks.3.increment",
  };
  return change.kernel === undefined
    ? call
    : Object.assign(call, { kernel: change.kernel });
}

function planOf(...calls: readonly KernelCall[]): Plan {
  return { name: "test", segments: [{ calls }], capacities: {} };
}

async function rejectsWithDeviceError(
  promise: Promise<unknown>,
  pattern: RegExp,
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(
      isDenotuneError(error) && error.name === "DeviceError",
      `${error} is no DeviceError`,
    );
    assert.match(error.message, pattern);
    return true;
  });
}

async function floats(
  device: Device,
  buffer: number,
  count: number,
): Promise<number[]> {
  return Array.from(new Float32Array(await device.read(buffer, 0, count * 4)));
}

/** The checks. */
export const deviceChecks: readonly DeviceCheck[] = [
  {
    title: "says what it is and what it can hold",
    run({ info }) {
      for (const key of ["backend", "description", "fingerprint"] as const) {
        assert.ok(info[key].length > 0, key);
      }
      for (
        const key of ["maxBufferBytes", "memoryBytes", "alignment"] as const
      ) assert.ok(info[key] >= 1, key);
      return Promise.resolve();
    },
  },
  {
    title: "gives zeroed buffers, also where another was before",
    async run(device) {
      for (let round = 0; round < 3; round++) {
        const buffer = device.allocate(1024, "zeroed");
        assert.deepEqual(
          new Uint8Array(await device.read(buffer, 0, 1024)),
          new Uint8Array(1024),
        );
        device.write(buffer, new Uint8Array(1024).fill(255));
        device.free(buffer);
      }
    },
  },
  {
    title: "writes and reads ranges of bytes, from every kind of array",
    async run(device) {
      const buffer = device.allocate(64, "bytes");
      const shared = new Float32Array(new SharedArrayBuffer(16));
      shared.set([1, 2, 3, 4]);
      device.write(buffer, shared.subarray(1, 3), 8);
      shared.fill(9); // read before the call returned
      device.write(buffer, new Int32Array([-5]), 60);
      const own = new Uint16Array([1, 2, 3, 4]);
      device.write(buffer, own.subarray(2), 20);
      assert.deepEqual(Array.from(own), [1, 2, 3, 4]);
      const bytes = await device.read(buffer, 4, 60);
      assert.deepEqual(Array.from(new Float32Array(bytes, 0, 3)), [0, 2, 3]);
      assert.deepEqual(Array.from(new Uint16Array(bytes, 16, 2)), [3, 4]);
      assert.deepEqual(Array.from(new Int32Array(bytes, 56, 1)), [-5]);
      device.free(buffer);
    },
  },
  {
    title:
      "does writes, runs and reads in the order in which they were enqueued",
    async run(device) {
      const buffer = device.allocate(256, "counter");
      const program = await device.compile(planOf(increment(buffer)));
      device.run(program, {});
      const one = floats(device, buffer, 64);
      device.run(program, {});
      device.run(program, {});
      const three = floats(device, buffer, 64);
      device.write(buffer, new Float32Array(64).fill(10));
      device.run(program, {});
      const eleven = floats(device, buffer, 64);
      assert.deepEqual(await one, new Array(64).fill(1));
      assert.deepEqual(await three, new Array(64).fill(3));
      assert.deepEqual(await eleven, new Array(64).fill(11));
      await device.idle();
      device.free(buffer);
    },
  },
  {
    title: "shares buffers between programs",
    async run(device) {
      const buffers = [device.allocate(256, "a"), device.allocate(256, "b")];
      const programs = await Promise.all([
        device.compile(planOf(increment(buffers[0]), increment(buffers[1]))),
        device.compile(planOf(increment(buffers[1]))),
      ]);
      for (const program of [0, 1, 1, 0, 1]) device.run(programs[program], {});
      assert.equal((await floats(device, buffers[0], 1))[0], 2);
      assert.equal((await floats(device, buffers[1], 1))[0], 5);
      buffers.forEach((buffer) => device.free(buffer));
    },
  },
  {
    title: "refuses to compile an unknown kernel, naming the call",
    async run(device) {
      const buffer = device.allocate(256, "x");
      await rejectsWithDeviceError(
        device.compile(planOf(increment(buffer, { kernel: "no_such_kernel" }))),
        /no_such_kernel|blocks\.3\.increment/,
      );
      device.free(buffer);
      await device.idle();
    },
  },
  {
    title:
      "refuses to compile a view that reaches beyond its buffer, naming the call",
    async run(device) {
      const buffer = device.allocate(512, "x");
      await rejectsWithDeviceError(
        device.compile(planOf(increment(buffer, { offset: 128 }))),
        /blocks\.3\.increment/,
      );
      device.free(buffer);
      await device.idle();
    },
  },
  {
    title: "tells at the next wait that a buffer is too large, and goes on",
    async run(device) {
      device.allocate(device.info.maxBufferBytes + 256, "the largest of all");
      await rejectsWithDeviceError(device.idle(), /the largest of all/);
      const buffer = device.allocate(256, "x");
      assert.deepEqual(await floats(device, buffer, 2), [0, 0]);
      device.free(buffer);
    },
  },
  {
    title:
      "tells at the next wait that an extent is missing or above its capacity, and skips what came after",
    async run(device) {
      const buffer = device.allocate(256, "x");
      const plan = planOf(increment(buffer));
      const call: KernelCall = {
        kernel: "fill",
        attributes: { elements: { coefficient: 1, names: ["N"] }, value: 3 },
        inputs: [],
        outputs: [{
          buffer,
          offset: 0,
          shape: [{ coefficient: 1, names: ["N"] }],
          dtype: "f32",
        }],
        label: "fill",
      };
      const fill = await device.compile({
        name: "fill",
        segments: [{ calls: [call] }],
        capacities: { N: 32 },
      });
      const program = await device.compile(plan);
      const wrong: readonly Extents[] = [{}, { N: 33 }];
      for (const extents of wrong) {
        device.run(fill, extents);
        device.run(program, {}); // skipped
        await rejectsWithDeviceError(device.read(buffer, 0, 4), /\bN\b/);
      }
      device.run(fill, { N: 2 });
      device.run(program, {});
      assert.deepEqual(await floats(device, buffer, 3), [4, 4, 1]);
      device.free(buffer);
    },
  },
];
