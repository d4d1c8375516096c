/**
 * `batch.json` of a run folder, checked: it may be of another version, or anything else.
 * @module
 */
import { BATCH_FILE, readTextUpTo } from "@denotune/denotune/core";
import { join } from "node:path";
import { z } from "zod";

const MOST_BYTES = 8 * 2 ** 20;
const MOST_ROWS = 16;
const MOST_TOKENS = 8192;

const number = z.number().nullable();
const schema = z.object({
  step: z.number(),
  micro_batch: z.number(),
  micro_batches: z.number(),
  batch_rows: z.number(),
  batch_tokens: z.number(),
  rows: z.array(z.object({
    examples: z.array(z.object({ source: z.string(), where: z.string() })),
    ids: z.array(z.number()),
    texts: z.array(z.string()),
    weights: z.array(number),
    roles: z.array(z.string().nullable()),
    segments: z.array(z.number()),
    losses: z.array(number),
  })),
});

/** A batch as the page shows it. */
export type ReadBatch = z.output<typeof schema>;

/** The batch of a run; null where there is none that can be shown. */
export function readBatch(runFolder: string): ReadBatch | null {
  try {
    const text = readTextUpTo(join(runFolder, BATCH_FILE), MOST_BYTES);
    const batch = schema.parse(JSON.parse(text));
    return { ...batch, rows: batch.rows.slice(0, MOST_ROWS).map(bounded) };
  } catch {
    return null;
  }
}

function bounded(row: ReadBatch["rows"][number]): ReadBatch["rows"][number] {
  const most = Math.min(row.ids.length, MOST_TOKENS);
  return {
    examples: row.examples.slice(0, 1000).map(({ source, where }) => ({
      source: source.slice(0, 500),
      where: where.slice(0, 500),
    })),
    ids: row.ids.slice(0, most),
    texts: row.texts.slice(0, most).map((text) => text.slice(0, 200)),
    weights: row.weights.slice(0, most),
    roles: row.roles.slice(0, most),
    segments: row.segments.slice(0, most),
    losses: row.losses.slice(0, most),
  };
}
