/**
 * The templates that come with denotune.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { alpaca } from "./alpaca.ts";
import { chatml } from "./chatml.ts";
import { gemma } from "./gemma.ts";
import { jinja } from "./jinja.ts";
import { llama3 } from "./llama3.ts";
import { mistral } from "./mistral.ts";
import { phi3 } from "./phi3.ts";
import { plain } from "./plain.ts";
import { roleTags } from "./role_tags.ts";
import { tokenizer } from "./tokenizer.ts";
import { zephyr } from "./zephyr.ts";

export {
  alpaca,
  chatml,
  gemma,
  jinja,
  llama3,
  mistral,
  phi3,
  plain,
  roleTags,
  tokenizer,
  zephyr,
};

/** Every template part. */
export const templateParts: readonly AnyPart[] = [
  alpaca,
  chatml,
  plain,
  tokenizer,
  jinja,
  llama3,
  mistral,
  gemma,
  phi3,
  zephyr,
  roleTags,
];
