/** The backward pass of few heads is cut into parts: dK and dV keep their bits, dQ its value. */
import type { KernelAttributes, View } from "@denotune/denotune/core";
import assert from "node:assert/strict";
import { geometryOf } from "../../../../../backends/cpu/kernels/attention/geometry.ts";
import { partsOf } from "../../../../../backends/cpu/kernels/attention/query_parts.ts";
import { openCpu } from "../../open.ts";

const T = 520;
const HEAD = 32;

function attributesOf(
  B: number,
  change: Partial<KernelAttributes["attention"]> = {},
): KernelAttributes["attention"] {
  return {
    B,
    T,
    heads: 2,
    kvHeads: 1,
    headDim: HEAD,
    causal: true,
    scale: 0.2,
    window: null,
    softcap: null,
    ...change,
  };
}

/** dQ, dK and dV of the first row of a batch of equal rows, with two segments in each. */
async function gradients(
  B: number,
  workers: number,
): Promise<Float32Array[]> {
  const device = await openCpu({ workers, blas: "auto" });
  const view = (columns: number, seed: number | null): View => {
    const buffer = device.allocate(4 * B * T * columns, "tensor");
    if (seed !== null) {
      const row = T * columns;
      device.write(
        buffer,
        Float32Array.from(
          { length: B * row },
          (_, i) => Math.sin(seed * (i % row) + 1),
        ),
      );
    }
    return { buffer, offset: 0, shape: [B * T, columns], dtype: "f32" };
  };
  const [q, k, v, dOut] = [
    view(2 * HEAD, 1.3),
    view(HEAD, 2.1),
    view(HEAD, 0.7),
    view(2 * HEAD, 0.3),
  ];
  const [out, lse] = [view(2 * HEAD, null), view(2, null)];
  const results = [2 * HEAD, HEAD, HEAD].map((width) => view(width, null));
  const buffer = device.allocate(4 * B * T, "segments");
  device.write(
    buffer,
    Int32Array.from({ length: B * T }, (_, i) => i % T < 300 ? 1 : 2),
  );
  const segments: View = { buffer, offset: 0, shape: [B, T], dtype: "i32" };
  const inputs = [q, k, v, segments];
  const attributes = attributesOf(B);
  const program = await device.compile({
    name: "attention",
    capacities: {},
    segments: [{
      calls: [
        {
          kernel: "attention",
          label: "test",
          attributes,
          inputs,
          outputs: [out, lse],
        },
        {
          kernel: "attention_backward",
          label: "test",
          attributes,
          inputs: [...inputs, out, lse, dOut],
          outputs: results,
        },
      ],
    }],
  });
  device.run(program, {});
  const numbers: Float32Array[] = [];
  for (const { buffer, shape } of results) {
    const bytes = 4 * T * Number(shape[1]);
    numbers.push(new Float32Array(await device.read(buffer, 0, bytes)));
  }
  await device[Symbol.asyncDispose]();
  return numbers;
}

Deno.test("parts of few heads give what whole heads give, on any number of workers", async () => {
  const [dQ, dK, dV] = await gradients(8, 1);
  const parts = await gradients(1, 1);
  assert.deepEqual(parts.slice(1), [dK, dV]);
  assert.notDeepEqual(parts[0], dQ);
  parts[0].forEach((x, i) =>
    assert.ok(Math.abs(x - dQ[i]) < 1e-5, `${x}, not ${dQ[i]}, at ${i}`)
  );
  assert.deepEqual(await gradients(1, 3), parts);
});

Deno.test("few heads of long rows are cut until there are eight pieces, or four of each", () => {
  const count = (B: number, kvHeads: number, T: number) => {
    const attributes = attributesOf(B, { heads: kvHeads, kvHeads, T });
    return partsOf(attributes, geometryOf({ attributes, blas: true }), {});
  };
  assert.equal(count(1, 3, 2048), 4);
  assert.equal(count(1, 4, 2048), 2);
  assert.equal(count(1, 1, 2048), 4);
  assert.equal(count(4, 3, 2048), 1);
  assert.equal(count(1, 12, 2048), 1);
  assert.equal(count(1, 3, 512), 2);
  assert.equal(count(1, 3, 256), 1);
});
