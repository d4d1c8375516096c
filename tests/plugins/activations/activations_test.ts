import assert from "node:assert/strict";
import { type Activation, elementwise, input } from "@denotune/denotune/core";
import { activations } from "../../../plugins/activations/mod.ts";
import { testActivation } from "../../conformance/activation.ts";
import { evaluate } from "../../conformance/expression.ts";
import { assertGradients } from "../../graph_harness.ts";
import { testHost } from "../../conformance/host.ts";

const host = testHost();

async function make(name: string): Promise<Activation> {
  const part = activations.find((p) => p.name === name)!;
  return await part.create({}, host) as Activation;
}

/** Values of PyTorch 2.13 in float64 at -2, -0.5, 0, 0.5, 3. */
const WANTED: Readonly<Record<string, readonly number[]>> = {
  silu: [
    -0.2384058440442351,
    -0.1887703343990727,
    0,
    0.3112296656009273,
    2.8577223804672998,
  ],
  gelu: [
    -0.04550026389635842,
    -0.15426876936299344,
    0,
    0.34573123063700656,
    2.99595030590511,
  ],
  "gelu-tanh": [
    -0.04540230591222494,
    -0.15428599017485606,
    0,
    0.34571400982514394,
    2.996362607918227,
  ],
  relu: [0, 0, 0, 0.5, 3],
};

for (const [name, wanted] of Object.entries(WANTED)) {
  testActivation(
    name,
    () => make(name),
    [-2, -0.5, 0, 0.5, 3].map((x, i) => [x, wanted[i]] as const),
  );

  Deno.test(`${name} has PyTorch's values`, async () => {
    const e = (await make(name)).apply(input(0)).node;
    [-2, -0.5, 0, 0.5, 3].forEach((x, i) => {
      const y = evaluate(e, () => x);
      assert.ok(Math.abs(y - wanted[i]) < 1e-12, `${x}: ${y}`);
    });
  });

  Deno.test(`the derivative of ${name} is its slope`, async () => {
    const activation = await make(name);
    await assertGradients({
      variables: {
        x: {
          shape: [2, 3],
          data: Float32Array.of(-3, -1, -0.25, 0.25, 1, 2.5),
        },
      },
      forward: (graph, v) =>
        elementwise(graph, [v("x")], (x) => activation.apply(x)),
    });
  });
}
