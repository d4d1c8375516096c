import assert from "node:assert/strict";
import {
  exactJson,
  numberText,
  parseExactJson,
  plainNumbers,
  randomFrom,
  textOfNumber,
} from "@denotune/denotune/core";

Deno.test("parseExactJson keeps the text of numbers that JavaScript would write otherwise, and of no others", () => {
  const text =
    '{"a": 10.0, "b": [1234567890123456789, 1e5, -0, 2E3, 0.0], "c": 2.50, "d": 7, "e": "10.0", "f": 123456789012345}';
  assert.deepEqual(parseExactJson(text), {
    a: numberText("10.0"),
    b: ["1234567890123456789", "1e5", "-0", "2E3", "0.0"].map(numberText),
    c: 2.5,
    d: 7,
    e: "10.0",
    f: 123456789012345,
  });
  assert.deepEqual(plainNumbers(parseExactJson(text)), JSON.parse(text));
  assert.equal(textOfNumber(numberText("10.0")), "10.0");
  assert.equal(textOfNumber({ a: 1 }), undefined);
  assert.equal(exactJson('{"a": 10.5, "b": "10.0", "c": 3}'), undefined);
  assert.deepEqual(exactJson('{"a": 10.0}'), { a: numberText("10.0") });
});

Deno.test("parseExactJson and JSON.parse agree in everything but how numbers are written", () => {
  const random = randomFrom(3, 9);
  const digits = (count: number): string =>
    Array.from({ length: count }, () => random.below(10)).join("");
  for (let i = 0; i < 3000; i++) {
    const whole = String(BigInt(digits(1 + random.below(20))));
    const fraction = random.below(2) === 0
      ? ""
      : `.${digits(1 + random.below(4))}`;
    const exponent = random.below(4) > 0 ? "" : `e${random.below(20) - 10}`;
    const number = (random.below(4) === 0 ? "-" : "") + whole + fraction +
      exponent;
    const text = `{"x": [${number}, "${number}"], "k": {"y": ${number}}}`;
    const exact = parseExactJson(text);
    assert.deepEqual(plainNumbers(exact), JSON.parse(text), text);
    // written as it is where it is kept, else as JavaScript writes it without loss
    const kept = JSON.stringify(exact).includes("as written");
    const value = Number(number);
    assert.equal(
      kept,
      Number.isInteger(value) && String(value) !== number,
      number,
    );
    assert.deepEqual(structuredClone(exact), exact);
  }
});
