import { randomFrom } from "../../../core/random.ts";
import type { AttentionAttributes } from "../../../core/graph/plan.ts";
import { assertNear, runKernel } from "./_run.ts";

const VARIANTS: Record<string, Partial<AttentionAttributes>> = {
  "causal": {},
  "both ways": { causal: false },
  "in a window with softcap": { window: 2, softcap: 1.5 },
  "with shared key heads": { heads: 4, kvHeads: 2 },
};

for (const [name, change] of Object.entries(VARIANTS)) {
  Deno.test(`attention_backward ${name} agrees with finite differences`, () => {
    const attributes = {
      B: 2,
      T: 5,
      heads: 2,
      kvHeads: 1,
      headDim: 3,
      causal: true,
      scale: 0.7,
      window: null,
      softcap: null,
      ...change,
    };
    const random = randomFrom(3);
    const normal = (n: number) =>
      Float64Array.from({ length: n }, () => random.normal());
    const width = attributes.heads * 3;
    const kvWidth = attributes.kvHeads * 3;
    const [q, k, v, dOut] = [
      normal(10 * width),
      normal(10 * kvWidth),
      normal(10 * kvWidth),
      normal(10 * width),
    ];
    const segments = {
      dtype: "i32",
      of: [1, 1, 1, 1, 0, 1, 1, 2, 2, 2],
    } as const;
    const outputs = [10 * width, 10 * attributes.heads];
    const forward = () =>
      runKernel("attention", attributes, {
        inputs: [q, k, v, segments],
        outputs,
      });
    const loss = () => forward()[0].reduce((sum, x, i) => sum + x * dOut[i], 0);
    const [out, lse] = forward();
    const gradients = runKernel("attention_backward", attributes, {
      inputs: [q, k, v, segments, out, lse, dOut],
      outputs: [q.length, k.length, v.length],
    });
    // Central differences in double precision: the error is h^2 + 1e-16 / h, some 1e-10.
    const h = 1e-5;
    for (const [n, x] of [q, k, v].entries()) {
      const numeric = x.map((at, i) => {
        x[i] = at + h;
        const above = loss();
        x[i] = at - h;
        const below = loss();
        x[i] = at;
        return (above - below) / (2 * h);
      });
      assertNear(gradients[n], numeric, 1e-8);
    }
  });
}
