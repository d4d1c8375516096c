/** What two tensors, tokenizers or templates differ in is named. */
import assert from "node:assert/strict";
import type { ExportTensor } from "../../../../core/contracts/exporter.ts";
import { compareTensors } from "../../../../core/library/export/compare_tensors.ts";
import { compareTokenizerJson } from "../../../../core/library/export/compare_tokenizer_json.ts";

function tensor(
  name: string,
  shape: readonly number[],
  values: readonly number[],
): ExportTensor {
  const data = Float32Array.from(values);
  return { name, shape, read: (start, n) => data.subarray(start, start + n) };
}

async function faultsOf(
  wanted: readonly number[],
  found: readonly number[],
  error = { block: 1, relative: 0, absolute: 0 },
): Promise<string[]> {
  const faults: string[] = [];
  const shape = [2, wanted.length / 2];
  await compareTensors([tensor("w", shape, wanted)], [
    tensor("w", shape, found),
  ], { exporter: { storageError: () => error }, faults });
  return faults;
}

Deno.test("a number that is off is named with its place, both values and the bound", async () => {
  assert.deepEqual(await faultsOf([1, 2, 3, 4], [1, 2, 3, 4]), []);
  assert.deepEqual(await faultsOf([1, 2, 3, 4], [1, 2, 3.5, 4]), [
    "tensor w[1, 0] is 3.5 in the file, 3 as trained: 0.5 off, where f32 allows 0",
  ]);
  assert.match((await faultsOf([1, 2, 3, 4], [1, NaN, 3, 4]))[0], /is NaN/);
  assert.match((await faultsOf([0, 0], [0, 1e-9]))[0], /1e-9 off/);
});

Deno.test("the error of a block is a share of its largest number, and blocks end with rows", async () => {
  const error = { block: 2, relative: 0.1, absolute: 0 };
  // rows of 3: blocks of 2 and 1
  const wanted = [10, 1, 1, 10, 1, 1];
  assert.deepEqual(
    await faultsOf(wanted, [9, 2, 1.0625, 11, 1, 0.9375], error),
    [],
  );
  const [fault] = await faultsOf(wanted, [10, 1, 1.5, 10, 1, 1], error);
  assert.match(fault, /w\[0, 2\] is 1\.5 .* allows 0\.1/);
});

Deno.test("missing, additional and misshapen tensors are named", async () => {
  const faults: string[] = [];
  await compareTensors(
    [tensor("a", [2], [1, 2]), tensor("b", [2], [1, 2])],
    [tensor("a", [2, 1], [1, 2]), tensor("c", [1], [1])],
    { exporter: { storageError: () => ({ block: 1, relative: 0 }) }, faults },
  );
  assert.deepEqual(faults, [
    "the file lacks 1 of 2 tensors: b",
    "the file holds 1 tensors that were not trained: c",
    "tensor a is (2, 1) in the file, (2) as trained",
  ]);
});

Deno.test("what differs in a tokenizer.json is named, however its rules are written", () => {
  const base = {
    model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] },
    added_tokens: [{ id: 0, content: "a" }],
    pre_tokenizer: null,
  };
  const differ = (change: object) => {
    const faults: string[] = [];
    compareTokenizerJson(
      JSON.stringify({ ...base, ...change }),
      JSON.stringify(base),
      faults,
    );
    return faults;
  };
  const model = (change: object) => ({ model: { ...base.model, ...change } });
  assert.deepEqual(differ(model({ merges: [["a", "b"]] })), []);
  assert.deepEqual(differ(model({ merges: ["b a"] })), [
    'merge rule 1 is "b a" in the file, "a b" as trained',
  ]);
  assert.deepEqual(differ(model({ merges: [] })), [
    "the file has 0 merge rules, 1 were trained with",
  ]);
  assert.deepEqual(differ(model({ vocab: { a: 1, b: 0, ab: 2 } })), [
    'token "a" has id 1 in the file, 0 as trained',
    'token "b" has id 0 in the file, 1 as trained',
  ]);
  assert.deepEqual(differ({ pre_tokenizer: { type: "ByteLevel" } }), [
    'pre_tokenizer of tokenizer.json is {"type":"ByteLevel"} in the file, null as trained',
  ]);
  assert.match(differ({ added_tokens: [] })[0], /0 added tokens, 1 were/);
  const many = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [`t${i}`, i]),
  );
  assert.match(differ(model({ vocab: many })).at(-1) ?? "", /9 more tokens/);
});
