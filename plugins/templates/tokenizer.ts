/**
 * `tokenizer`: the Jinja chat template that came with the tokenizer.
 * @module
 */
import {
  ConfigError,
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

/** The part `tokenizer`. */
export const tokenizer: Part<"template", JinjaRunInput, JinjaRunOptions> =
  definePart({
    kind: "template",
    name: "tokenizer",
    description: "The Jinja chat template that came with the tokenizer",
    options: z.strictObject(jinjaRunShape),
    async create(options, host) {
      const { chatTemplate, specialTokens } = tokenizerOf(host);
      if (chatTemplate === null) {
        throw new ConfigError(
          "Cannot use `template: tokenizer`: the tokenizer has no chat template; " +
            "choose another, for example `template: chatml`",
        );
      }
      const { jinjaTemplate, modelEnds } = await import(
        "./jinja_template/mod.ts"
      );
      return jinjaTemplate({
        source: chatTemplate,
        where: "the tokenizer's chat template",
        specialTokens,
        modelEnds: modelEnds(host),
        now: moment(options),
        variables: options.variables,
      });
    },
  });
