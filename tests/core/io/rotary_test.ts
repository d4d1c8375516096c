/**
 * Frequencies against those of transformers 5.23 (torch 2.13, float32): the same bits, but for the last one
 * where torch's own power function is not correctly rounded.
 */
import assert from "node:assert/strict";
import {
  type RopeScaling,
  rotaryFrequencies,
  rotaryTable,
} from "../../../core/io/rotary.ts";

const LLAMA3: RopeScaling = {
  type: "llama3",
  theta: 500000,
  factor: 8,
  lowFrequency: 1,
  highFrequency: 4,
  originalPositions: 8192,
};

const CASES: readonly [RopeScaling, { readonly [index: number]: number }][] = [[
  { type: "default", theta: 10000 },
  {
    0: 1.0,
    1: 0.7498942017555237,
    9: 0.07498941570520401,
    13: 0.0237137358635664,
    14: 0.017782794311642647,
    15: 0.01333521492779255,
    16: 0.009999999776482582,
    31: 0.0001333521504420787,
  },
], [{ type: "linear", theta: 10000, factor: 3 }, {
  0: 0.3333333432674408,
  1: 0.24996472895145416,
  9: 0.024996472522616386,
  13: 0.007904578931629658,
  14: 0.005927598103880882,
  15: 0.0044450717978179455,
  16: 0.003333333181217313,
  31: 4.4450716814026237e-05,
}], [LLAMA3, {
  0: 1.0,
  1: 0.663601279258728,
  9: 0.02495540864765644,
  13: 0.00483942124992609,
  14: 0.0032114461064338684,
  15: 0.0013718936825171113,
  16: 0.0005248460220173001,
  31: 3.76732259610435e-07,
}]];

for (const [scaling, wanted] of CASES) {
  Deno.test(`${scaling.type} frequencies equal those of transformers`, () => {
    const found = rotaryFrequencies(scaling, { headDim: 64, positions: 32 });
    assert.equal(found.length, 32);
    for (const [i, value] of Object.entries(wanted)) {
      assert.equal(found[Number(i)], value, `frequency ${i}`);
    }
  });
}

Deno.test("a rotary table holds cosines, then sines, of position times frequency", () => {
  const scaling: RopeScaling = { type: "default", theta: 10000 };
  const table = rotaryTable(scaling, { positions: 5, headDim: 4 });
  assert.equal(table.length, 20);
  assert.deepEqual([...table.subarray(0, 4)], [1, 1, 0, 0]);
  const angle = Math.fround(3 * Math.fround(0.01));
  assert.deepEqual(
    [...table.subarray(12, 16)],
    [Math.cos(3), Math.cos(angle), Math.sin(3), Math.sin(angle)].map(
      Math.fround,
    ),
  );
});
