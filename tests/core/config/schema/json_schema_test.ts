import assert from "node:assert/strict";
import { z } from "zod";
import { runJsonSchema } from "../../../../core/config/schema/json_schema.ts";
import { schemaAt } from "../../../../core/config/parse/layout.ts";
import { isPlainObject } from "../../../../core/config/parse/tree.ts";
import { type AnyPart, definePart } from "../../../../core/contracts/plugin.ts";
import { stubRegistry } from "../_parts.ts";

const schema = runJsonSchema(stubRegistry());

Deno.test("the JSON Schema is plain JSON with no trace of our own markers", () => {
  const text = JSON.stringify(schema);
  assert.deepEqual(JSON.parse(text), schema);
  assert.ok(!text.includes("x-denotune"));
  assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
});

Deno.test("every key has a description, every optional key a default", () => {
  const visit = (s: Record<string, unknown>, path: string): void => {
    const properties = isPlainObject(s.properties) ? s.properties : {};
    for (const [key, inner] of Object.entries(properties)) {
      assert.ok(isPlainObject(inner), path + key);
      if (inner.const === undefined) {
        assert.equal(
          typeof inner.description,
          "string",
          `${path}${key} has no description`,
        );
        const isOptional =
          !["model", "data", "data.train"].includes(path + key) &&
          !path.startsWith("$defs.template.jinja");
        if (isOptional) {
          assert.ok("default" in inner, `${path}${key} has no default`);
        }
      }
      visit(inner, `${path}${key}.`);
      if (isPlainObject(inner.items)) visit(inner.items, `${path}${key}.*.`);
    }
  };
  visit(schema, "");
  assert.ok(isPlainObject(schema.$defs));
  for (const [name, definition] of Object.entries(schema.$defs)) {
    assert.ok(isPlainObject(definition));
    visit(definition, `$defs.${name}.`);
  }
});

Deno.test("a part is its bare name or a map with its options", () => {
  const field = schemaAt(schema, ["optimizer"]);
  assert.equal(field?.default, "adamw");
  assert.deepEqual(field?.anyOf, [
    { const: "adamw", description: "Adam with decoupled weight decay." },
    { const: "lion", description: "Stand-in for lion." },
    { $ref: "#/$defs/optimizer.adamw" },
    { $ref: "#/$defs/optimizer.lion" },
  ]);
  const adamw = isPlainObject(schema.$defs)
    ? schema.$defs["optimizer.adamw"]
    : undefined;
  assert.ok(isPlainObject(adamw) && isPlainObject(adamw.properties));
  assert.deepEqual(Object.keys(adamw.properties), [
    "use",
    "learning_rate",
    "betas",
    "eps",
    "weight_decay",
  ]);
  assert.equal(adamw.additionalProperties, false);
  assert.deepEqual(adamw.required, ["use"]);
  assert.ok(
    !JSON.stringify(schemaAt(schema, ["data", "train", 0])).includes('"rows"'),
    "rows are for code",
  );
});

Deno.test("auto and null are offered where they may stand", () => {
  const words = (path: (string | number)[]) => {
    const anyOf = schemaAt(schema, path)?.anyOf;
    return Array.isArray(anyOf)
      ? anyOf.map((s) => s.const ?? s.type ?? "ref")
      : [];
  };
  assert.deepEqual(words(["adapter"]), ["null", "lora", "ref"]);
  assert.deepEqual(words(["backend"]).slice(0, 2), ["auto", "cpu"]);
  assert.deepEqual(words(["data", "train", 0, "masker"]).slice(0, 2), [
    "null",
    "completion-only",
  ]);
  assert.deepEqual(words(["trackers", 0]), ["console", "jsonl", "ref", "ref"]);
});

Deno.test("model and data are required, unless another run file is extended", () => {
  assert.equal(schema.required, undefined);
  assert.deepEqual(schema.if, { required: ["extends"] });
  assert.deepEqual(schema.else, {
    required: ["model", "data"],
    properties: { data: { required: ["train"] } },
  });
});

Deno.test("references inside the schema of a part move with it", () => {
  interface Tree {
    inner?: Tree[];
  }
  const tree: z.ZodType<Tree, Tree> = z.strictObject({
    get inner() {
      return z.array(tree).default([]).describe("More.");
    },
  }).meta({ id: "Tree" });
  const part = definePart({
    kind: "activation",
    name: "nested",
    description: "Options in options.",
    options: z.strictObject({ root: tree.default({}).describe("The first.") }),
    create: () => ({ apply: (x) => x }),
  });
  const text = JSON.stringify(
    runJsonSchema(stubRegistry([part as AnyPart])).$defs,
  );
  const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref);
  assert.ok(refs.length > 0);
  assert.ok(
    refs.every((ref) => ref.startsWith("#/$defs/activation.nested/$defs/")),
    refs.join(" "),
  );
});

Deno.test("a schema that cannot be exported is the plugin's fault", () => {
  const part = definePart({
    kind: "activation",
    name: "opaque",
    description: "No JSON Schema.",
    options: z.strictObject({ on: z.custom<() => void>() }),
    create: () => ({ apply: (x) => x }),
  });
  assert.throws(() => runJsonSchema(stubRegistry([part as AnyPart])), {
    name: "PluginError",
    message:
      /^The options of activation "opaque" of plugin "built-in" \(built-in\) give no JSON Schema: /,
  });
});
