/** The WGSL that is printed is the WGSL that is compiled. */
import assert from "node:assert/strict";
import { examplePlan, kernelNames } from "../../../core/graph/example_call.ts";
import { webgpu } from "../../../backends/webgpu/mod.ts";
import { indented } from "../../../backends/webgpu/shader/indent.ts";
import { shadersOf } from "../../../backends/webgpu/source.ts";
import { benchHost } from "../cpu/open.ts";
import { ADAPTERS } from "./_adapters.ts";
import { missing, openExecutor, title } from "./_device.ts";

Deno.test("shaders can be made of every kernel for every kind of adapter, without one", () => {
  for (const limits of Object.values(ADAPTERS)) {
    if (limits.maxBindingBytes < 2 ** 20) continue; // examples are larger than all its slices
    for (const name of kernelNames) {
      const shaders = shadersOf(examplePlan(name), limits);
      assert.ok(shaders.length > 0);
      for (const { wgsl } of shaders) assert.match(wgsl, /fn main\(/);
    }
  }
});

Deno.test({
  name: title("the source of a plan is what its compiled program was made of"),
  ignore: missing !== null,
  async fn() {
    const made: string[] = [];
    const executor = await openExecutor();
    const { device } = executor.gpu;
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => {
      made.push(descriptor.code);
      return create(descriptor);
    };
    const plan = examplePlan("attention_backward", { T: 32 });
    const views = plan.segments[0].calls.flatMap((c) => [
      ...c.inputs,
      ...c.outputs,
    ]);
    for (const { buffer, shape } of views) {
      const elements = shape.reduce<number>((n, d) => n * Number(d), 1);
      await executor.allocate(buffer, elements * 4, `${buffer}`);
    }
    await executor.compile(0, plan);
    executor.close();
    const result = await webgpu.options["~standard"].validate({ tune: "off" });
    assert.ok(result.issues === undefined);
    const backend = await webgpu.create(result.value, benchHost);
    const sources = await backend.source?.(plan) ?? [];
    assert.deepEqual(sources.map(({ text }) => text), made.map(indented));
    assert.deepEqual(
      sources.map(({ language }) => language),
      made.map(() => "WGSL"),
    );
  },
});

Deno.test("printed WGSL is indented by its braces", () => {
  assert.equal(
    indented("fn f() {\nif (x) { return; }\nfor (;;) {\n\n  y(); // {\n}\n}"),
    "fn f() {\n  if (x) { return; }\n  for (;;) {\n    y(); // {\n  }\n}\n",
  );
});
