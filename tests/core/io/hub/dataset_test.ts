import assert from "node:assert/strict";
import { readCard } from "../../../../core/io/hub/dataset/card.ts";
import { defaultSplits } from "../../../../core/io/hub/dataset/default_splits.ts";
import { globMatcher } from "../../../../core/io/hub/dataset/glob.ts";
import {
  parseSplit,
  rowsOf,
} from "../../../../core/io/hub/dataset/split_expression.ts";
import { joinedStore } from "../../../../core/data/prepared/joined_store.ts";
import { rowsStore } from "../../../../core/data/rows_store.ts";

Deno.test("patterns mean what shells and the Hub's tools take them for", () => {
  const fits = (pattern: string, path: string) => globMatcher(pattern)(path);
  for (
    const [pattern, yes, no] of [
      ["*.json", ["a.json", ".json"], ["a/b.json", "a.jsonl"]],
      ["data/train-*", ["data/train-00", "data/train-"], [
        "data/x/train-0",
        "train-0",
      ]],
      ["**", ["a", "a/b", "a/b/c"], []],
      ["**/x.csv", ["x.csv", "a/x.csv", "a/b/x.csv"], ["a/y.csv", "ax.csv"]],
      ["a/**/b", ["a/b", "a/c/b", "a/c/d/b"], ["a/b/c"]],
      ["a?c", ["abc", "aéc"], ["ac", "a/c"]],
      ["s-[0-9][0-9]", ["s-42"], ["s-4", "s-4x"]],
      ["[!a]b", ["cb"], ["ab"]],
      ["[]a]", ["]", "a"], ["b"]],
      ["a[", ["a["], ["a"]],
      ["./a//b", ["a/b"], ["a"]],
      ["a*b*c", ["abc", "aXbYc", "abbcc"], ["ab", "acb"]],
    ] as const
  ) {
    for (const path of yes) {
      assert.ok(fits(pattern, path), `${pattern} ${path}`);
    }
    for (const path of no) {
      assert.ok(!fits(pattern, path), `${pattern} ${path}`);
    }
  }
});

Deno.test("a stranger's pattern cannot take forever", () => {
  const pattern = `${"a*".repeat(200)}b`;
  assert.equal(globMatcher(pattern)("a".repeat(4000)), false);
  assert.equal(globMatcher(`${"**/a/".repeat(50)}b`)("a/".repeat(500)), false);
});

Deno.test("splits by name follow the rules of the Hub's tools, the first that finds one", () => {
  const splits = (...paths: string[]) =>
    Object.fromEntries(defaultSplits(paths));
  assert.deepEqual(splits("a.json", "b/c.json"), {
    train: ["a.json", "b/c.json"],
  });
  assert.deepEqual(splits("train.json", "eval.json", "other.json"), {
    train: ["train.json"],
    test: ["eval.json"],
  });
  assert.deepEqual(splits("x-valid.csv", "my_training_2.csv", "contest.csv"), {
    train: ["my_training_2.csv"],
    validation: ["x-valid.csv"],
  });
  assert.deepEqual(splits("train/test.json", "dev/a.json", "test.json"), {
    train: ["train/test.json"],
    validation: ["dev/a.json"],
  });
  assert.deepEqual(
    splits(
      "data/zh-00000-of-00001.json",
      "data/test-00000-of-00001-ab.parquet",
      "data/en.v1-00000-of-00001.json",
      "train.json",
    ),
    {
      test: ["data/test-00000-of-00001-ab.parquet"],
      "en.v1": ["data/en.v1-00000-of-00001.json"],
      zh: ["data/zh-00000-of-00001.json"],
    },
  );
  assert.deepEqual(splits(), {});
});

Deno.test("cards say their configurations in every way that is in use", () => {
  const card = (yaml: string) =>
    readCard(`---\n${yaml}\n---\ntext`, "README.md");
  assert.deepEqual(readCard("# no front matter\n---\na: 1\n---", "x"), []);
  assert.deepEqual(card("license: mit"), []);
  const files = (yaml: string) =>
    card(`configs:\n- config_name: a\n  ${yaml}`)[0].splits;
  const train = (...patterns: string[]) => [{ split: "train", patterns }];
  assert.deepEqual(files('data_files: "*.csv"'), train("*.csv"));
  assert.deepEqual(
    files("data_files: [a.csv, b.csv]"),
    train("a.csv", "b.csv"),
  );
  assert.deepEqual(files("data_files: [{split: test, path: [a, b]}]"), [{
    split: "test",
    patterns: ["a", "b"],
  }]);
  assert.deepEqual(files("data_files: {train: a, dev: [b]}"), [
    { split: "train", patterns: ["a"] },
    { split: "dev", patterns: ["b"] },
  ]);
  assert.deepEqual(card("configs:\r\n- data_dir: x\r\n  default: true"), [
    { name: "default", isDefault: true, dataDir: "x", splits: null },
  ]);
  assert.throws(
    () => card("configs: [{data_files: 7}]"),
    /README\.md: `configs` of default has `data_files` that are not understood/,
  );
  assert.throws(() => card("configs: 7"), /`configs` is no list/);
  assert.throws(
    () => card('configs: [{config_name: a, sep: ";", data_files: x}]'),
    /sets `sep`, which is not read/,
  );
  assert.throws(
    () => card("configs: [a"),
    /README\.md: the YAML at its top is broken/,
  );
});

Deno.test("slices are cut as the Hub's tools cut them", () => {
  const cut = (text: string, length: number) => {
    const [{ slice }] = parseSplit(text);
    assert.ok(slice !== null);
    const { from, to } = rowsOf(slice, length);
    return [from, to];
  };
  assert.deepEqual(cut("train[:]", 10), [0, 10]);
  assert.deepEqual(cut("train[2:5]", 10), [2, 5]);
  assert.deepEqual(cut("train[-3:]", 10), [7, 10]);
  assert.deepEqual(cut("train[:-3]", 10), [0, 7]);
  assert.deepEqual(cut("train[-30:-2]", 10), [0, 8]);
  assert.deepEqual(cut("train[:1_000]", 2000), [0, 1000]);
  assert.deepEqual(cut("train[10%:20%]", 999), [100, 200]);
  assert.deepEqual(cut("train[:50%]", 5), [0, 2]); // 2.5: to the even row
  assert.deepEqual(cut("train[:50%]", 7), [0, 4]); // 3.5
  assert.deepEqual(cut("train[-10%:]", 100), [90, 100]);
  assert.deepEqual(parseSplit(" a + b[:1] "), [
    { split: "a", slice: null },
    {
      split: "b",
      slice: { from: null, to: { value: 1, unit: "row" }, text: "b[:1]" },
    },
  ]);
  for (
    const wrong of [
      "",
      "a[1:2%]",
      "a[%:2%]",
      "a[1]",
      "a[::2]",
      "a+",
      "a b",
      "a[:101%]",
    ]
  ) {
    assert.throws(() => parseSplit(wrong), { name: "DataError" }, wrong);
  }
  assert.throws(
    () => cut("train[:11]", 10),
    /asks for train\[:11\], but there are only 10 rows/,
  );
});

Deno.test("joined stores give each row once, in order, and know what they hold", () => {
  const stores = [3, 0, 2].map((n, s) =>
    n === 0
      ? null
      : rowsStore(Array.from({ length: n }, (_, i) => `${s}${i}`), {
        name: `s${s}`,
      })
  ).filter((s) => s !== null);
  const whole = (i: number) => ({
    store: stores[i],
    from: 0,
    to: stores[i].length,
  });
  const joined = joinedStore([whole(0), { ...whole(1), to: 0 }, whole(1)]);
  assert.deepEqual(
    Array.from({ length: joined.length }, (_, i) => joined.at(i).value),
    ["00", "01", "02", "20", "21"],
  );
  assert.deepEqual(joined.at(4).where, { path: "s2", index: 4 });
  assert.throws(() => joined.at(5), RangeError);
  assert.throws(() => joined.at(-1), RangeError);
  assert.equal(joinedStore([whole(0)]).fingerprint, stores[0].fingerprint);
  const prints = [
    joined,
    joinedStore([whole(1), whole(0)]),
    joinedStore([{ ...whole(0), to: 2 }]),
  ].map((s) => s.fingerprint);
  assert.equal(new Set(prints).size, 3);
  assert.throws(() => joinedStore([{ ...whole(0), to: 4 }]), RangeError);
});
