import assert from "node:assert/strict";
import { z } from "zod";
import {
  createPart,
  creatingWith,
} from "../../../../core/config/parts/create_part.ts";
import { ConfigError, DataError } from "../../../../core/contracts/errors.ts";
import {
  type AnyPart,
  choose,
  definePart,
} from "../../../../core/contracts/plugin.ts";
import { messageOf, stubRegistry } from "../_parts.ts";

const steep = definePart({
  kind: "schedule",
  name: "steep",
  description: "Falls.",
  options: z.strictObject({
    slope: z.number().max(1).default(0.5).describe("Fall a step."),
    file: z.string().nullable().default(null).meta({ format: "path" }).describe(
      "A file.",
    ),
  }),
  create: (options) => ({
    factor: (step) =>
      options.file === null ? 1 - step * options.slope : options.file.length,
  }),
});

// deno-lint-ignore no-explicit-any -- parts that break their contract
function broken(name: string, create: any): AnyPart {
  return {
    kind: "schedule",
    name,
    description: "Broken.",
    options: z.strictObject({}),
    create,
  };
}

const registry = stubRegistry([
  steep as AnyPart,
  broken("throws", () => {
    throw new RangeError("no such slope");
  }),
  broken("rejects", () => Promise.reject(new Error("later"))),
  broken("data-error", () => {
    throw new DataError("The table has no rows");
  }),
  broken("foreign-error", () => {
    throw Object.assign(new Error("The table has no rows"), {
      name: "DataError",
    });
  }),
  broken("nothing", () => undefined),
  broken("number", () => 3),
  broken("frozen", () => Object.freeze({ factor: () => 1 })),
  broken(
    "nested",
    async (
      _: unknown,
      host: {
        create(kind: string, choice: string): Promise<{ factor(): number }>;
      },
    ) => {
      const inner = await host.create("schedule", "frozen");
      return { factor: () => inner.factor() + 1 };
    },
  ),
  { ...broken("curried", () => () => ({})), kind: "template" } as AnyPart,
]);
const creating = creatingWith(registry, { seed: 1, base: "/runs" });
const create = (choice: Parameters<typeof createPart>[1]) =>
  createPart("schedule", choice, creating);

Deno.test("a part is created from its name, from a map, and from code", async () => {
  assert.equal((await create("steep")).factor(1, { totalSteps: 2 }), 0.5);
  assert.equal(
    (await create({ use: "steep", slope: 0.25 })).factor(1, { totalSteps: 2 }),
    0.75,
  );
  assert.equal(
    (await create(choose(steep, { slope: 1 }))).factor(1, { totalSteps: 2 }),
    0,
  );
  const unregistered = definePart({ ...steep, name: "inline-only" });
  assert.equal(
    (await create(choose(unregistered, {}))).factor(1, { totalSteps: 2 }),
    0.5,
  );
  assert.equal((await create("frozen")).factor(1, { totalSteps: 2 }), 1);
});

Deno.test("paths in options start from the host's folder", async () => {
  const schedule = await create({ use: "steep", file: "a.csv" });
  assert.equal(schedule.factor(0, { totalSteps: 1 }), "/runs/a.csv".length);
});

Deno.test("a part may create another", async () => {
  assert.equal((await create("nested")).factor(0, { totalSteps: 1 }), 2);
});

Deno.test("wrong choices are refused with every problem", async () => {
  assert.equal(
    await messageOf(() => create("stepe")),
    "Cannot create the schedule: there is no schedule `stepe`; did you mean `steep`? known: constant, cosine, data-error, " +
      "foreign-error, frozen, nested, nothing, number, rejects, steep, throws",
  );
  assert.equal(
    await messageOf(() => create({ use: "steep", slope: 2, slop: 1 })),
    "Cannot create the schedule: `schedule.slope` is 2; expected at most 1; schedule steep has no option `slop`; did you mean `slope`?",
  );
  await assert.rejects(create("stepe"), ConfigError);
});

Deno.test("a throw inside create is a PluginError that names part and plugin, with the cause", async () => {
  const name = 'schedule "throws" of plugin "built-in" (built-in)';
  await assert.rejects(create("throws"), (error: Error) => {
    assert.equal(error.name, "PluginError");
    assert.equal(error.message, `Cannot create the ${name}: no such slope`);
    assert.ok(error.cause instanceof RangeError);
    return true;
  });
  await assert.rejects(create("rejects"), {
    name: "PluginError",
    message: /"rejects".*: later$/,
  });
});

Deno.test("errors of denotune go through as they are, from another copy of it too", async () => {
  await assert.rejects(create("data-error"), {
    name: "DataError",
    message: "The table has no rows",
  });
  await assert.rejects(create("foreign-error"), {
    name: "DataError",
    message: "The table has no rows",
  });
});

Deno.test("what is no object is not taken for a part", async () => {
  assert.match(
    await messageOf(() => create("nothing")),
    /`create` of the schedule "nothing" .* gave undefined, not an object/,
  );
  assert.match(
    await messageOf(() => create("number")),
    /gave number, not an object/,
  );
  assert.match(
    await messageOf(() => createPart("template", "curried", creating)),
    /`create` of the template "curried" .* gave function, not an object/,
  );
});

Deno.test("a schema that throws or answers nonsense is the plugin's fault, not the user's", async () => {
  const withValidate = (validate: () => unknown) =>
    ({
      ...broken("odd", () => ({})),
      options: { "~standard": { version: 1, vendor: "x", validate } },
      jsonSchema: { type: "object" },
    }) as unknown as AnyPart;
  const use = (part: AnyPart) => create({ use: part, options: {} });
  await assert.rejects(
    use(withValidate(() => {
      throw new Error("ouch");
    })),
    { name: "PluginError", message: /threw: ouch/ },
  );
  await assert.rejects(use(withValidate(() => 7)), {
    name: "PluginError",
    message: /neither a value nor issues/,
  });
  await assert.rejects(use(withValidate(() => null)), {
    name: "PluginError",
    message: /neither a value nor issues/,
  });
});

Deno.test("options may be validated later", async () => {
  const late = {
    ...broken(
      "late",
      (options: { slope: number }) => ({ factor: () => options.slope }),
    ),
    options: {
      "~standard": {
        version: 1,
        vendor: "x",
        validate: (value: object) =>
          Promise.resolve({ value: { slope: 3, ...value } }),
      },
    },
    jsonSchema: { type: "object" },
  } as unknown as AnyPart;
  assert.equal(
    (await create({ use: late, options: {} })).factor(0, { totalSteps: 1 }),
    3,
  );
});
