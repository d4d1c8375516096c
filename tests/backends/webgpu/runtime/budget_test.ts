/**
 * Long runs are cut into submissions that no system takes for a GPU that hangs.
 */
import assert from "node:assert/strict";
import type { KernelCall, Plan } from "@denotune/denotune/core";
import { localDevice } from "../../../../core/device/local_device.ts";
import { SubmissionBudget } from "../../../../backends/webgpu/runtime/budget.ts";
import { missing, openExecutor, title } from "../_device.ts";

/** The longest submission, in seconds, of steps on a GPU of this speed that are cut as the budget says. */
function longestOn(
  speed: number,
  steps: readonly number[],
): { longest: number; last: number } {
  const budget = new SubmissionBudget();
  let now = 0;
  let longest = 0;
  for (const step of steps) {
    for (let left = step; left > 0;) {
      const part = Math.min(left, budget.operations);
      budget.submit(part, now);
      longest = Math.max(longest, part / speed);
      left -= part;
    }
    now += step / speed;
    budget.done(now);
  }
  return { longest, last: budget.operations };
}

Deno.test("no submission is long on a slow GPU, and a fast one gets few", () => {
  const steps = new Array(5).fill(3e11); // half of a step of GPT-2 of 124 million
  for (const speed of [1e10, 1e11, 1e12, 1e13, 1e14]) {
    const { longest, last } = longestOn(speed, steps);
    assert.ok(longest <= 1, `${speed}: ${longest} s`);
    // half a second, within bounds
    const wanted = Math.min(1e12, speed / 2);
    assert.ok(Math.abs(last / wanted - 1) < 1e-9, `${speed}: ${last}`);
  }
  // a slower hour (heat, another program) is noticed
  const budget = new SubmissionBudget();
  budget.submit(1e12, 0);
  budget.done(1);
  assert.equal(budget.operations, 5e11);
  budget.submit(1e12, 1);
  budget.done(21);
  assert.equal(budget.operations, 2.5e10);
});

Deno.test("little work says nothing of a GPU's speed", () => {
  const budget = new SubmissionBudget();
  const before = budget.operations;
  budget.submit(1e6, 0);
  budget.done(3);
  assert.equal(budget.operations, before);
});

Deno.test({
  name: title(
    "a run beyond the budget is cut into submissions, and gives the same bits",
  ),
  ignore: missing !== null,
  async fn() {
    const executor = await openExecutor();
    await using device = localDevice(executor);
    const size = 64;
    const view = () => ({
      buffer: device.allocate(size * size * 4, "x"),
      offset: 0,
      shape: [size, size],
      dtype: "f32" as const,
    });
    const views = Array.from({ length: 9 }, view);
    device.write(
      views[0].buffer,
      Float32Array.from({ length: size * size }, (_, i) => Math.sin(i) / 6),
    );
    const calls = views.slice(1).map((out, i): KernelCall => ({
      kernel: "matmul",
      attributes: {
        layout: "NT",
        batch: 1,
        m: size,
        n: size,
        k: size,
        alpha: 1,
        bias: false,
        addend: false,
      },
      inputs: [views[i], views[0]],
      outputs: [out],
      label: `product ${i}`,
    }));
    const plan: Plan = { name: "chain", segments: [{ calls }], capacities: {} };
    const program = await device.compile(plan);
    const run = async (): Promise<{ submits: number; bytes: Uint8Array }> => {
      await device.idle();
      const before = executor.counters.submits;
      device.run(program, {});
      await device.idle();
      const submits = executor.counters.submits - before;
      const bytes = await device.read(views[8].buffer, 0, size * size * 4);
      return { submits, bytes: new Uint8Array(bytes) };
    };
    const whole = await run();
    assert.equal(whole.submits, 1);
    // room for two products of 2 * 64^3 operations
    Object.defineProperty(executor.gpu.budget, "operations", { value: 1.2e6 });
    const cut = await run();
    assert.equal(cut.submits, 4);
    assert.deepEqual(cut.bytes, whole.bytes);
  },
});
