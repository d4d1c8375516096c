import type { KindTemplate } from "../kind_template.ts";

/** Trains answers, but only so many tokens of each. */
export const masker: KindTemplate = {
  does: "A masker for denotune: it trains the first tokens of each answer.",
  part: `/** Trains the first tokens of each answer. @module */
import { definePart, definePlugin, type Plugin } from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  first: z.int().min(1).default(8).describe("Tokens of an answer to train"),
});

const part = definePart({
  kind: "masker",
  name: "NAME",
  description: "Trains the first tokens of each answer",
  options,
  create: ({ first }) => ({
    // one weight a span: 0 is context, 1 is trained, 0.5 counts half; a span
    // has {start, end} in the text, role, kind (content, end), generated, ...
    weights: ({ spans }) =>
      Float32Array.from(spans, (span) => span.generated ? 1 : 0),
    // then one a token (T); leave this out where spans are enough
    tokenWeights: (_, weights) => {
      let place = 0; // of the token in its answer
      return weights.map((weight) => {
        place = weight === 0 ? 0 : place + 1;
        return place <= first ? weight : 0;
      });
    },
  }),
});
`,
  test: `import assert from "node:assert/strict";
import { makePart, testMasker } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every masker must do
testMasker(plugin.name, () => makePart(plugin, "masker"));

// what is special about this one
Deno.test("only the first tokens of an answer are trained", async () => {
  const masker = await makePart(plugin, "masker", { first: 2 });
  const encoding = {
    ids: Int32Array.of(1, 2, 3, 4),
    starts: Int32Array.of(0, 1, 2, 3),
    ends: Int32Array.of(1, 2, 3, 4),
  };
  const weights = masker.tokenWeights?.(
    { text: "abcd", spans: [], encoding },
    Float32Array.of(0, 1, 1, 1),
  );
  assert.deepEqual(weights, Float32Array.of(0, 1, 1, 0));
});
`,
  run: {
    data: `data:
  train: [{ path: rows.jsonl, format: alpaca }]
  template: { use: plain, separator: "\\n" }
  masker: { use: NAME, first: 16 }
  max_length: 128`,
  },
};
