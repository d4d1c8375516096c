/**
 * What goes wrong on a GPU, as its user reads it.
 */
import assert from "node:assert/strict";
import { DeviceError, type Plan } from "@denotune/denotune/core";
import { localDevice } from "../../../core/device/local_device.ts";
import { webgpu } from "../../../backends/webgpu/mod.ts";
import { chooseTile } from "../../../backends/webgpu/kernels/attention_tile.ts";
import { Pipelines } from "../../../backends/webgpu/runtime/pipelines.ts";
import { benchHost } from "../cpu/open.ts";
import { adapterName, missing, openExecutor, title } from "./_device.ts";

const ignore = missing !== null;

async function backend(options: Parameters<typeof webgpu.create>[0] | object) {
  const result = await webgpu.options["~standard"].validate(options);
  assert.ok(result.issues === undefined, JSON.stringify(result.issues));
  return await webgpu.create(result.value, benchHost);
}

Deno.test({
  name: title("a software adapter is taken only by who names it or allows it"),
  ignore: ignore || !adapterName.includes("(software)"),
  async fn() {
    const auto = await backend({});
    const declined = await auto.available();
    assert.ok(!declined.ok);
    assert.match(declined.reason, /only a software adapter/);
    const named = await auto.available({ explicit: true });
    assert.ok(named.ok);
    assert.match(named.description, /\(software\)$/);
    assert.ok((await (await backend({ allow_software: true })).available()).ok);
    const never = await backend({ allow_software: false });
    assert.ok(!(await never.available({ explicit: true })).ok);
  },
});

Deno.test({
  name: title("webgpu opens in a worker and computes there"),
  ignore,
  async fn() {
    await using device = await (await backend({ tune: "off" })).open();
    assert.equal(device.info.backend, "webgpu");
    const buffer = device.allocate(256, "x");
    const plan: Plan = {
      name: "fill",
      capacities: {},
      segments: [{
        calls: [{
          kernel: "fill",
          attributes: { elements: 64, value: 2.5 },
          inputs: [],
          outputs: [{ buffer, offset: 0, shape: [64], dtype: "f32" }],
          label: "fill",
        }],
      }],
    };
    device.run(await device.compile(plan), {});
    assert.deepEqual(
      [...new Float32Array(await device.read(buffer, 0, 256))],
      new Array(64).fill(2.5),
    );
  },
});

Deno.test({
  name: title("webgpu writes and reads bytes that are no whole words"),
  ignore,
  async fn() {
    await using device = localDevice(await openExecutor());
    const buffer = device.allocate(14, "odd");
    device.write(buffer, Uint8Array.from({ length: 14 }, (_, i) => i + 1));
    device.write(buffer, Uint8Array.of(50, 51, 52), 3);
    const bytes = new Uint8Array(await device.read(buffer, 1, 13));
    assert.deepEqual([...bytes], [
      2,
      3,
      50,
      51,
      52,
      7,
      8,
      9,
      10,
      11,
      12,
      13,
      14,
    ]);
  },
});

Deno.test({
  name: title("a bound of memory is kept, and says what to change"),
  ignore,
  async fn() {
    await using device = localDevice(await openExecutor({ memory_gb: 0.001 }));
    device.allocate(900_000, "weights");
    device.allocate(200_000, "gradients");
    await assert.rejects(device.idle(), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(error.message, /"gradients": 900000 of 1000000 are in use/);
      assert.match(error.message, /batch_size/);
      return true;
    });
  },
});

Deno.test({
  name: title("a shader that does not compile is shown with its lines"),
  ignore,
  async fn() {
    const executor = await openExecutor();
    try {
      const source =
        "@compute @workgroup_size(1)\nfn main() {\n  let x = 1u;\n  let y: f32 = x;\n}\n";
      await assert.rejects(
        new Pipelines(executor.gpu).get(source, {
          ranges: [],
          tensors: new Map(),
          declarations: "",
        }, "broken"),
        (error) => {
          assert.ok(error instanceof DeviceError);
          assert.match(error.message, /does not take the kernel broken/);
          assert.match(error.message, /4 >\s+let y: f32 = x;/);
          assert.match(error.message, /backend: cpu/);
          return true;
        },
      );
      await executor.idle(); // told once
    } finally {
      executor.close();
    }
  },
});

Deno.test({
  name: title("a lost device stays lost, and says what it may come from"),
  ignore,
  async fn() {
    const executor = await openExecutor();
    executor.gpu.device.destroy();
    await executor.gpu.device.lost;
    await assert.rejects(executor.idle(), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(error.message, /lost/);
      assert.match(error.message, /batch_size/);
      return true;
    });
    await assert.rejects(executor.allocate(1, 16, "x"), DeviceError);
    executor.close();
  },
});

Deno.test("heads that do not fit in workgroup memory are refused with the number of bytes", () => {
  const traits = { sharedBytes: 4096, maxInvocations: 256 };
  assert.throws(
    () =>
      chooseTile({ traits }, 256, { ownTiles: 2, otherTiles: 2, scores: 1 }),
    (error) => error instanceof DeviceError && /4096 bytes/.test(error.message),
  );
});
