/**
 * `jinja`: a Jinja chat template from a file, or written in the run file.
 * @module
 */
import {
  ConfigError,
  DataError,
  definePart,
  type Part,
  tokenizerOf,
} from "@denotune/denotune/core";
import { z } from "zod";
import {
  type JinjaRunInput,
  type JinjaRunOptions,
  jinjaRunShape,
  moment,
} from "./jinja_template/jinja_options.ts";
import { jinjaTemplate } from "./jinja_template/jinja_template.ts";
import { modelEnds } from "./jinja_template/model_ends.ts";

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
    const text = file === null ? source ?? "" : await readSource(file);
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

async function readSource(path: string): Promise<string> {
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) throw new Error("it is no file");
    if (size > MAX_BYTES) {
      throw new Error(
        `it has ${size} bytes; templates have at most ${MAX_BYTES}`,
      );
    }
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new DataError(
      `Cannot read the chat template ${path}: ${
        cause instanceof Error ? cause.message : String(cause)
      }`,
      { cause },
    );
  }
}
