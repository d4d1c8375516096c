import assert from "node:assert/strict";
import { DataError } from "../../../core/contracts/errors.ts";
import { parseJson, readJsonObject } from "../../../core/io/json_file.ts";

const BROKEN: readonly [text: string, place: string, found: string][] = [
  ['{"a": 1,\n "b": }', "2:7", 'unexpected "}"'],
  ['{"a": 1', "1:8", "the text ends too early"],
  ['{\n"a" 1}', "2:5", 'unexpected "1"'],
  ["{a: 1}", "1:2", 'unexpected "a"'],
  ["", "1:1", "the text ends too early"],
  ['{"a": "x\ny"}', "1:7", 'unexpected "\\""'],
  ['{"a": NaN}', "1:7", 'unexpected "N"'],
  ["[1,\n2,\n]", "3:1", 'unexpected "]"'],
  ["{}\n x", "2:2", 'unexpected "x"'],
  ['{"a": [1, {"b": 2}, tru]}', "1:21", 'unexpected "t"'],
  ['{"a": 01}', "1:8", 'unexpected "1"'],
  ['{"a": 1,}', "1:9", 'unexpected "}"'],
];

for (const [text, place, found] of BROKEN) {
  Deno.test(`broken JSON is found at ${place}: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseJson(text, "config.json"),
      (error) =>
        error instanceof DataError &&
        error.message === `config.json:${place}: broken JSON: ${found}`,
    );
  });
}

Deno.test("a JSON file that is absent is null, one that is no object is refused", () => {
  assert.equal(readJsonObject("/nowhere/config.json"), null);
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, "[1]");
    assert.throws(
      () => readJsonObject(path),
      /expected a JSON object, found a list/,
    );
  } finally {
    Deno.removeSync(path);
  }
});
