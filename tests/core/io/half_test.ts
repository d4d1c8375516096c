import assert from "node:assert/strict";
import {
  bf16ToF32,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
} from "../../../core/io/half.ts";

const ALL = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The value of f16 bits by the definition of the format. */
function f16(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The value of bf16 bits by the definition of the format. */
function bf16(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 7) & 255;
  const fraction = bits & 127;
  if (exponent === 255) return fraction ? NaN : sign * Infinity;
  return exponent === 0
    ? sign * fraction * 2 ** -133
    : sign * (128 + fraction) * 2 ** (exponent - 134);
}

const FORMATS = [
  {
    name: "f16",
    value: f16,
    widen: f16ToF32,
    narrow: f32ToF16,
    largest: 0x7bff,
  },
  {
    name: "bf16",
    value: bf16,
    widen: bf16ToF32,
    narrow: f32ToBf16,
    largest: 0x7f7f,
  },
];

for (const { name, value, widen, narrow, largest } of FORMATS) {
  Deno.test(`${name} widens all 65,536 patterns to their value`, () => {
    const wide = widen(ALL);
    for (const bits of ALL) {
      assert.ok(Object.is(wide[bits], value(bits)), `${bits}: ${wide[bits]}`);
    }
  });

  Deno.test(`${name} narrows each of its values to its own bits`, () => {
    const back = narrow(widen(ALL));
    for (const bits of ALL) {
      const isNaN = Number.isNaN(value(bits));
      assert.ok(
        isNaN ? Number.isNaN(value(back[bits])) : back[bits] === bits,
        `${bits} came back as ${back[bits]}`,
      );
    }
  });

  Deno.test(`${name} rounds to the nearest, ties to the even pattern`, () => {
    for (let bits = 0; bits < largest; bits++) {
      const [below, above] = [value(bits), value(bits + 1)];
      const middle = (below + above) / 2; // exact in float32
      const even = bits % 2 === 0 ? bits : bits + 1;
      const nudge = (middle - below) / 64;
      const found = narrow(
        Float32Array.of(middle, -middle, middle - nudge, middle + nudge),
      );
      assert.deepEqual(
        [...found],
        [even, even + 0x8000, bits, bits + 1],
        `between ${bits} and ${bits + 1}`,
      );
    }
  });

  Deno.test(`${name} keeps infinities, NaN and what is too large apart`, () => {
    const payload = new Float32Array(
      Uint32Array.of(0x7f800001, 0xff800001).buffer,
    );
    const max = value(largest);
    const step = max - value(largest - 1);
    const found = narrow(
      Float32Array.of(
        Infinity,
        -Infinity,
        NaN,
        max + step * 0.49,
        max + step / 2,
      ),
    );
    assert.equal(value(found[0]), Infinity);
    assert.equal(value(found[1]), -Infinity);
    assert.ok(Number.isNaN(value(found[2])));
    assert.equal(found[3], largest);
    assert.equal(value(found[4]), Infinity);
    for (const bits of narrow(payload)) assert.ok(Number.isNaN(value(bits)));
  });
}

Deno.test("a conversion into an array of another length is refused", () => {
  assert.throws(() => f16ToF32(ALL, new Float32Array(3)), RangeError);
});
