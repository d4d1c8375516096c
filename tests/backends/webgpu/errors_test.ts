/**
 * What goes wrong on a GPU, as its user reads it.
 */
import { Session } from "../../../core/engine/session.ts";
import { Memory } from "../../../core/graph/memory.ts";
import assert from "node:assert/strict";
import { DeviceError, type Plan } from "@denotune/denotune/core";
import { localDevice } from "../../../core/device/local_device.ts";
import { webgpu } from "../../../backends/webgpu/mod.ts";
import {
  chooseTile,
  QUERY_GRADIENTS,
} from "../../../backends/webgpu/kernels/attention/tile.ts";
import { Gpu } from "../../../backends/webgpu/runtime/gpu.ts";
import { installAdvice } from "../../../backends/webgpu/runtime/install_advice.ts";
import type { AdapterLimits } from "../../../backends/webgpu/runtime/adapter_limits.ts";
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
  const limits = { sharedBytes: 4096, maxInvocations: 256 };
  assert.throws(
    () => chooseTile(limits, 256, QUERY_GRADIENTS),
    (error) => error instanceof DeviceError && /4096 bytes/.test(error.message),
  );
});

Deno.test("where no adapter is found it is said what to install, by system", () => {
  const advice = (os: typeof Deno.build.os, release = "6.1.0") =>
    installAdvice(os, release);
  assert.match(advice("linux"), /mesa-vulkan-drivers.*libvulkan1.*container/);
  assert.match(
    advice("linux", "5.15.167.4-microsoft-standard-WSL2"),
    /Deno for Windows/,
  );
  assert.match(advice("windows"), /DirectX 12/);
  assert.match(advice("darwin"), /Metal/);
  assert.match(advice("freebsd"), /Vulkan/);
});

/** A device whose error scopes catch these. */
function failing(
  errors: Partial<Record<GPUErrorFilter, string>>,
): GPUDevice {
  const scopes: GPUErrorFilter[] = [];
  return {
    lost: new Promise(() => {}),
    addEventListener: () => {},
    pushErrorScope: (filter: GPUErrorFilter) => void scopes.push(filter),
    popErrorScope: () => {
      const message = errors[scopes.pop() ?? "internal"];
      return Promise.resolve(message === undefined ? null : { message });
    },
    createBuffer: () => ({}),
  } as unknown as GPUDevice; // as much of one as is called
}

Deno.test("a GPU without memory left says what would take less, other errors their own words", async () => {
  // kernels are not made: what they may know of the adapter is never read
  const none = {} as AdapterLimits;
  const allocate = (errors: Parameters<typeof failing>[0]) =>
    new Gpu(failing(errors), none).ownBuffer("scratch", 64, 0);
  await assert.rejects(allocate({ "out-of-memory": "oom" }), (error) => {
    assert.ok(error instanceof DeviceError);
    assert.match(error.message, /^Cannot allocate 64 bytes for scratch/);
    assert.match(error.message, /no memory left.*batch_size.*checkpointing/);
    return true;
  });
  await assert.rejects(
    allocate({ validation: "size is too large" }),
    /^DeviceError: Cannot allocate 64 bytes for scratch: size is too large/,
  );
  await assert.rejects(allocate({ internal: "odd" }), /: odd$/);
  await allocate({});
});

Deno.test({
  name: title("a session that finds no memory shows what was planned"),
  ignore,
  async fn() {
    const executor = await openExecutor({ memory_gb: 0.001 });
    await using device = localDevice(executor);
    const memory = new Memory(device.info);
    memory.variable("w", [200_000], { role: "weights" });
    memory.variable("m", [100_000], { role: "optimizer" });
    await assert.rejects(Session.open(device, memory, []), (error) => {
      assert.ok(error instanceof DeviceError);
      assert.match(error.message, /"m": 800\d{3} of 1000000 are in use/);
      assert.match(
        error.message,
        /Planned are weights 0\.8 MB, optimizer 0\.4 MB, in all 1\.1 MB$/,
      );
      return true;
    });
  },
});

Deno.test({
  name: title(
    "a tensor larger than the largest buffer is named before anything is allocated",
  ),
  ignore,
  async fn() {
    const executor = await openExecutor({ max_binding_mb: 0.25 }, {
      maxBindings: 8,
    });
    await using device = localDevice(executor);
    assert.equal(device.info.maxBufferBytes, 2 ** 18);
    const memory = new Memory(device.info);
    const before = executor.counters.buffers;
    memory.variable("embed", [2 ** 17], { role: "weights" });
    await assert.rejects(
      Session.open(device, memory, []),
      /^DeviceError: embed needs a buffer of 524288 bytes; .* allows 262144$/,
    );
    assert.equal(executor.counters.buffers, before);
  },
});
