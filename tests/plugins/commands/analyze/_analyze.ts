/**
 * Analyses examples in memory.
 * @module
 */
import type { Example } from "@denotune/denotune/core";
import { rowsStore } from "../../../../core/data/rows_store.ts";
import type { DataOptions } from "../../../../core/data/types.ts";
import { analyze } from "../../../../plugins/commands/analyze/analyze.ts";
import type { AnalyzedSource } from "../../../../plugins/commands/analyze/analysis.ts";
import type {
  QualityReport,
  QualitySettings,
} from "../../../../plugins/commands/analyze/types.ts";
import type { Tokenizer } from "../../../../core/mod.ts";
import { packed, padded } from "../../../../plugins/collators/mod.ts";
import { completionOnly } from "../../../../plugins/maskers/mod.ts";
import {
  asIs,
  bytes,
  chatTemplate,
  make,
} from "../../../core/data/_support.ts";

/** How examples are analysed. */
export interface Setup {
  readonly held?: readonly Example[];
  readonly options?: Partial<DataOptions>;
  readonly settings?: Partial<QualitySettings>;
  readonly tokenizer?: Tokenizer;
  readonly source?: Partial<AnalyzedSource>;
}

/** A source of these rows. */
export async function sourceOf(
  name: string,
  rows: readonly unknown[],
  more: Partial<AnalyzedSource> = {},
): Promise<AnalyzedSource> {
  return {
    name,
    store: rowsStore(rows, { name }),
    format: asIs,
    template: chatTemplate,
    masker: await make("masker", completionOnly),
    templateName: "chat",
    maskerName: "completion-only",
    ...more,
  };
}

/** The report on these examples. */
export async function analyzeRows(
  rows: readonly Example[],
  setup: Setup = {},
): Promise<QualityReport> {
  return await analyze({
    name: "rows",
    train: [await sourceOf("train", rows, setup.source)],
    held: setup.held === undefined
      ? []
      : [await sourceOf("held", setup.held, setup.source)],
    tokenizer: setup.tokenizer ?? bytes(),
    tokenizerName: "bytes",
    tokenUnit: "bytes",
    approximateTokens: false,
    options: { max_length: 400, ...setup.options },
    settings: setup.settings,
    collators: {
      padded: await make("collator", padded),
      packed: await make("collator", packed),
    },
  });
}

/** A question and its answer. */
export function pair(prompt: string, completion: string): Example {
  return { prompt, completion };
}
