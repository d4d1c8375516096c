import assert from "node:assert/strict";
import { readIntrinsics } from "../../../../core/config/parts/intrinsics.ts";

Deno.test("what was changed, taken away or added to every object is found and put back", () => {
  const { map } = Array.prototype;
  const { parse } = JSON;
  const changes: readonly [() => void, string][] = [
    [() => (Array.prototype.map = () => []), "Array.prototype.map"],
    [() => (JSON.parse = () => 5), "JSON.parse"],
    [
      () => Reflect.deleteProperty(String.prototype, "slice"),
      "String.prototype.slice",
    ],
    [
      () => Object.assign(Object.prototype, { polluted: 1 }),
      "Object.prototype.polluted",
    ],
    [
      () => Object.assign(Array.prototype, { last: () => 1 }),
      "Array.prototype.last",
    ],
    [
      () =>
        Object.defineProperty(Promise.prototype, "then", { value: () => {} }),
      "Promise.prototype.then",
    ],
    [
      () =>
        Object.defineProperty(
          Object.getPrototypeOf(Float32Array.prototype),
          "length",
          { get: () => 0 },
        ),
      "TypedArray.prototype.length",
    ],
    [() => (Math.exp = () => 1), "Math.exp"],
  ];
  for (const [change, name] of changes) {
    const intrinsics = readIntrinsics();
    change();
    assert.equal(intrinsics.restore(), name);
    assert.equal(intrinsics.restore(), null);
  }
  assert.equal(Array.prototype.map, map);
  assert.equal(JSON.parse, parse);
  assert.ok(!("polluted" in {}));
  assert.equal("abc".slice(1), "bc");
});

Deno.test("a polyfill that adds a method elsewhere is left", () => {
  const intrinsics = readIntrinsics();
  Reflect.set(Math, "nonesuch", () => 1);
  assert.equal(intrinsics.restore(), null);
  Reflect.deleteProperty(Math, "nonesuch");
});
