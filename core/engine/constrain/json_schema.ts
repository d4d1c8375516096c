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
import { JsonText } from "./json_text.ts";
import { arrayOf } from "./array_schema.ts";
import { mergeSchemas } from "./merge_schemas.ts";
import { objectOf } from "./object_schema.ts";
import { numberIn, stringOf } from "./scalar_schema.ts";
import {
  ALL_TYPES,
  HELD,
  NOTES,
  type SchemaReading,
  TYPE_OF,
} from "./schema_words.ts";
import {
  asSchema,
  isSchemaObject,
  type JsonSchema,
  SchemaProblem,
} from "./schema_problem.ts";

const MOST_RULES = 5000;

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
  readonly #reading: SchemaReading;

  constructor(root: unknown, json: JsonText) {
    this.#root = root;
    this.#json = json;
    this.#e = json.expressions;
    this.#reading = {
      json,
      schema: (schema) => this.#schema(schema),
      flat: (schema) => this.#flat(schema),
      at: (keys, read) => this.#at(keys, read),
      list: (name, value) => this.#list(name, value),
    };
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
        return stringOf(schema, this.#reading);
      case "array":
        return arrayOf(schema, this.#reading);
      case "object":
        return objectOf(schema, this.#reading);
      default:
        return numberIn(schema, {
          isInteger: type === "integer",
          reading: this.#reading,
        });
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
}

function defined(
  record: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  );
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
