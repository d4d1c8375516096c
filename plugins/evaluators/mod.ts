/**
 * The built-in evaluators.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { alignmentTax } from "./alignment_tax.ts";
import { bleu } from "./bleu.ts";
import { chrf } from "./chrf.ts";
import { exactMatch } from "./exact_match.ts";
import { formatOverfitting } from "./format_overfitting.ts";
import { generationTable } from "./generation_table.ts";
import { human } from "./human.ts";
import { instructionFollowing } from "./instruction_following.ts";
import { jsonSchema } from "./json_schema.ts";
import { judge } from "./judge.ts";
import { multipleChoice } from "./multiple_choice.ts";
import { perplexity } from "./perplexity.ts";
import { regex } from "./regex.ts";
import { rouge } from "./rouge.ts";
import { safety } from "./safety.ts";

/** Every part of this folder. */
export const evaluators: readonly AnyPart[] = [
  generationTable,
  instructionFollowing,
  exactMatch,
  rouge,
  bleu,
  chrf,
  regex,
  jsonSchema,
  perplexity,
  multipleChoice,
  formatOverfitting,
  alignmentTax,
  safety,
  judge,
  human,
];
