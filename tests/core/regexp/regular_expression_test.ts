import assert from "node:assert/strict";
import { compileRegularExpression } from "../../../core/regexp/regular_expression.ts";

type Case =
  | readonly ["python", string, string, boolean]
  | readonly [
    "oniguruma",
    string,
    string,
    readonly (readonly [number, number])[],
  ];

const CASES: readonly Case[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../../golden/regular_expressions.json", import.meta.url),
  ),
);
const read = (source: string, dialect: "python" | "oniguruma" = "oniguruma") =>
  compileRegularExpression(source, { dialect, where: "a/tokenizer.json" });

Deno.test("expressions match what Python's re matches as a whole", () => {
  const cases = CASES.filter((one) => one[0] === "python");
  assert.ok(cases.length > 400);
  for (const [, source, text, expected] of cases) {
    assert.equal(
      read(source, "python").matchesAll(text),
      expected,
      JSON.stringify([source, text]),
    );
  }
});

Deno.test("expressions find what Oniguruma finds in tokenizers", () => {
  const cases = CASES.filter((one) => one[0] === "oniguruma");
  assert.ok(cases.length > 400);
  for (const [, source, text, expected] of cases) {
    // what is left between matches, in code points
    const kept: number[][] = [];
    const matches = read(source).matches(text);
    const points = (unit: number) => [...text.slice(0, unit)].length;
    let done = 0;
    for (let i = 0; i < matches.length; i += 2) {
      if (matches[i] > done) kept.push([points(done), points(matches[i])]);
      done = matches[i + 1];
    }
    if (done < text.length) kept.push([points(done), points(text.length)]);
    assert.deepEqual(kept, expected, JSON.stringify([source, text]));
  }
});

Deno.test("an expression that backtracks without end is stopped, and names its file", () => {
  for (
    const source of [
      "(a+)+$",
      "(a|a)*b",
      "(\\w*)*!",
      "(?:a?){30}a{30}",
      "(.*a){20}b",
    ]
  ) {
    const began = performance.now();
    assert.throws(() => read(source).matches(`${"a".repeat(40)}\u4e00`), {
      name: "ConfigError",
      message: /of a\/tokenizer\.json takes too many steps on a text of 41/,
    }, source);
    assert.ok(performance.now() - began < 60_000, source);
  }
});

Deno.test("a text of millions of letters is matched without a deep stack", () => {
  const text = "a".repeat(3_000_000);
  assert.deepEqual([...read("\\p{L}+|\\s").matches(text)], [0, text.length]);
  assert.equal(read("(?:ab?)+").matches(text.slice(0, 100_000)).length, 2);
});

Deno.test("what cannot be read is refused with the reason", () => {
  const refused: readonly [string, RegExp][] = [
    ["(a", /a \( has no \)/],
    ["a)", /a \) too many/],
    ["*a", /nothing is repeated by the "\*" at 0/],
    ["[a", /a class has no end/],
    ["[b-a]", /a range runs backwards/],
    ["(a)\\1", /\\1 is not supported/],
    ["\\p{Nonsense}", /no property of characters is called "Nonsense"/],
    ["(?<=a*)b", /looks behind at more than 255/],
    ["a{100001}", /repeats more than 100000 times/],
    ["(?:(?:ab){1000}){1000}", /too large/],
    ["(".repeat(500), /nested too deep/],
    ["[".repeat(500), /nested too deep/],
    ["a\\", /ends with a backslash/],
    ["(?z)a", /the option "z" is not known/],
  ];
  for (const [source, message] of refused) {
    assert.throws(() => read(source), { name: "DataError", message }, source);
  }
});
