/**
 * Prepares sets of examples for tests.
 * @module
 */
import type {
  AnyPart,
  Example,
  ParsedExample,
  Tokenizer,
} from "@denotune/denotune/core";
import { prepareDataset } from "../../../core/data/prepared/prepare.ts";
import type { PreparedDataset } from "../../../core/data/prepared/prepared_dataset.ts";
import type { DataOptions, DataSource } from "../../../core/data/types.ts";
import { padded } from "../../../plugins/collators/mod.ts";
import { completionOnly } from "../../../plugins/maskers/mod.ts";
import { asIs, bytes, chatTemplate, make, storeOf } from "./_support.ts";

/** Prompts and completions of many lengths. */
export function examples(count: number, letter = "x"): Example[] {
  return Array.from(
    { length: count },
    (_, i) => ({
      prompt: `${letter}${i}:`,
      completion: letter.repeat(1 + i % 23),
    }),
  );
}

/** How sets are prepared. */
export interface Setup {
  readonly options?: Partial<DataOptions>;
  readonly tokenizer?: Tokenizer;
  readonly collator?: AnyPart;
  readonly source?: Partial<DataSource>;
}

/** Prepares sets of examples with {@linkcode chatTemplate}. */
export async function prepare(
  sets: readonly (readonly ParsedExample[])[],
  setup: Setup = {},
): Promise<PreparedDataset> {
  const masker = await make("masker", completionOnly);
  return await prepareDataset({
    sources: sets.map((rows, k) => ({
      name: `set ${k}`,
      store: storeOf(rows),
      format: asIs,
      template: chatTemplate,
      masker,
      ...setup.source,
    })),
    tokenizer: setup.tokenizer ?? bytes(),
    collator: await make("collator", setup.collator ?? padded),
    options: { max_length: 64, ...setup.options },
    cacheDir: "unused",
  });
}
