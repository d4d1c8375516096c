import assert from "node:assert/strict";
import { parseYaml } from "../../../../core/config/parse/yaml.ts";
import {
  at,
  keyOriginAt,
  originAt,
  plain,
} from "../../../../core/config/parse/tree.ts";

const source = { place: "run.yaml", base: "/run", lines: true };

function tree(text: string) {
  const parsed = parseYaml(text, source);
  assert.ok(parsed);
  return parsed;
}

Deno.test("every key and value of a YAML text knows its line and column", () => {
  const run = tree("seed: 1\ndata:\n  train:\n    - {path: a.jsonl}\n");
  assert.deepEqual(plain(run), {
    seed: 1,
    data: { train: [{ path: "a.jsonl" }] },
  });
  assert.equal(
    originAt(run, ["data", "train", 0, "path"]).place,
    "run.yaml:4:14",
  );
  assert.equal(
    keyOriginAt(run, ["data", "train", 0, "path"]).place,
    "run.yaml:4:8",
  );
  assert.equal(
    originAt(run, ["data", "train", 7, "path"]).place,
    "run.yaml:4:5",
    "what is missing: where it should be",
  );
});

Deno.test("line endings of Windows and a byte order mark change no positions", () => {
  const run = tree("\uFEFFseed: 1\r\nmodel:\r\n  path: x\r\n");
  assert.deepEqual(plain(run), { seed: 1, model: { path: "x" } });
  assert.equal(originAt(run, ["model", "path"]).place, "run.yaml:3:9");
});

Deno.test("a run file may be JSON", () => {
  const run = tree('{\n  "seed": 1,\n  "data": {"train": [{"path": "a"}]}\n}');
  assert.deepEqual(plain(run), { seed: 1, data: { train: [{ path: "a" }] } });
  assert.equal(originAt(run, ["data", "train"]).place, "run.yaml:3:21");
});

Deno.test("numbers are read as YAML 1.2 reads them, yes and no as text", () => {
  assert.deepEqual(
    plain(tree("a: 1e-4\nb: 5.0e-5\nc: yes\nd: 010\ne: ~\nf: .inf")),
    {
      a: 1e-4,
      b: 5e-5,
      c: "yes",
      d: 10,
      e: null,
      f: Infinity,
    },
  );
});

Deno.test("a key that is given twice is refused with both places", () => {
  assert.throws(
    () => tree("seed: 1\nmodel:\n  path: a\n  path: b\nseed: 2\n"),
    {
      name: "ConfigError",
      message: "The run has 2 problems:\n" +
        "  run.yaml:4:3: `path` is given twice, first at run.yaml:3:3; remove one\n" +
        "  run.yaml:5:1: `seed` is given twice, first at run.yaml:1:1; remove one",
    },
  );
});

Deno.test("broken YAML is refused with line and column, every break at once", () => {
  assert.throws(
    () => tree("seed: 1\ndata: [1, 2\nmodel: {path: x\n"),
    (error: Error) => {
      assert.match(error.message, /^The run has \d problems:/);
      assert.match(error.message, /run\.yaml:3:1: /);
      assert.match(error.message, /run\.yaml:4:1: /);
      return true;
    },
  );
});

Deno.test("several documents, unknown tags and keys that are lists are refused", () => {
  assert.throws(
    () => tree("a: 1\n---\nb: 2\n"),
    /run\.yaml:2:1: begins a second document/,
  );
  assert.throws(
    () => tree("a: !secret x\n"),
    /run\.yaml:1:4: unresolved tag: !secret/,
  );
  assert.throws(
    () => tree("? [a, b]\n: 1\n"),
    /run\.yaml:1:3: a key must be a word/,
  );
});

Deno.test("anchors are followed, but not in circles and not without end", () => {
  assert.deepEqual(plain(tree("a: &x {b: 1}\nc: *x\n")), {
    a: { b: 1 },
    c: { b: 1 },
  });
  assert.throws(
    () => tree("a: &x\n  b: *x\n"),
    /run\.yaml:2:6: `\*x` refers to itself/,
  );
  assert.throws(() => tree("a: *nowhere\n"), /run\.yaml:1:4: /);
  const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++) {
    bomb.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join(", ")}]`);
  }
  assert.throws(() => tree(bomb.join("\n")), /holds more than 100000 values/);
});

Deno.test("an alias is the nearest anchor before it; many aliases take no longer than many values", () => {
  assert.deepEqual(plain(tree("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")), {
    a: 1,
    b: 1,
    c: 2,
    d: 2,
  });
  assert.throws(() => tree("a: *x\nb: &x 1\n"), /run\.yaml:1:4: /);
  // each looked for from the beginning, these took half a minute
  const count = 10_000;
  const many = tree(
    Array.from({ length: count }, (_, i) => `a${i}: &x${i} 1\nb${i}: *x${i}\n`)
      .join(""),
  );
  assert.equal(Object.keys(Object(plain(many))).length, 2 * count);
});

Deno.test("what is nested too deep says so, in every style", () => {
  for (
    const text of [
      "a: " + "[".repeat(20_000) + "]".repeat(20_000),
      "- ".repeat(20_000) + "x",
      "a: " + "{a: ".repeat(20_000) + "}".repeat(20_000),
    ]
  ) assert.throws(() => tree(text), /is nested too deep/);
});

Deno.test("an empty text holds nothing", () => {
  assert.equal(parseYaml("", source), null);
  assert.equal(parseYaml("# only a comment\n", source), null);
});

Deno.test("a key named __proto__ is a key", () => {
  const run = tree("__proto__: {seed: 1}\n");
  assert.ok(at(run, ["__proto__", "seed"]));
  assert.deepEqual(Object.keys(Object(plain(run))), ["__proto__"]);
});
