/**
 * Answers that are to be JSON of a given shape.
 * @module
 */
import {
  ConfigError,
  definePart,
  type Host,
  isPlainObject,
  messageOf,
  type Part,
  readTextUpTo,
} from "@denotune/denotune/core";
import { z } from "zod";
import { answeredRows } from "./answered_rows.ts";
import {
  answerFields,
  type AnswerOptions,
  atLeast,
  known,
  meanOf,
} from "./rows.ts";

/** Bytes of a schema. */
const MOST_BYTES = 10e6;

/** Options of {@linkcode jsonSchema}. */
export interface JsonSchemaOptions extends AnswerOptions {
  readonly schema: string | Readonly<Record<string, unknown>>;
  readonly fenced: boolean;
  readonly min_share: number | null;
}

const options: z.ZodType<JsonSchemaOptions, Partial<JsonSchemaOptions>> = z
  .strictObject({
    ...answerFields({ max_rows: 200, max_new_tokens: 256, temperature: 0 }),
    schema: z.union([z.string().min(1), z.record(z.string(), z.unknown())])
      .default({}).describe(
        "JSON Schema, or the path of a file that has it; {}: any JSON",
      ),
    fenced: z.boolean().default(true).describe(
      "Whether JSON between ``` fences counts, with text around it",
    ),
    min_share: z.number().min(0).max(1).nullable().default(null).describe(
      "Share of valid answers below which the verdict is failed; null: none",
    ),
  });

/** The part `json-schema`. */
export const jsonSchema: Part<
  "evaluator",
  Partial<JsonSchemaOptions>,
  JsonSchemaOptions
> = definePart({
  kind: "evaluator",
  name: "json-schema",
  description: "Share of answers that are JSON, and JSON of a given schema",
  options,
  create(o: JsonSchemaOptions, host: Host) {
    const schema = schemaOf(o.schema, host);
    return answeredRows(o, {
      name: "json-schema",
      judge: (generated) => judge(generated, { schema, fenced: o.fenced }),
      sum(all) {
        const valid = meanOf(all.map((a) => a.judged.valid ? 1 : 0));
        return {
          numbers: known({
            "": valid,
            json: meanOf(all.map((a) => a.judged.json ? 1 : 0)),
          }),
          verdict: atLeast(valid, {
            threshold: o.min_share,
            what: "the share of valid answers",
          }),
        };
      },
    });
  },
});

function schemaOf(
  written: JsonSchemaOptions["schema"],
  host: Host,
): z.ZodType {
  const path = typeof written === "string" ? host.resolvePath(written) : null;
  try {
    const schema: unknown = path === null
      ? written
      : JSON.parse(readTextUpTo(path, MOST_BYTES));
    if (!isPlainObject(schema)) throw new TypeError("it is no object");
    return z.fromJSONSchema(schema);
  } catch (cause) {
    throw new ConfigError(
      `json-schema cannot use ${path ?? "its schema"}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function judge(
  text: string,
  { schema, fenced }: { schema: z.ZodType; fenced: boolean },
) {
  const block = fenced ? /```[a-z]*\n([\s\S]*?)```/i.exec(text)?.[1] : null;
  let value: unknown;
  try {
    value = JSON.parse(block ?? text);
  } catch {
    return { json: false, valid: false, problem: "no JSON" };
  }
  const { success, error } = schema.safeParse(value);
  const [issue] = error?.issues ?? [];
  return {
    json: true,
    valid: success,
    problem: issue === undefined
      ? null
      : `${issue.path.join(".") || "it"}: ${issue.message}`,
  };
}
