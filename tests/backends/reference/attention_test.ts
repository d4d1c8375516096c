/** Numbers that were not computed here: from PyTorch 2.13 in float64 (transformers' own rotary embedding), or by hand. */
import { assertNear, type Given, runKernel } from "./_run.ts";

const i32 = (...of: number[]): Given => ({ dtype: "i32", of });

Deno.test("attention is torch's, causal, with two query heads to a key head, and so is its gradient", () => {
  const q = [
    -0.25,
    -1.25,
    1.0,
    2.0,
    -1.5,
    -2.0,
    2.0,
    0.5,
    -0.5,
    -0.75,
    2.0,
    0.5,
    1.25,
    0.25,
    0.0,
    -0.25,
  ];
  const k = [-1.25, -0.5, 2.0, 0.75, -2.0, 0.5, 1.75, -0.75];
  const v = [0.25, -1.5, -0.25, 0.0, 0.75, 1.5, -2.0, -0.75];
  const dOut = [
    -1.25,
    2.0,
    0.75,
    -1.0,
    2.0,
    -1.5,
    2.0,
    -1.75,
    -0.25,
    -1.0,
    -0.75,
    -1.0,
    2.0,
    -0.5,
    -2.0,
    0.0,
  ];
  const attributes = {
    B: 1,
    T: 4,
    heads: 2,
    kvHeads: 1,
    headDim: 2,
    causal: true,
    scale: Math.SQRT1_2,
    window: null,
    softcap: null,
  };
  const segments = i32(1, 1, 1, 1);
  const [out, lse] = runKernel("attention", attributes, {
    inputs: [q, k, v, segments],
    outputs: [16, 8],
  });
  // deno-fmt-ignore
  assertNear(out, [0.25, -1.5, 0.25, -1.5, 0.2472972348, -1.4918917044, -0.2467779835, -0.0096660494, 0.4063773873,
    -0.1809877061, -0.2436209013, -0.0048845033, -0.8575594547, -0.2887253167, -0.3832759094, -0.2786889214]);
  // deno-fmt-ignore
  assertNear(lse, [0.6629126074, -1.5909902577, 2.038352189, 3.100057053, 1.3648406697, 3.1032293668, 2.4240243669,
    1.3926296201]);
  const inputs = [q, k, v, segments, out, lse, dOut];
  const [dQ, dK, dV] = runKernel("attention_backward", attributes, {
    inputs,
    outputs: [16, 8, 8],
  });
  // deno-fmt-ignore
  assertNear(dQ, [0.0, 0.0, 0.0, 0.0, -0.0401546715, -0.0154441044, -0.0533367393, -0.0205141305, 0.3690611943,
    -0.4977247173, 0.0035514971, -0.0051270452, -0.1502169722, 0.7199965506, 2.0856109171, -0.5778517208]);
  // deno-fmt-ignore
  assertNear(dK, [-0.1572694828, -0.3129018652, 0.5466797749, 0.1396009131, 0.2720316485, 0.4677178587, -0.6614419405,
    -0.2944169067]);
  // deno-fmt-ignore
  assertNear(dV, [0.8787085374, -1.0410442763, 1.9834932387, -3.118020867, -0.5234962313, -0.4087909094, 0.1612944551,
    -0.1821439473]);
});

Deno.test("attention both ways keeps to segments and window and caps scores as torch does, and so does its gradient", () => {
  const q = [1.25, 0.5, 1.25, 1.25, -1.25, 1.5, 0.25, 1.75, -0.5, 0.25];
  const k = [-1.5, 1.25, -1.25, -0.5, -0.75, 0.5, -1.0, -1.5, 0.75, 0.75];
  const v = [-1.75, 1.25, 0.25, -1.25, 0.0, 0.0, -0.25, -1.75, 2.0, 1.0];
  const dOut = [-1.0, 1.75, 0.0, -1.5, 1.0, -0.25, 0.5, 1.5, -1.5, -1.5];
  const attributes = {
    B: 1,
    T: 5,
    heads: 1,
    kvHeads: 1,
    headDim: 2,
    causal: false,
    scale: 0.5,
    window: 2,
    softcap: 3,
  };
  const segments = i32(1, 1, 1, 2, 2);
  const [out, lse] = runKernel("attention", attributes, {
    inputs: [q, k, v, segments],
    outputs: [10, 5],
  });
  // deno-fmt-ignore
  assertNear(out, [-0.8810135569, 0.1637669461, -0.6836142902, 0.306023817, 0.0992249251, -0.4961246253, 1.7482261567,
    0.6922764137, 0.7873098631, -0.482176834]);
  assertNear(lse, [
    -0.046079031,
    0.7235132397,
    1.3278565283,
    0.8534263381,
    0.6805800301,
  ]);
  const inputs = [q, k, v, segments, out, lse, dOut];
  const [dQ, dK, dV] = runKernel("attention_backward", attributes, {
    inputs,
    outputs: [10, 10, 10],
  });
  // deno-fmt-ignore
  assertNear(dQ, [-0.2304207188, 1.2956351274, 0.1503301528, -0.4058880659, -0.0359293971, -0.0641847972, 0.3929894822,
    0.4975270734, -1.6295707103, -2.0952705691]);
  // deno-fmt-ignore
  assertNear(dK, [0.5714869828, 0.0088639768, -0.7595565777, -0.0408773365, 0.196555612, 0.0253232927, -0.5179686545,
    -0.1330316399, 0.526752095, 0.1964097018]);
  // deno-fmt-ignore
  assertNear(dV, [-0.5655067784, 0.3672273355, -0.0375935213, 0.4059572663, 0.6031002998, -0.7731846017, -0.7525103483,
    -0.6406108624, -0.2474896517, 0.6406108624]);
});

Deno.test("attention over a cache gives the rows of attention over everything", () => {
  const q = [
    -0.25,
    -1.25,
    1.0,
    2.0,
    -1.5,
    -2.0,
    2.0,
    0.5,
    -0.5,
    -0.75,
    2.0,
    0.5,
    1.25,
    0.25,
    0.0,
    -0.25,
  ];
  const k = [-1.25, -0.5, 2.0, 0.75, -2.0, 0.5, 1.75, -0.75];
  const v = [0.25, -1.5, -0.25, 0.0, 0.75, 1.5, -2.0, -0.75];
  const attributes = {
    B: 1,
    T: 2,
    heads: 2,
    kvHeads: 1,
    headDim: 2,
    causal: true,
    scale: Math.SQRT1_2,
    window: null,
    softcap: null,
    slots: 2,
    capacity: 6,
  };
  const unused = new Array(4).fill(9);
  const other = new Array(12).fill(7);
  const [out] = runKernel("attention_cached", attributes, {
    inputs: [
      q.slice(8),
      [...other, ...k, ...unused],
      [...other, ...v, ...unused],
      i32(2),
      i32(1),
    ],
    outputs: [8],
  });
  // deno-fmt-ignore
  assertNear(out, [0.4063773873, -0.1809877061, -0.2436209013, -0.0048845033, -0.8575594547, -0.2887253167,
    -0.3832759094, -0.2786889214]);
});
