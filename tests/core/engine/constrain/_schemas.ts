/**
 * Schemas to hold answers to: those that people write, and generated ones.
 * @module
 */
import { hash32 } from "../../../../core/random.ts";

type Schema = Record<string, unknown>;

const text = { type: "string" };
const closed = (properties: Schema, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** Schemas as people write them for tools and structured answers, with most keywords of the drafts. */
export const WRITTEN: readonly (readonly [string, unknown])[] = [
  ["any object", { type: "object" }],
  ["any JSON", true],
  ["a boolean", { type: "boolean" }],
  [
    "a sentiment",
    closed({
      sentiment: { enum: ["positive", "negative", "neutral"] },
      confidence: { type: "number", minimum: 0, maximum: 1 },
    }),
  ],
  [
    "a person",
    closed({
      name: { ...text, minLength: 1, maxLength: 40 },
      age: { type: "integer", minimum: 0, maximum: 130 },
      email: { ...text, format: "email" },
    }),
  ],
  ["optional fields", {
    type: "object",
    properties: { a: text, b: { type: "integer" }, c: { type: "null" } },
    required: ["b"],
  }],
  ["all optional", {
    type: "object",
    properties: { a: text, b: { type: "integer" } },
  }],
  [
    "a weather call",
    closed({
      location: { ...text, description: "City" },
      unit: { ...text, enum: ["celsius", "fahrenheit"] },
    }, ["location"]),
  ],
  ["a list of texts", { type: "array", items: text, minItems: 1, maxItems: 4 }],
  ["a table", {
    type: "array",
    items: {
      type: "array",
      items: { type: "number" },
      minItems: 2,
      maxItems: 2,
    },
    maxItems: 3,
  }],
  ["a tuple", {
    type: "array",
    prefixItems: [text, { type: "integer" }],
    items: false,
  }],
  ["a tuple of draft 7", {
    type: "array",
    prefixItems: [{ const: "point" }, { type: "number" }, { type: "number" }],
    minItems: 3,
    items: false,
  }],
  [
    "an invoice",
    closed({
      number: { ...text, pattern: "^INV-[0-9]{4,6}$" },
      date: { ...text, format: "date" },
      lines: {
        type: "array",
        minItems: 1,
        maxItems: 3,
        items: closed({
          sku: { ...text, pattern: "^[A-Z]{3}\\d{3}$" },
          quantity: { type: "integer", exclusiveMinimum: 0, maximum: 99 },
          price: { type: "number", minimum: 0, multipleOf: 0.01 },
        }),
      },
      paid: { type: "boolean" },
    }),
  ],
  ["a tree", {
    $ref: "#/$defs/node",
    $defs: {
      node: closed({
        value: { type: "integer" },
        children: {
          type: "array",
          maxItems: 2,
          items: { $ref: "#/$defs/node" },
        },
      }),
    },
  }],
  ["a linked list", {
    type: "object",
    properties: { head: { $ref: "#/definitions/cell" } },
    required: ["head"],
    definitions: {
      cell: {
        anyOf: [
          { type: "null" },
          closed({ item: text, tail: { $ref: "#/definitions/cell" } }),
        ],
      },
    },
  }],
  [
    "a recursive root",
    closed({
      op: { enum: ["not", "id"] },
      of: { anyOf: [{ $ref: "#" }, text] },
    }),
  ],
  ["a tagged union", {
    oneOf: [
      closed({
        kind: { const: "circle" },
        radius: { type: "number", exclusiveMinimum: 0 },
      }),
      closed({
        kind: { const: "square" },
        side: { type: "number", exclusiveMinimum: 0 },
      }),
    ],
  }],
  [
    "nullable",
    closed({ nickname: { type: ["string", "null"], maxLength: 12 } }),
  ],
  ["allOf of objects", {
    allOf: [{
      type: "object",
      properties: { a: { type: "integer" } },
      required: ["a"],
    }, { type: "object", properties: { b: text }, required: ["b"] }],
  }],
  ["allOf of bounds", {
    allOf: [{ type: "integer", minimum: 3 }, { maximum: 17 }, {
      type: "number",
      exclusiveMaximum: 15,
    }],
  }],
  ["a reference with more", {
    $defs: {
      base: {
        type: "object",
        properties: { id: { type: "integer", minimum: 1 } },
        required: ["id"],
      },
    },
    $ref: "#/$defs/base",
    properties: { label: { ...text, maxLength: 10 } },
    required: ["label"],
  }],
  ["anyOf with more", {
    type: "object",
    properties: { a: { type: "integer" }, b: { type: "integer" } },
    anyOf: [{ required: ["a"] }, { required: ["b"] }],
  }],
  ["a map", { type: "object", additionalProperties: { type: "integer" } }],
  ["a map with a named one", {
    type: "object",
    properties: { default: { type: "boolean" } },
    required: ["default"],
    additionalProperties: { type: "integer" },
  }],
  ["names by a pattern", {
    type: "object",
    patternProperties: { "^x-[a-z]{1,5}$": text },
    additionalProperties: false,
  }],
  ["names of a kind", {
    type: "object",
    propertyNames: { pattern: "^[a-z]{2}$" },
    additionalProperties: { type: "boolean" },
    minProperties: 1,
    maxProperties: 3,
  }],
  [
    "dates",
    closed({
      day: { ...text, format: "date" },
      at: { ...text, format: "date-time" },
      time: { ...text, format: "time" },
    }),
  ],
  [
    "addresses",
    closed({
      id: { ...text, format: "uuid" },
      ip: { ...text, format: "ipv4" },
      host: { ...text, format: "hostname" },
      url: { ...text, format: "uri" },
      six: { ...text, format: "ipv6" },
    }),
  ],
  ["a pattern and a length", {
    ...text,
    pattern: "^[a-z]+$",
    minLength: 3,
    maxLength: 6,
  }],
  ["a pattern that is searched for", { ...text, pattern: "cat|dog" }],
  ["two patterns", {
    allOf: [{ ...text, pattern: "^[a-f]+$" }, { pattern: "a" }],
  }],
  ["a pattern with classes", {
    ...text,
    pattern: '^[^\\s"\\\\]{2,8}\\.(jpg|png)$',
  }],
  ["a pattern with letters", { ...text, pattern: "^\\p{Lu}\\p{Ll}{1,6}$" }],
  ["a telephone number", {
    ...text,
    pattern: "^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}$",
  }],
  ["negative bounds", { type: "number", minimum: -3.5, maximum: 2.25 }],
  ["an integer below zero", { type: "integer", minimum: -120, maximum: -7 }],
  ["an integer around zero", { type: "integer", minimum: -15, maximum: 1203 }],
  ["an integer from a number up", { type: "integer", minimum: 42 }],
  ["a number down", { type: "number", exclusiveMaximum: -1 }],
  ["multiples", { type: "integer", minimum: 0, maximum: 1000, multipleOf: 25 }],
  ["half steps", { type: "number", minimum: 0, maximum: 5, multipleOf: 0.5 }],
  ["const of an object", { const: { a: [1, "x", null], 'b"': true } }],
  ["enum of all kinds", { enum: [1, "one", null, false, [1, 2], { x: 1.5 }] }],
  ["enum beside a type", { type: "string", enum: ["a", 1, "b"] }],
  [
    "odd names",
    closed({
      "a b": text,
      "ü\n": { type: "integer" },
      "": { type: "boolean" },
      '"q"': { type: "null" },
    }),
  ],
  ["names that begin alike", {
    type: "object",
    properties: {
      a: { type: "integer" },
      ab: { type: "integer" },
      "é": { type: "integer" },
    },
    required: ["a", "ab", "é"],
    additionalProperties: { type: "string" },
  }],
  ["required without properties", { type: "object", required: ["id", "name"] }],
  [
    "a deep one",
    [..."abcdefgh"].reduce<Schema>((inner, name) => closed({ [name]: inner }), {
      type: "integer",
    }),
  ],
  [
    "a movie review",
    closed({
      title: text,
      year: { type: "integer", minimum: 1888, maximum: 2100 },
      genres: {
        type: "array",
        items: { enum: ["drama", "comedy", "horror"] },
        minItems: 1,
        maxItems: 2,
      },
      rating: { type: "number", minimum: 0, maximum: 10 },
      summary: { ...text, maxLength: 60 },
      spoilers: { type: "boolean", default: false },
    }),
  ],
  [
    "a chain of thought",
    closed({
      steps: {
        type: "array",
        maxItems: 3,
        items: closed({
          explanation: { ...text, maxLength: 30 },
          output: { ...text, maxLength: 30 },
        }),
      },
      final_answer: text,
    }),
  ],
  ["a package", {
    type: "object",
    properties: {
      name: { ...text, pattern: "^[a-z][a-z0-9-]*$" },
      version: { ...text, pattern: "^\\d+\\.\\d+\\.\\d+(-[a-z0-9.]+)?$" },
      private: { type: "boolean" },
      scripts: { type: "object", additionalProperties: text, maxProperties: 2 },
      keywords: { type: "array", items: text, maxItems: 3 },
    },
    required: ["name", "version"],
    "x-order": 1,
  }],
  [
    "GeoJSON",
    closed({
      type: { const: "Feature" },
      geometry: {
        oneOf: [
          closed({
            type: { const: "Point" },
            coordinates: {
              type: "array",
              items: { type: "number", minimum: -180, maximum: 180 },
              minItems: 2,
              maxItems: 3,
            },
          }),
          { type: "null" },
        ],
      },
      properties: {
        type: "object",
        additionalProperties: { type: ["string", "number"] },
        maxProperties: 2,
      },
    }),
  ],
];

/** A generated schema; the same number gives the same. */
export function generatedSchema(seed: number): unknown {
  let draws = 0;
  const below = (n: number) => (hash32(seed, draws++) >>> 0) % n;
  const one = <T>(list: readonly T[]): T => list[below(list.length)];
  const maybe = (more: () => Schema): Schema => below(2) === 0 ? more() : {};
  const integer = (): Schema => {
    const min = below(400) - 200;
    return {
      type: "integer",
      ...maybe(() => ({ minimum: min })),
      ...maybe(() => ({ maximum: min + below(300) })),
      ...maybe(() => ({ exclusiveMaximum: min + 301 })),
    };
  };
  const number = (): Schema => {
    const min = (below(4000) - 2000) / 10;
    return {
      type: "number",
      ...maybe(() => ({ [one(["minimum", "exclusiveMinimum"])]: min })),
      ...maybe(() => ({
        [one(["maximum", "exclusiveMaximum"])]: min + 3 + below(50),
      })),
      ...(below(4) === 0 ? { multipleOf: one([1, 0.1, 0.01]) } : {}),
    };
  };
  const string = (): Schema =>
    one<() => Schema>([
      () => text,
      () => ({ type: "string", minLength: below(5), maxLength: 5 + below(20) }),
      () => ({
        type: "string",
        pattern: one([
          "^[a-z]{2,4}$",
          "^(ab|cd)*x?$",
          "[0-9]",
          "^\\w+@\\w+$",
          "^.{3}$",
          "^[A-Z][^a-z]*$",
        ]),
      }),
      () => ({
        type: "string",
        format: one(["date", "time", "email", "uuid", "ipv4", "unknown"]),
      }),
      () => ({ enum: ["x", 'y"z', "ä🙂", "\\"].slice(below(3)) }),
    ])();
  const make = (depth: number): Schema => {
    const leaf = () =>
      one<() => Schema>([
        integer,
        number,
        string,
        () => ({ type: one(["boolean", "null"]) }),
        () => ({ const: one<unknown>([1, "c", null, [true]]) }),
      ])();
    if (depth === 0) return leaf();
    return one<() => Schema>([
      leaf,
      () => ({
        type: "array",
        items: make(depth - 1),
        ...maybe(() => ({ minItems: below(3) })),
        maxItems: 2 + below(3),
      }),
      () => {
        const names = ["a", "b", "long name", 'n"4', "é"].slice(
          0,
          1 + below(5),
        );
        const properties = Object.fromEntries(
          names.map((name) => [name, make(depth - 1)]),
        );
        return {
          type: "object",
          properties,
          required: names.filter(() => below(2) === 0),
          ...(below(3) === 0
            ? { additionalProperties: below(2) === 0 ? false : leaf() }
            : {}),
        };
      },
      () => ({ anyOf: [make(depth - 1), make(depth - 1)] }),
      () => ({
        type: "object",
        additionalProperties: make(depth - 1),
        ...maybe(() => ({ maxProperties: 1 + below(3) })),
        ...maybe(() => ({ minProperties: 1 })),
      }),
      () => ({
        allOf: [{
          type: "object",
          properties: { p: make(depth - 1) },
          required: ["p"],
        }, { properties: { q: leaf() } }],
      }),
    ])();
  };
  return make(3);
}
