import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Plan } from "../../../core/graph/plan.ts";
import { localDevice } from "../../../core/device/local_device.ts";
import { connectWorker } from "../../../core/device/worker_device.ts";
import type { QueuedDevice } from "../../../core/device/host_device.ts";
import { fakeExecutor } from "./_fake_worker.ts";

const WORKER = new URL("./_fake_worker.ts", import.meta.url);

function plan(name: string): Plan {
  return { name, segments: [], capacities: {} };
}

function inWorker(options: unknown = {}): Promise<QueuedDevice> {
  return connectWorker(new Worker(WORKER, { type: "module" }), options);
}

function inThread(options: unknown = {}): Promise<QueuedDevice> {
  return Promise.resolve(localDevice(fakeExecutor(options)));
}

const isDeviceError = (pattern: RegExp) => (error: unknown) =>
  error instanceof Error && error.name === "DeviceError" &&
  pattern.test(error.message);

for (
  const [where, open] of [["in a worker", inWorker], [
    "in this thread",
    inThread,
  ]] as const
) {
  Deno.test(`a device ${where} does enqueued work in order though runs are asynchronous`, async () => {
    await using device = await open({ answer: 42 });
    assert.equal(device.info.description, '{"answer":42}');
    const buffer = device.allocate(16, "log");
    const append = await device.compile(plan("append"));
    device.run(append, { value: 7, ms: 20 });
    device.run(append, { value: 8, ms: 0 });
    const early = device.read(buffer, 0, 4);
    device.write(buffer, new Uint8Array([9]), 3);
    const late = device.read(buffer, 0, 4);
    assert.ok(device.pending > 0);
    assert.deepEqual(new Uint8Array(await early), new Uint8Array([2, 7, 8, 0]));
    assert.deepEqual(new Uint8Array(await late), new Uint8Array([2, 7, 8, 9]));
    await device.idle();
    assert.equal(device.pending, 0);
    assert.deepEqual(await device.profile?.(), [{
      kernel: "append",
      label: "x",
      seconds: 1,
      calls: 2,
    }]);
  });

  Deno.test(`a device ${where} reads the data of a write before the call returns`, async () => {
    await using device = await open();
    const buffer = device.allocate(8, "x");
    const shared = new Int32Array(new SharedArrayBuffer(8));
    shared.set([1, 2]);
    device.write(buffer, shared.subarray(1));
    shared.fill(0);
    const own = new Int32Array([5]);
    device.write(buffer, own, 4);
    assert.equal(own.length, 1); // not transferred away
    assert.deepEqual(
      new Int32Array(await device.read(buffer, 0, 8)),
      new Int32Array([2, 5]),
    );
  });

  Deno.test(`a device ${where} moves the memory of data that are given away, and copies a part of a larger array`, async () => {
    await using device = await open();
    const length = 2 ** 15; // small data go together with others
    const buffer = device.allocate(4 * length + 4, "x");
    const given = new Int32Array(length).fill(3);
    device.write(buffer, given, 0, true);
    const whole = new Int32Array([4, 5]);
    device.write(buffer, whole.subarray(1), 4 * length, true);
    assert.equal(whole.length, 2);
    assert.deepEqual(
      new Int32Array(await device.read(buffer, 4 * length - 4, 8)),
      new Int32Array([3, 5]),
    );
    assert.equal(given.length, 0); // not copied
  });

  Deno.test(`a device ${where} reads together what is asked for together, and alone what cannot be read`, async () => {
    await using device = await open("waits long");
    const buffer = device.allocate(16, "x");
    device.write(buffer, Uint8Array.from({ length: 16 }, (_, i) => i));
    const read = async (
      id: number,
      at: number,
    ) => [...new Uint8Array(await device.read(id, at, 4))];
    const reads = [0, 4, 8, 12].map((at) => read(buffer, at));
    device.write(buffer, new Uint8Array([99]), 1);
    const after = read(buffer, 0);
    const found = await Promise.all(reads);
    assert.deepEqual(found.map((bytes) => bytes.slice(1)), [
      [1, 2, 3],
      [5, 6, 7],
      [9, 10, 11],
      [13, 14, 15],
    ]);
    if (where === "in this thread") { // a worker may not have heard of the others yet
      assert.deepEqual(found.map(([together]) => together), [4, 4, 4, 4]);
    }
    assert.deepEqual((await after).slice(1), [99, 2, 3]);
    assert.equal(device.pending, 0);

    const some = await Promise.allSettled([
      read(buffer, 4),
      read(77, 0),
      read(buffer, 8),
    ]);
    assert.deepEqual(some.map(({ status }) => status), [
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    assert.match(String(Object(some[1]).reason), /buffer 77 is not there/);
  });

  Deno.test(`a device ${where} tells an error of enqueued work once and skips what came after it`, async () => {
    await using device = await open();
    const buffer = device.allocate(8, "log");
    const append = await device.compile(plan("append"));
    const broken = await device.compile(plan("throw"));
    device.run(append, { value: 1 });
    device.run(broken, {});
    device.run(append, { value: 2 });
    device.write(buffer, new Uint8Array([3]), 4);
    await assert.rejects(device.read(buffer, 0, 8), (error: Error) => {
      assert.equal(error.name, "DeviceError");
      assert.equal(error.message, "the kernel of layers.0 is broken");
      const cause = error.cause as Error;
      assert.equal(cause.name, "TypeError");
      assert.equal((cause.cause as Error).message, "a deeper reason");
      return true;
    });
    device.run(append, { value: 4 });
    assert.deepEqual(
      new Uint8Array(await device.read(buffer, 0, 5)),
      new Uint8Array([2, 1, 4, 0, 0]),
    );
  });

  Deno.test(`a device ${where} tells an error of enqueued work at idle and at compile too`, async () => {
    await using device = await open();
    device.allocate(1 << 21, "everything");
    await assert.rejects(
      device.idle(),
      isDeviceError(/no room for everything/),
    );
    await device.idle();
    device.allocate(1 << 21, "everything");
    await assert.rejects(
      device.compile(plan("append")),
      isDeviceError(/no room for everything/),
    );
    await assert.rejects(
      device.compile(plan("uncompilable")),
      isDeviceError(/no kernels/),
    );
    await device.compile(plan("append"));
  });

  Deno.test(`a closed device ${where} rejects what was pending and refuses more`, async () => {
    const device = await open();
    device.allocate(8, "log");
    const append = await device.compile(plan("append"));
    device.run(append, { value: 1, ms: 10 });
    const pending = assert.rejects(
      device.read(1, 0, 8),
      isDeviceError(/closed while work was pending/),
    );
    await device[Symbol.asyncDispose]();
    await pending;
    await device[Symbol.asyncDispose]();
    assert.throws(
      () => device.run(append, {}),
      isDeviceError(/has been closed/),
    );
    await assert.rejects(device.idle(), isDeviceError(/has been closed/));
  });
}

Deno.test("a crash of the worker rejects all that is pending and every later wait", async () => {
  await using device = await inWorker();
  device.allocate(8, "log");
  const crash = await device.compile(plan("crash"));
  device.run(crash, {});
  const waits = [device.read(1, 0, 8), device.idle()];
  for (const result of await Promise.allSettled(waits)) {
    assert.ok(
      result.status === "rejected" &&
        isDeviceError(/has crashed: .*worker killed/)(result.reason),
    );
  }
  device.run(crash, {});
  await assert.rejects(device.idle(), isDeviceError(/has crashed/));
});

Deno.test("connectWorker rejects with the executor's own words when it cannot be opened", async () => {
  await assert.rejects(inWorker("refuse"), isDeviceError(/^no such hardware$/));
});

Deno.test("connectWorker rejects when the worker's module cannot be loaded", async () => {
  const worker = new Worker(new URL("./no_such_module.ts", import.meta.url), {
    type: "module",
  });
  await assert.rejects(
    connectWorker(worker, {}),
    isDeviceError(/worker of a device has crashed/),
  );
});

Deno.test("a plan that is not plain data is refused as a DeviceError", async () => {
  await using device = await inWorker();
  const bad = { ...plan("append"), extra: () => {} };
  await assert.rejects(device.compile(bad), isDeviceError(/plain data/));
  await device.idle();
});

Deno.test("a worker has a port to each helper, and the crash of one is that of the device", async () => {
  const start = (name: string) =>
    new Worker(new URL("./_leading_worker.ts", import.meta.url), {
      type: "module",
      name,
    });
  const helpers = ["one", "two"].map(start);
  await using device = await connectWorker(start("leader"), {}, { helpers });
  assert.equal(device.info.description, '["one","two"]');
  device.run(await device.compile(plan("crash")), {});
  await assert.rejects(
    device.idle(),
    isDeviceError(/has crashed: .*helper killed/),
  );
});

Deno.test({
  name:
    "a device that is closed has no thread left, on which a driver could crash a process that ends",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const worker = new Worker(WORKER, { type: "module" });
    const said = Promise.withResolvers<string>();
    worker.addEventListener("message", ({ data }) => {
      if (data.type === "ready") said.resolve(data.thread);
    });
    const device = await connectWorker(worker, {});
    const thread = await said.promise;
    assert.match(thread, /^\/proc\/\d+\/task\/\d+$/);
    assert.match(Deno.readTextFileSync(`${thread}/comm`), /^worker-/);
    await device[Symbol.asyncDispose]();
    assert.equal(existsSync(thread), false);
  },
});
