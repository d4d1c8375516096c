/**
 * Expressions that are emitted otherwise than they are written.
 */
import assert from "node:assert/strict";
import { constant, type Expr, input, write } from "@denotune/denotune/core";
import { openCpu } from "../open.ts";

/** An expression of each number, on one worker. */
async function evaluated(x: Float32Array, of: (x: Expr) => Expr) {
  await using device = await openCpu({ workers: 1, blas: "off" });
  const shape = [1, x.length];
  const view = (label: string) => ({
    buffer: device.allocate(x.byteLength, label),
    offset: 0,
    shape,
    dtype: "f32" as const,
  });
  const from = view("x"), to = view("y");
  device.write(from.buffer, x);
  const program = await device.compile({
    name: "p",
    capacities: {},
    segments: [{
      calls: [{
        kernel: "rows",
        label: "f",
        attributes: {
          rows: 1,
          columns: x.length,
          program: {
            inputs: ["matrix"],
            stages: [write(0, of(input(0)))],
            outputs: ["matrix"],
          },
        },
        inputs: [from],
        outputs: [to],
      }],
    }],
  });
  device.run(program, {});
  return new Float32Array(await device.read(to.buffer, 0, x.byteLength));
}

Deno.test("1 - sigmoid keeps its digits where the sigmoid is near 1", async () => {
  const x = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 25);
  const found = await evaluated(x, (x) => constant(1).sub(x.sigmoid()));
  x.forEach((x, i) => {
    const exact = 1 / (1 + Math.exp(x));
    const error = Math.abs(found[i] - exact) / exact;
    assert.ok(error < 6 * 2 ** -24, `${x}: ${found[i]}, exactly ${exact}`);
  });
});

Deno.test("1 - sigmoid keeps to its limits, and to what is not a number", async () => {
  const x = Float32Array.of(Infinity, -Infinity, NaN, 0, 1e30, -1e30, 100, -90);
  const found = await evaluated(x, (x) => {
    const s = x.sigmoid();
    return s.mul(constant(1).sub(s)); // its slope
  });
  assert.deepEqual([...found], [0, 0, NaN, 0.25, 0, 0, 0, 0]);
});
