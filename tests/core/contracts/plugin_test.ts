import assert from "node:assert/strict";
import { z } from "zod";
import {
  type AnyPart,
  choose,
  definePart,
  type Kind,
  KINDS,
} from "../../../core/contracts/plugin.ts";
import { partFault, Registry } from "../../../core/contracts/registry.ts";

function part(kind: Kind, name: string): AnyPart {
  return {
    kind,
    name,
    description: "x",
    options: z.strictObject({}),
    create: () => ({}),
  } as unknown as AnyPart;
}

function registryOf(...parts: AnyPart[]): Registry {
  const registry = new Registry();
  registry.add({ name: "first", api: 1, parts }, "./first.ts");
  return registry;
}

Deno.test("a registry finds parts by kind and name, and says who brought them", () => {
  const lion = part("optimizer", "lion");
  const registry = registryOf(
    lion,
    part("schedule", "lion"),
    part("optimizer", "adamw"),
  );
  assert.deepEqual(registry.find("optimizer", "lion"), {
    part: lion,
    plugin: "first",
    module: "./first.ts",
  });
  assert.equal(registry.find("masker", "lion"), undefined);
  assert.deepEqual(registry.names("optimizer"), ["adamw", "lion"]);
  assert.equal(registry.list().length, 3);
  assert.deepEqual(registry.plugins().map(({ module }) => module), [
    "./first.ts",
  ]);
});

Deno.test("names such as constructor and __proto__ are not found by accident", () => {
  const registry = registryOf();
  for (const name of ["constructor", "__proto__", "toString"]) {
    assert.equal(registry.find("optimizer", name), undefined);
  }
});

Deno.test("a duplicate part is refused, naming both plugins", () => {
  const registry = registryOf(part("optimizer", "lion"));
  assert.throws(
    () =>
      registry.add({
        name: "second",
        api: 1,
        parts: [part("optimizer", "lion")],
      }, "./second.ts"),
    {
      name: "PluginError",
      message:
        'Two plugins bring the optimizer "lion": "first" (./first.ts) and "second" (./second.ts); remove or rename one',
    },
  );
  assert.throws(
    () => registryOf(part("optimizer", "lion"), part("optimizer", "lion")),
    {
      message:
        'Plugin "first" (./first.ts) brings the optimizer "lion" twice; remove or rename one',
    },
  );
});

Deno.test("a refused plugin leaves nothing behind", () => {
  const registry = registryOf(part("optimizer", "lion"));
  assert.throws(() =>
    registry.add({
      name: "second",
      api: 1,
      parts: [part("optimizer", "new"), part("optimizer", "lion")],
    }, "./second.ts")
  );
  assert.equal(registry.find("optimizer", "new"), undefined);
  assert.equal(registry.plugins().length, 1);
});

Deno.test("a plugin is registered once", () => {
  assert.throws(
    () => registryOf().add({ name: "first", api: 1, parts: [] }, "./again.ts"),
    {
      message:
        'Plugin "first" from ./again.ts is already registered by ./first.ts: remove one of them from `plugins`',
    },
  );
});

Deno.test("what is no plugin is refused at the door, naming the module", () => {
  const add = (plugin: unknown) => () => new Registry().add(plugin, "./p.ts");
  const whole = { name: "p", api: 1, parts: [] };
  const cases: [unknown, RegExp][] = [
    [undefined, /^\.\/p\.ts: has no default export/],
    [null, /^\.\/p\.ts: its default export is null/],
    ["text", /its default export is a string/],
    [{ ...whole, name: "" }, /has no `name`/],
    [
      { ...whole, api: undefined },
      /plugin "p" says no `api`; add `api: 1`, the version/,
    ],
    [
      { ...whole, api: 2 },
      /plugin "p" is written for plugin API 2, and this denotune has API 1: update/,
    ],
    [{ ...whole, parts: {} }, /plugin "p" has no list `parts`/],
    [{ ...whole, parts: [null] }, /plugin "p", parts\[0\] is not an object/],
    [
      { ...whole, parts: [{ ...part("optimizer", "x"), kind: "optimiser" }] },
      /parts\[0\] has kind "optimiser"; known kinds: source/,
    ],
    [
      { ...whole, parts: [{ ...part("optimizer", "x"), name: "Big Name" }] },
      /needs a name of lower-case letters.*"Big Name"/,
    ],
    [
      { ...whole, parts: [{ ...part("optimizer", "x"), create: 1 }] },
      /\(optimizer "x"\) has no function `create`/,
    ],
    [
      { ...whole, parts: [{ ...part("optimizer", "x"), options: {} }] },
      /\(optimizer "x"\) needs `options`, a Standard Schema/,
    ],
    [
      { ...whole, parts: [{ ...part("optimizer", "x"), options: undefined }] },
      /needs `options`, a Standard Schema/,
    ],
  ];
  for (const [plugin, message] of cases) {
    assert.throws(add(plugin), { name: "PluginError", message });
  }
});

Deno.test("a schema that cannot describe itself needs jsonSchema", () => {
  const bare = {
    "~standard": {
      version: 1,
      vendor: "x",
      validate: (value: unknown) => ({ value }),
    },
  };
  const without = { ...part("optimizer", "x"), options: bare };
  assert.match(String(partFault(without)), /needs `jsonSchema`/);
  assert.equal(partFault({ ...without, jsonSchema: { type: "object" } }), null);
  const callable = Object.assign(() => {}, bare);
  assert.equal(
    partFault({
      ...without,
      options: callable,
      jsonSchema: { type: "object" },
    }),
    null,
    "schemas may be functions",
  );
});

Deno.test("choose keeps the part and its options, and the compiler checks them", () => {
  const steep = definePart({
    kind: "schedule",
    name: "steep",
    description: "Falls.",
    options: z.strictObject({ slope: z.number().default(1).describe("Fall.") }),
    create: (options) => ({ factor: () => options.slope }),
  });
  assert.deepEqual(choose(steep, { slope: 2 }).options, { slope: 2 });
  // @ts-expect-error -- a text is no slope
  choose(steep, { slope: "2" });
});

Deno.test("kinds are listed once each", () => {
  assert.equal(new Set(KINDS).size, KINDS.length);
});
