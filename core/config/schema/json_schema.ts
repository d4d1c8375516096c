/**
 * The JSON Schema of the run file, with the options of every registered part, for completion in
 * editors.
 * @module
 */
import type { Kind } from "../../contracts/plugin.ts";
import type { Registry } from "../../contracts/registry.ts";
import { optionsJsonSchema } from "./options_schema.ts";
import {
  CODE_ONLY,
  PART_FIELD,
  type PartField,
  UNNAMED,
} from "./part_field.ts";
import { bareJsonSchema } from "./schema.ts";
import { isPlainObject } from "../parse/tree.ts";

/** A JSON Schema. */
export type Schema = Record<string, unknown>;

/**
 * JSON Schema (draft 2020-12) of the run file: every key with its description and default, every
 * part by name or as `{use, ...options}`. Throws `PluginError` where a part's schema cannot be had.
 */
export function runJsonSchema(registry: Registry): Schema {
  const definitions = new Map<string, Schema>();
  for (const registered of registry.list()) {
    const name = definitionName(registered.part.kind, registered.part.name);
    definitions.set(
      name,
      choiceSchema(registered.part, optionsJsonSchema(registered), name),
    );
  }
  const root = withParts(bareJsonSchema("sft"), registry);
  const { required: _, ...open } = root;
  return {
    ...open,
    title: "denotune run file",
    $defs: {
      ...(isPlainObject(root.$defs) ? root.$defs : {}),
      ...Object.fromEntries(definitions),
    },
    ...requirements(root),
  };
}

/** What is required may also come from the run files that are extended. */
function requirements(root: Schema): Schema {
  const { required } = root;
  const properties = isPlainObject(root.properties) ? root.properties : {};
  const { data } = properties;
  if (!isPlainObject(data)) return {};
  const { required: dataRequired, ...optionalData } = data;
  return {
    properties: { ...properties, data: optionalData },
    if: { required: ["extends"] },
    else: { required, properties: { data: { required: dataRequired } } },
  };
}

/** A schema in which every place of a part names the parts that can be chosen there. */
function withParts(schema: Schema, registry: Registry): Schema {
  const changed = mapSchema(schema, (inner) => {
    const { [PART_FIELD]: field, ...rest } = inner;
    if (isPartField(field)) {
      return { ...rest, anyOf: alternatives(field, registry) };
    }
    return isPlainObject(inner.properties)
      ? { ...inner, properties: withoutCodeOnly(inner.properties) }
      : inner;
  });
  return isPlainObject(changed) ? changed : schema;
}

/** Properties without those that a file cannot have. */
function withoutCodeOnly(properties: Schema): Schema {
  return Object.fromEntries(
    Object.entries(properties).filter(([, schema]) =>
      !isPlainObject(schema) || schema[CODE_ONLY] !== true
    ),
  );
}

function alternatives(field: PartField, registry: Registry): Schema[] {
  const parts = registry.list(field.kind).map(({ part }) => part);
  return [
    ...(field.auto
      ? [{
        const: "auto",
        description: "Chosen by denotune, which says what and why.",
      }]
      : []),
    ...(field.nullable ? [{ type: "null" }] : []),
    ...parts.map((part) => ({
      const: part.name,
      description: part.description,
    })),
    ...parts.map((part) => ({
      $ref: `#/$defs/${pointerStep(definitionName(part.kind, part.name))}`,
    })),
  ];
}

/** `{use: name, ...options}`. */
function choiceSchema(
  part: { kind: Kind; name: string; description: string },
  options: Schema,
  name: string,
): Schema {
  const { $schema: _, ...own } = options;
  const moved = mapSchema(own, (inner) => {
    const { $ref } = inner;
    // what a part refers to inside its own schema moves with it
    if (typeof $ref !== "string" || !$ref.startsWith("#")) return inner;
    return { ...inner, $ref: `#/$defs/${pointerStep(name)}${$ref.slice(1)}` };
  });
  const rest = isPlainObject(moved) ? moved : own;
  const use = { const: part.name, description: part.description };
  const isClosed = rest.type === "object" && isPlainObject(rest.properties);
  const required = Array.isArray(rest.required) ? rest.required : [];
  if (!isClosed) {
    // no list of properties to put `use` into: what the options are is left open
    return {
      type: "object",
      description: part.description,
      properties: { use },
      required: ["use"],
    };
  }
  return {
    ...rest,
    description: part.description,
    properties: {
      use,
      ...(isPlainObject(rest.properties) ? rest.properties : {}),
    },
    required: UNNAMED[part.kind] === part.name
      ? required
      : ["use", ...required],
  };
}

/** A copy of a JSON Schema with every schema inside it changed, inner ones first. */
function mapSchema(
  value: unknown,
  change: (schema: Schema) => Schema,
): unknown {
  if (Array.isArray(value)) return value.map((item) => mapSchema(item, change));
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) =>
    [key, VALUES.includes(key) ? inner : mapSchema(inner, change)] as const
  );
  return change(Object.fromEntries(entries));
}

/** Keywords that hold values, not schemas. */
const VALUES: readonly string[] = [
  "default",
  "const",
  "enum",
  "examples",
  PART_FIELD,
];

function definitionName(kind: Kind, name: string): string {
  return `${kind}.${name}`;
}

function pointerStep(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function isPartField(value: unknown): value is PartField {
  return isPlainObject(value) && typeof value.kind === "string";
}
