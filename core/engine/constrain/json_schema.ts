/**
 * A JSON schema as an expression over the bytes of the JSON that follows it.
 *
 * What the expression matches follows the schema; it does not match everything that does: properties come in the order
 * of the schema, others only where the schema says so by `additionalProperties`, white space and digits are bounded, and
 * `oneOf` is read as `anyOf`. Keywords that tokens cannot be held to one by one (`not`, `uniqueItems`, `contains`, `if`)
 * are refused.
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { Expression, Expressions } from "./expressions.ts";
import { FORMATS } from "./formats.ts";
import { JsonText } from "./json_text.ts";
import { mergeSchemas } from "./merge_schemas.ts";
import { integersWithin, numbersWithin } from "./number_ranges.ts";
import { patternInside, PatternProblem } from "./pattern.ts";
import {
  asSchema,
  isSchemaObject,
  type JsonSchema,
  SchemaProblem,
} from "./schema_problem.ts";

/** Keywords that say something about a schema and hold nothing. */
const NOTES = new Set([
  "$schema",
  "$id",
  "$comment",
  "$anchor",
  "$vocabulary",
  "id",
  "title",
  "description",
  "default",
  "examples",
  "example",
  "deprecated",
  "readOnly",
  "writeOnly",
  "contentMediaType",
  "contentEncoding",
  "definitions",
  "$defs",
  "discriminator",
  "nullable",
  "strict",
  "name",
  "markdownDescription",
  "enumDescriptions",
  "deprecationMessage",
]);
const ALL_TYPES = ["object", "array", "string", "number", "boolean", "null"];
/** Keywords of each type; those of others hold nothing for it. */
const HELD = new Set([
  "$ref",
  "allOf",
  "anyOf",
  "oneOf",
  "const",
  "enum",
  "type",
  "properties",
  "required",
  "additionalProperties",
  "patternProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "pattern",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "uniqueItems",
]);
const MOST_RULES = 5000;
/** Numbers of a `multipleOf` that are listed one by one. */
const MOST_MULTIPLES = 2000;

/** The expression of a schema. Throws `ConfigError` for one that cannot be held to, with the place in it. */
export function schemaExpression(
  schema: unknown,
  expressions: Expressions,
): Expression {
  return new SchemaReader(schema, new JsonText(expressions)).root();
}

/** Any JSON object: what `json_object` asks for. */
export const ANY_OBJECT: JsonSchema = { type: "object" };

class SchemaReader {
  readonly #root: unknown;
  readonly #json: JsonText;
  readonly #e: Expressions;
  readonly #rules = new Map<string, Extract<Expression, { kind: "rule" }>>();
  /** Where the reader is: `#/properties/name`. */
  readonly #path: string[] = [];

  constructor(root: unknown, json: JsonText) {
    this.#root = root;
    this.#json = json;
    this.#e = json.expressions;
  }

  root(): Expression {
    try {
      // models begin an answer with a space or a line of its own, as their templates do
      return this.#e.sequence(
        this.#json.gap(),
        this.#schema(asSchema(this.#root)),
      );
    } catch (cause) {
      if (!(cause instanceof SchemaProblem)) throw cause;
      throw new ConfigError(
        `Cannot hold answers to the schema: at #${
          this.#path.map((key) => `/${key}`).join("")
        } ${cause.message}`,
        { cause },
      );
    }
  }

  #at<T>(keys: readonly (string | number)[], read: () => T): T {
    this.#path.push(...keys.map(String));
    const found = read();
    this.#path.length -= keys.length; // not where it throws: the path says where
    return found;
  }

  #schema(schema: JsonSchema): Expression {
    // equal schemas are one rule, which also ends recursion
    const key = JSON.stringify(schema);
    const known = this.#rules.get(key);
    if (known !== undefined) return known;
    if (this.#rules.size >= MOST_RULES) {
      throw new SchemaProblem(`it has more than ${MOST_RULES} different parts`);
    }
    const rule = this.#e.rule();
    this.#rules.set(key, rule);
    rule.body = this.#read(schema);
    return rule;
  }

  #read(schema: JsonSchema): Expression {
    if (schema === true) return this.#any();
    if (schema === false) return this.#e.choice([]);
    this.#check(schema);
    const { $ref, allOf, anyOf, oneOf, ...own } = schema;
    if ($ref !== undefined) {
      const target = this.#at(["$ref"], () => this.#resolved($ref));
      const rest = { ...own, ...defined({ allOf, anyOf, oneOf }) };
      return this.#schema(
        Object.keys(rest).every((name) => NOTES.has(name))
          ? target
          : mergeSchemas(target, rest),
      );
    }
    if (allOf !== undefined) {
      const all = this.#list("allOf", allOf).map((one) => this.#flat(one));
      const rest: JsonSchema = { ...own, ...defined({ anyOf, oneOf }) };
      return this.#schema(
        this.#at(["allOf"], () => all.reduce(mergeSchemas, rest)),
      );
    }
    if (anyOf !== undefined || oneOf !== undefined) {
      const [name, list, other] = anyOf !== undefined
        ? ["anyOf", anyOf, defined({ oneOf })] as const
        : ["oneOf", oneOf, {}] as const;
      const rest: JsonSchema = { ...own, ...other };
      const isBare = Object.keys(rest).every((key) => NOTES.has(key));
      return this.#e.choice(
        this.#list(name, list).map((one, i) =>
          this.#at(
            [name, i],
            () =>
              this.#schema(isBare ? one : mergeSchemas(this.#flat(one), rest)),
          )
        ),
      );
    }
    if (own.const !== undefined || own.enum !== undefined) {
      return this.#values(own);
    }
    return this.#e.choice(
      this.#typesOf(own).map((type) => this.#ofType(type, own)),
    );
  }

  /** A schema whose references and `allOf` are taken in, so that it can be joined with another. */
  #flat(schema: JsonSchema, depth = 0): JsonSchema {
    if (typeof schema === "boolean") return schema;
    if (depth > 64) throw new SchemaProblem("its references lead in a circle");
    this.#check(schema);
    const { $ref, allOf, ...own } = schema;
    const parts = [
      ...($ref === undefined ? [] : [this.#resolved($ref)]),
      ...(allOf === undefined ? [] : this.#list("allOf", allOf)),
    ];
    return parts.map((one) => this.#flat(one, depth + 1))
      .reduce(mergeSchemas, own);
  }

  #check(schema: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(schema)) {
      if (NOTES.has(key) || key.startsWith("x-")) continue;
      if (key === "uniqueItems" && value === false) continue;
      if (!HELD.has(key) || key === "uniqueItems") {
        throw new SchemaProblem(
          `${key} cannot be held to while an answer is written; leave it out, and check the answer`,
        );
      }
    }
  }

  #list(name: string, value: unknown): readonly JsonSchema[] {
    if (!Array.isArray(value) || value.length === 0) {
      throw new SchemaProblem(`${name} must be a list of schemas`);
    }
    return value.map((one, i) => this.#at([name, i], () => asSchema(one)));
  }

  #resolved(reference: unknown): JsonSchema {
    if (typeof reference !== "string" || !reference.startsWith("#")) {
      throw new SchemaProblem(
        `references must be to the schema itself, #/$defs/name; found ${
          JSON.stringify(reference)
        }`,
      );
    }
    let value = this.#root;
    const keys = decodeURIComponent(reference.slice(1)).split("/").slice(1);
    for (const key of keys) {
      const name = key.replaceAll("~1", "/").replaceAll("~0", "~");
      const found: unknown = Array.isArray(value)
        ? value[Number(name)]
        : isSchemaObject(value) && Object.hasOwn(value, name)
        ? value[name]
        : undefined;
      if (found === undefined) {
        throw new SchemaProblem(`there is nothing at ${reference}`);
      }
      value = found;
    }
    return asSchema(value);
  }

  #typesOf(schema: Readonly<Record<string, unknown>>): readonly string[] {
    const { type } = schema;
    if (type === undefined) {
      const implied = Object.keys(schema).flatMap((key) => TYPE_OF[key] ?? []);
      // keywords of one type alone mean that type to whoever writes them for an answer
      return implied.length > 0 ? [...new Set(implied)] : ALL_TYPES;
    }
    const types: unknown[] = Array.isArray(type) ? type : [type];
    return types.map((one) => {
      if (
        typeof one === "string" &&
        (ALL_TYPES.includes(one) || one === "integer")
      ) return one;
      throw new SchemaProblem(
        `the type ${JSON.stringify(one)} is not known; known: ${
          [...ALL_TYPES, "integer"].join(", ")
        }`,
      );
    });
  }

  #ofType(
    type: string,
    schema: Readonly<Record<string, unknown>>,
  ): Expression {
    switch (type) {
      case "null":
        return this.#e.text("null");
      case "boolean":
        return this.#e.choice([this.#e.text("true"), this.#e.text("false")]);
      case "string":
        return this.#string(schema);
      case "array":
        return this.#array(schema);
      case "object":
        return this.#object(schema);
      default:
        return this.#number(schema, type === "integer");
    }
  }

  /** Any JSON. */
  #any(): Expression {
    return this.#schema({ type: ALL_TYPES });
  }

  #values(schema: Readonly<Record<string, unknown>>): Expression {
    const { enum: listed, const: constant, ...rest } = schema;
    if (listed !== undefined && !Array.isArray(listed)) {
      throw new SchemaProblem("enum must be a list");
    }
    const values: readonly unknown[] = constant === undefined
      ? listed ?? []
      : listed === undefined ||
          listed.some((one) => JSON.stringify(one) === JSON.stringify(constant))
      ? [constant]
      : [];
    const types = rest.type === undefined ? null : this.#typesOf(rest);
    return this.#e.choice(
      values.filter((value) =>
        types === null || types.some((type) => isOf(type, value))
      )
        .map((value) => this.#e.text(jsonText(value))),
    );
  }

  #string(schema: Readonly<Record<string, unknown>>): Expression {
    const min = this.#count(schema, "minLength", 0);
    const max = this.#count(schema, "maxLength", Infinity);
    const patterns = [schema.pattern].flat().filter((one) => one !== undefined);
    const insides = patterns.map((pattern) => this.#pattern(pattern));
    const format = typeof schema.format === "string"
      ? FORMATS[schema.format]
      : undefined;
    if (format !== undefined) insides.push(this.#pattern(format));
    if (min > 0 || max < Infinity || insides.length === 0) {
      insides.push(this.#e.repeat(this.#json.character(), min, max));
    }
    return this.#json.quoted(
      insides.reduce((left, right) => this.#e.both(left, right)),
    );
  }

  #pattern(pattern: unknown): Expression {
    if (typeof pattern !== "string") {
      throw new SchemaProblem("pattern must be a text");
    }
    try {
      return patternInside(pattern, this.#json);
    } catch (cause) {
      if (!(cause instanceof PatternProblem)) throw cause;
      throw new SchemaProblem(
        `the pattern ${
          JSON.stringify(pattern)
        } cannot be held to: ${cause.message}`,
      );
    }
  }

  #number(
    schema: Readonly<Record<string, unknown>>,
    isInteger: boolean,
  ): Expression {
    const number = (key: string) => this.#numberOf(schema, key);
    const [minimum, openMinimum] = [number("minimum"), schema.exclusiveMinimum];
    const [maximum, openMaximum] = [number("maximum"), schema.exclusiveMaximum];
    // drafts up to 4 wrote `exclusiveMinimum: true` beside `minimum`
    const openMinAt = typeof openMinimum === "number" ? openMinimum : null;
    const openMaxAt = typeof openMaximum === "number" ? openMaximum : null;
    const min = Math.max(minimum ?? -Infinity, openMinAt ?? -Infinity);
    const max = Math.min(maximum ?? Infinity, openMaxAt ?? Infinity);
    const openMin = openMinAt === min || (openMinimum === true);
    const openMax = openMaxAt === max || (openMaximum === true);
    const step = number("multipleOf");
    const decimals = step === null ? null : decimalsOf(step);
    if (step !== null && decimals === null) {
      return this.#multiples(step, { min, max, openMin, openMax });
    }
    const whole = isInteger || decimals === 0;
    if (min === -Infinity && max === Infinity) {
      return whole ? this.#json.integer() : this.#json.number(decimals);
    }
    if (whole) {
      return integersWithin({
        min: openMin ? Math.floor(min) + 1 : min,
        max: openMax ? Math.ceil(max) - 1 : max,
      }, this.#e);
    }
    return numbersWithin(
      { min, max, openMin, openMax, decimals },
      this.#json,
    );
  }

  /** The multiples of a number within bounds, one by one. */
  #multiples(
    step: number,
    { min, max, openMin, openMax }: {
      min: number;
      max: number;
      openMin: boolean;
      openMax: boolean;
    },
  ): Expression {
    const [first, last] = [Math.ceil(min / step), Math.floor(max / step)];
    if (!(last - first < MOST_MULTIPLES)) {
      throw new SchemaProblem(
        `multipleOf ${step} needs a minimum and a maximum with at most ${MOST_MULTIPLES} multiples between them`,
      );
    }
    const values = Array.from(
      { length: Math.max(0, last - first + 1) },
      (_, i) => (first + i) * step,
    );
    return this.#e.choice(
      values.filter((value) =>
        !(openMin && value === min) && !(openMax && value === max)
      )
        .map((value) => this.#e.text(JSON.stringify(value))),
    );
  }

  #array(schema: Readonly<Record<string, unknown>>): Expression {
    const e = this.#e;
    const min = this.#count(schema, "minItems", 0);
    const max = this.#count(schema, "maxItems", Infinity);
    const isTuple = Array.isArray(schema.items);
    const prefix = isTuple
      ? this.#list("items", schema.items)
      : schema.prefixItems === undefined
      ? []
      : this.#list("prefixItems", schema.prefixItems);
    const rest = asSchema(
      (isTuple ? schema.additionalItems : schema.items) ?? true,
    );
    const first = prefix.map((one, i) =>
      this.#at([isTuple ? "items" : "prefixItems", i], () => this.#schema(one))
    );
    // a tuple has its own items; more only where the schema says of what kind
    const hasMore = rest !== false &&
      (first.length === 0 || schema.items !== undefined && !isTuple ||
        schema.additionalItems !== undefined || min > first.length);
    const more = hasMore
      ? this.#at(["items"], () => this.#schema(rest))
      : e.choice([]);
    const most = hasMore ? max : Math.min(max, first.length);
    const least = first.length === 0
      ? min
      : Math.max(min, Math.min(most, first.length));
    /** The items from i on; each brings its comma. */
    const from = (i: number): Expression => {
      const comma = i === 0 ? e.sequence() : this.#json.comma();
      if (i >= first.length) {
        const count = { min: Math.max(0, least - i), max: most - i };
        if (count.max <= 0) return e.sequence();
        if (i > 0) {
          return e.repeat(e.sequence(comma, more), count.min, count.max);
        }
        const all = e.sequence(
          more,
          e.repeat(
            e.sequence(this.#json.comma(), more),
            Math.max(0, count.min - 1),
            count.max - 1,
          ),
        );
        return count.min === 0 ? e.optional(all) : all;
      }
      if (i >= most) return e.sequence();
      const items = e.sequence(comma, first[i], from(i + 1));
      return i >= least ? e.optional(items) : items;
    };
    if (least > most) return e.choice([]);
    return e.sequence(
      e.text("["),
      this.#json.space(),
      from(0),
      this.#json.space(),
      e.text("]"),
    );
  }

  #object(schema: Readonly<Record<string, unknown>>): Expression {
    const e = this.#e;
    const given = schema.properties ?? {};
    if (!isSchemaObject(given)) {
      throw new SchemaProblem("properties must be an object of schemas");
    }
    const required = Array.isArray(schema.required)
      ? schema.required.filter((name) => typeof name === "string")
      : [];
    const others = this.#others(schema, Object.keys(given));
    const missing = required.filter((name) => !Object.hasOwn(given, name));
    const undeclared = asSchema(schema.additionalProperties ?? true);
    const properties = [
      ...Object.entries(given),
      ...missing.map((name) => [name, undeclared] as const),
    ];
    const least = this.#count(schema, "minProperties", 0);
    const most = this.#count(schema, "maxProperties", Infinity);
    const names = properties.map(([name]) => name);
    if (properties.length > 0 && least > required.length) {
      throw new SchemaProblem(
        "minProperties cannot be held to beside properties; name those that are required",
      );
    }
    if (
      properties.length > 0 &&
      most < properties.length + (others === null ? 0 : Infinity)
    ) {
      throw new SchemaProblem(
        "maxProperties cannot be held to beside properties; leave properties out, or additionalProperties: false in",
      );
    }
    const written = properties.map(([name, value]) => ({
      isRequired: required.includes(name),
      text: this.#at(
        ["properties", name],
        () => this.#member(e.text(JSON.stringify(name)), asSchema(value)),
      ),
    }));
    const other = others?.(names) ?? null;
    const comma = this.#json.comma();
    const free = (isFirst: boolean): Expression => {
      if (other === null) return e.sequence();
      const more = (count: number, at: number) =>
        e.repeat(e.sequence(comma, other), count, at);
      if (!isFirst) return more(0, Infinity);
      const all = e.sequence(other, more(Math.max(0, least - 1), most - 1));
      return most < 1 ? e.sequence() : least === 0 ? e.optional(all) : all;
    };
    // from the last property to the first, with something before it and without
    let [behind, alone] = [free(false), free(true)];
    for (const { isRequired, text } of written.toReversed()) {
      const next = e.sequence(comma, text, behind);
      const first = e.sequence(text, behind);
      [behind, alone] = isRequired
        ? [next, first]
        : [e.choice([next, behind]), e.choice([first, alone])];
    }
    return e.sequence(
      e.text("{"),
      this.#json.space(),
      alone,
      this.#json.space(),
      e.text("}"),
    );
  }

  /** How properties that the schema does not name are written; null: there are none. */
  #others(
    schema: Readonly<Record<string, unknown>>,
    declared: readonly string[],
  ): ((names: readonly string[]) => Expression) | null {
    const { additionalProperties, patternProperties, propertyNames } = schema;
    const e = this.#e;
    if (isSchemaObject(patternProperties)) {
      const entries = Object.entries(patternProperties);
      if (entries.length === 1 && (additionalProperties ?? false) === false) {
        const [[pattern, value]] = entries;
        return (names) =>
          this.#at(["patternProperties", pattern], () =>
            this.#member(
              e.both(
                this.#json.quoted(this.#pattern(pattern)),
                this.#json.stringBut(names),
              ),
              asSchema(value),
            ));
      }
      if (entries.length > 0) {
        throw new SchemaProblem(
          "patternProperties can be held to with one pattern, and additionalProperties: false",
        );
      }
    }
    const isOpen = additionalProperties === undefined
      ? declared.length === 0
      : additionalProperties !== false;
    if (!isOpen) return null;
    return (names) => {
      const plain = this.#json.stringBut(names);
      const name = propertyNames === undefined ? plain : e.both(
        plain,
        this.#at(
          ["propertyNames"],
          () =>
            this.#schema(
              mergeSchemas(this.#flat(asSchema(propertyNames)), {
                type: "string",
              }),
            ),
        ),
      );
      return this.#at(
        ["additionalProperties"],
        () => this.#member(name, asSchema(additionalProperties ?? true)),
      );
    };
  }

  #member(name: Expression, value: JsonSchema): Expression {
    return this.#e.sequence(
      name,
      this.#e.text(":"),
      this.#json.gap(),
      this.#schema(value),
    );
  }

  #count(
    schema: Readonly<Record<string, unknown>>,
    key: string,
    absent: number,
  ): number {
    const value = this.#numberOf(schema, key) ?? absent;
    if (value === Infinity || (Number.isInteger(value) && value >= 0)) {
      return value;
    }
    throw new SchemaProblem(`${key} must be a whole number of at least 0`);
  }

  #numberOf(
    schema: Readonly<Record<string, unknown>>,
    key: string,
  ): number | null {
    const value = schema[key];
    if (value === undefined) return null;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw new SchemaProblem(`${key} must be a number`);
  }
}

/** The type that a keyword is about. */
const TYPE_OF: Readonly<Record<string, string>> = {
  properties: "object",
  required: "object",
  additionalProperties: "object",
  patternProperties: "object",
  propertyNames: "object",
  items: "array",
  prefixItems: "array",
  minItems: "array",
  maxItems: "array",
  pattern: "string",
  minLength: "string",
  maxLength: "string",
  format: "string",
  minimum: "number",
  maximum: "number",
  exclusiveMinimum: "number",
  exclusiveMaximum: "number",
  multipleOf: "number",
};

function defined(
  record: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  );
}

/** How many decimals a step has that is 1, 0.1, 0.01, ...; null: another step. */
function decimalsOf(step: number): number | null {
  for (let decimals = 0; decimals <= 15; decimals++) {
    if (step === Number(`1e-${decimals}`)) return decimals;
  }
  return null;
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isSchemaObject(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    default:
      return typeof value === "number";
  }
}

/** JSON in one line, with a space behind commas and colons, as models write it. */
function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(", ")}]`;
  if (!isSchemaObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, one]) =>
    `${JSON.stringify(name)}: ${jsonText(one)}`
  );
  return `{${members.join(", ")}}`;
}
