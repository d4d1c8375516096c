/**
 * `role-tags`: role tags on lines of their own, and one `<|end|>` that closes the conversation.
 * @module
 */
import { definePart, type Part, tokenizerOf } from "@denotune/denotune/core";
import { z } from "zod";
import { addMissingOption } from "./_add_missing.ts";
import { ROLE_MARKERS, roleTags as tagsOf } from "./turns/tags.ts";
import { turnsTemplate, USUAL_STYLE } from "./turns/turns.ts";

/** Options of the template `role-tags`. */
export interface RoleTagsOptions {
  readonly end_each_turn: boolean;
  readonly add_missing: boolean;
}

/** The part `role-tags`. */
export const roleTags: Part<
  "template",
  Partial<RoleTagsOptions>,
  RoleTagsOptions
> = definePart({
  kind: "template",
  name: "role-tags",
  description:
    "<|role|> on a line of its own; one <|end|> closes the conversation",
  options: z.strictObject({
    end_each_turn: z.boolean().default(false).describe(
      "Write <|end|> after every turn, not only at the end",
    ),
    add_missing: addMissingOption,
  }),
  create: ({ end_each_turn, add_missing }, host) =>
    turnsTemplate({
      ...USUAL_STYLE,
      name: "role-tags",
      turns: tagsOf((role) => ({
        open: `<|${role}|>\n`,
        close: end_each_turn ? "<|end|>" : "",
        after: "\n",
      })),
      final: end_each_turn ? "" : "<|end|>",
      markers: [...ROLE_MARKERS, "<|end|>"],
      addMissing: add_missing,
      // where only the conversation's end has a marker, an answer in the middle ends as the user speaks
      stops: end_each_turn ? ["<|end|>"] : ["<|end|>", "<|user|>"],
    }, tokenizerOf(host)),
});
