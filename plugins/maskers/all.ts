/**
 * Trains every token of the text, prompts and the template's own tags included.
 * @module
 */
import {
  definePart,
  type Masker,
  type Part,
  type Tokenized,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({});

/** Weight 1 for every token of the text; turns keep their own weights. BOS and padding stay at 0: the core sees to it. */
export const all: Part<
  "masker",
  z.input<typeof options>,
  z.output<typeof options>
> = definePart({
  kind: "masker",
  name: "all",
  description: "Trains every token, prompts and tags too; never BOS or padding",
  options,
  create: (): Masker => ({
    weights: ({ spans }) => new Float32Array(spans.length).fill(1),
    tokenWeights: (tokenized, weights) =>
      weights.map((weight, t) => isScaffolding(tokenized, t) ? 1 : weight),
  }),
});

/** Whether a token is of the text and touches no span: spans alone carry the weights of turns. */
function isScaffolding({ spans, encoding }: Tokenized, t: number): boolean {
  const start = encoding.starts[t];
  const end = encoding.ends[t];
  if (end <= start) return false; // put in by the tokenizer
  let low = 0;
  let high = spans.length; // the first span that ends after the token's start
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spans[middle].end <= start) low = middle + 1;
    else high = middle;
  }
  return low === spans.length || spans[low].start >= end;
}
