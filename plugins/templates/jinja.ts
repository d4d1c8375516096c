/**
 * `jinja`: a Jinja chat template from a file, or written in the run file.
 * @module
 */
import {
  ConfigError,
  DataError,
  definePart,
  type Part,
  readFileUpTo,
  tokenizerOf,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  type JinjaRunInput,
  type JinjaRunOptions,
  jinjaRunShape,
  moment,
} from "./jinja_template/jinja_options.ts";

/** Options of the template `jinja`. */
export interface JinjaOptions extends JinjaRunOptions {
  readonly path: string | null;
  readonly source: string | null;
}

/** What users write. */
export interface JinjaInput extends JinjaRunInput {
  readonly path?: string | null;
  readonly source?: string | null;
}

/** The part `jinja`. */
export const jinja: Part<"template", JinjaInput, JinjaOptions> = definePart({
  kind: "template",
  name: "jinja",
  description:
    "A Jinja chat template from a file (path) or written in the run file (source)",
  options: z.strictObject({
    path: z.string().nullable().default(null).describe(
      "File with the template",
    ),
    source: z.string().nullable().default(null).describe("The template itself"),
    ...jinjaRunShape,
  }),
  async create(options, host) {
    const { path, source } = options;
    if ((path === null) === (source === null)) {
      throw new ConfigError(
        `The template \`jinja\` needs \`path\` or \`source\`, ${
          path === null ? "found neither" : "not both"
        }`,
      );
    }
    const file = path === null ? null : host.resolvePath(path);
    const text = file === null ? source ?? "" : readSource(file);
    const { jinjaTemplate, modelEnds } = await import(
      "./jinja_template/mod.ts"
    );
    return jinjaTemplate({
      source: text,
      where: file ?? "the template's `source`",
      modelEnds: modelEnds(host),
      specialTokens: tokenizerOf(host).specialTokens,
      now: moment(options),
      variables: options.variables,
    });
  },
});

/** More than any template that is read has, in bytes. */
const MAX_BYTES = 4_000_000;

function readSource(path: string): string {
  try {
    return new TextDecoder().decode(readFileUpTo(path, MAX_BYTES));
  } catch (cause) {
    throw new DataError(
      `Cannot read the chat template ${path}: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      { cause },
    );
  }
}
