import type { KindTemplate } from "../kind_template.ts";

/** One example a row, filled at its end. */
export const collator: KindTemplate = {
  does:
    "A collator for denotune: one example a row, filled to a multiple of 8.",
  part: `/** One example a row, filled at its end. @module */
import {
  type Batch,
  definePart,
  definePlugin,
  type Plugin,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  multiple_of: z.int().min(1).default(8).describe(
    "Rows are filled to a multiple of this many tokens",
  ),
});

const part = definePart({
  kind: "collator",
  name: "NAME",
  description: "One example a row, filled at its end",
  options,
  create: ({ multiple_of }) => ({
    // which examples are in which row, by lengths alone: here one in each.
    // A pure function, so that a run can be resumed.
    plan: (lengths) => ({
      offsets: Uint32Array.from({ length: lengths.length + 1 }, (_, r) => r),
      members: Uint32Array.from(lengths, (_, i) => i),
    }),
    // some rows side by side:
    //   tokens     a b c _      positions  0 1 2 0
    //   segments   1 1 1 0      (0 is what fills)
    collate(rows, { maxLength, padId }): Batch {
      const B = rows.length;
      const lengths = rows.map((row) =>
        row.reduce((sum, { ids }) => sum + ids.length, 0)
      );
      const filled = Math.ceil(Math.max(1, ...lengths) / multiple_of);
      const T = Math.min(maxLength, filled * multiple_of);
      const batch = {
        B,
        T,
        tokens: new Int32Array(B * T).fill(padId), // (B, T)
        weights: new Float32Array(B * T), // (B, T)
        positions: new Int32Array(B * T), // (B, T)
        segments: new Int32Array(B * T), // (B, T)
        sources: new Int32Array(B * T), // (B, T)
        realTokens: lengths.reduce((sum, length) => sum + length, 0),
        examples: rows.flat().length,
        firstRow: rows[0]?.[0]?.row ?? 0,
      };
      // (B, T): examples of several sequences, such as pairs, are numbered
      const groups = new Int32Array(B * T);
      let example = 0;
      for (const [b, row] of rows.entries()) {
        let at = b * T;
        let segment = 0;
        for (const { ids, weights, source, lengths } of row) {
          batch.tokens.set(ids, at);
          batch.weights.set(weights, at);
          batch.sources.fill(source, at, at + ids.length);
          groups.fill(++example, at, at + ids.length);
          for (const length of lengths ?? [ids.length]) {
            batch.segments.fill(++segment, at, at + length);
            for (let t = 0; t < length; t++) batch.positions[at++] = t;
          }
        }
      }
      const hasGroups = rows.flat().some(({ lengths }) => lengths);
      return hasGroups ? { ...batch, groups } : batch;
    },
  }),
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testCollator } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every collator must do
testCollator(plugin.name, () => makePart(plugin, "collator"));

// what is special about this one
Deno.test("rows are filled to a multiple", async () => {
  const collator = await makePart(plugin, "collator", { multiple_of: 4 });
  const ids = Int32Array.of(1, 2, 3, 4, 5);
  const { T, tokens } = collator.collate(
    [[{ ids, weights: new Float32Array(5), source: 0, row: 0 }]],
    { maxLength: 64, batchSize: 1, padId: 9, seed: 0 },
  );
  assert.equal(T, 8);
  assert.deepEqual(tokens, Int32Array.of(1, 2, 3, 4, 5, 9, 9, 9));
});
`,
  run: {
    data: `data:
  train: [{ path: rows.jsonl, format: alpaca }]
  template: { use: plain, separator: "\\n" }
  collator: { use: NAME, multiple_of: 16 }
  max_length: 128`,
  },
};
