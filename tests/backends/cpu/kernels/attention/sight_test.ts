/** Vectors of keys that a query sees whole are computed without masks and without checks for NaN. */
import type { KernelAttributes, View } from "@denotune/denotune/core";
import assert from "node:assert/strict";
import { openCpu } from "../../open.ts";

const T = 200;
const HEAD = 32;

/** Attention of one head with one number of the keys or queries replaced, and its gradient. */
async function attention(
  poison: { at: "q" | "k"; position: number; value: number },
  options: { blas: "auto" | "off"; window: number | null },
): Promise<{ out: Float32Array; dQ: Float32Array }> {
  const device = await openCpu({ workers: 1, blas: options.blas });
  const view = (columns: number, data?: Float32Array | Int32Array): View => {
    const buffer = device.allocate(4 * T * columns, "tensor");
    if (data !== undefined) device.write(buffer, data);
    const dtype = data instanceof Int32Array ? "i32" : "f32";
    return { buffer, offset: 0, shape: [T, columns], dtype };
  };
  const numbers = (seed: number) =>
    Float32Array.from({ length: T * HEAD }, (_, i) => Math.sin(seed * i + 1));
  const given = { q: numbers(1.3), k: numbers(2.1) };
  // the first number of a query or key of 1 times the other's: the score has its sign
  for (let t = 0; t < T; t++) given.q[t * HEAD] = given.k[t * HEAD] = 1;
  given[poison.at][poison.position * HEAD] = poison.value;
  const attributes: KernelAttributes["attention"] = {
    B: 1,
    T,
    heads: 1,
    kvHeads: 1,
    headDim: HEAD,
    causal: true,
    scale: 0.2,
    window: options.window,
    softcap: null,
  };
  const inputs = [
    view(HEAD, given.q),
    view(HEAD, given.k),
    view(HEAD, numbers(0.7)),
    view(1, new Int32Array(T).fill(1)),
  ];
  const [out, lse, dOut] = [view(HEAD), view(1), view(HEAD, numbers(0.3))];
  const [dQ, dK, dV] = [view(HEAD), view(HEAD), view(HEAD)];
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
          outputs: [dQ, dK, dV],
        },
      ],
    }],
  });
  device.run(program, {});
  const read = async ({ buffer }: View) =>
    new Float32Array(await device.read(buffer, 0, 4 * T * HEAD));
  const result = { out: await read(out), dQ: await read(dQ) };
  await device[Symbol.asyncDispose]();
  return result;
}

/** Positions all of whose numbers are not finite. */
function broken(values: Float32Array): number[] {
  return Array.from({ length: T }, (_, t) => t).filter((t) =>
    values.subarray(t * HEAD, (t + 1) * HEAD).every((x) => !Number.isFinite(x))
  );
}

const from = (first: number, to: number) =>
  Array.from({ length: to - first }, (_, i) => first + i);

for (const blas of ["auto", "off"] as const) {
  Deno.test(`NaN and infinity reach all queries that see them, and no other, blas ${blas}`, async () => {
    for (
      const [value, position, window] of [
        [NaN, 130, null],
        [Infinity, 5, 21],
      ] as const
    ) {
      const poison = { at: "k", position, value } as const;
      const { out, dQ } = await attention(poison, { blas, window });
      const seen = from(position, Math.min(T, position + (window ?? T)));
      assert.deepEqual(broken(out), seen);
      assert.deepEqual(broken(dQ), seen);
    }
    const poison = { at: "q", position: 150, value: NaN } as const;
    const { out } = await attention(poison, { blas, window: null });
    assert.deepEqual(broken(out), [150]);
  });
}
