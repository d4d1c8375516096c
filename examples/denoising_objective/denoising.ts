/**
 * An objective that writes by correcting: tokens of the answer are replaced by random ones, a model that sees both
 * sides names the right ones at all places, and an answer begins as random tokens that are corrected until nothing
 * changes. No token is ever final, and none is a mask: built in is `masked-diffusion`, which unmasks.
 *
 * ```text
 * step 0   q q q | x K 7 e        random
 * step 1   q q q | A B 7 end      all places at once
 * step 2   q q q | A B C end
 * step 3   q q q | A B C end      the same again: done
 * ```
 * @module
 */
import {
  type Batch,
  type Decoder,
  definePart,
  definePlugin,
  hash32,
  type Inputs,
  layOutTargets,
  type Objective,
  type Part,
  type Plugin,
  type StepKey,
  tokenizerOf,
  uniformAt,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  steps: z.number().int().positive().default(8).describe(
    "Most corrections of an answer",
  ),
  answer_length: z.number().int().positive().default(16).describe(
    "Places of an answer; an end within it cuts it",
  ),
});
type Options = z.output<typeof options>;

/** Streams of random numbers. */
const [RATE, REPLACE, TOKEN] = [0x72617465, 0x7265706c, 0x746f6b65];

/** The objective. */
export const denoising: Part<
  "objective",
  z.input<typeof options>,
  Options
> = definePart({
  kind: "objective",
  name: "tiny-denoising",
  description: "Names the right tokens for random ones; writes by correcting",
  options,
  create(options, host): Objective {
    const { vocabSize } = tokenizerOf(host);
    return {
      attention: "bidirectional",
      inputs: (batch, key) => corrupt(batch, key, vocabSize),
      decoding: decoder(options),
    };
  },
});

/** Targets are the right tokens; of those shown, a random share in each row is replaced. */
function corrupt(batch: Batch, key: StepKey, vocabSize: number): Inputs {
  const inputs = layOutTargets(batch, key, { shift: 0 });
  const { T, rowKeys } = inputs; // of (seed, step, row, place): accumulation and resuming change nothing
  const tokens = batch.tokens.slice();
  for (const at of inputs.rows) {
    const rate = uniformAt(rowKeys[at - at % T], RATE, 0);
    if (uniformAt(rowKeys[at], REPLACE, 0) >= rate) continue;
    tokens[at] = Math.floor(uniformAt(rowKeys[at], TOKEN, 0) * vocabSize);
  }
  return { ...inputs, tokens };
}

function decoder({ steps, answer_length }: Options): Decoder {
  return {
    statistics: {}, // nothing is measured: the chosen tokens are all that counts
    async decode(rows, model, options) {
      const drafts = rows.map(({ prompt, maxNewTokens, key }, row) => {
        const length = Math.min(answer_length, maxNewTokens);
        const tokens = new Int32Array(prompt.length + length);
        tokens.set(prompt);
        const at = Int32Array.from({ length }, (_, i) => prompt.length + i);
        for (const i of at) {
          tokens[i] = Math.floor(uniformAt(key, TOKEN, i) * model.vocabSize);
        }
        return { row, tokens, at, key };
      });
      let open = drafts.filter(({ at }) => at.length > 0);
      for (let step = 0; step < steps && open.length > 0; step++) {
        options.signal?.throwIfAborted();
        const found = await model.predict(
          open.map((draft) => ({ ...draft, key: hash32(draft.key, step) })),
          options,
        );
        open = open.filter(({ row, tokens, at }, r) => {
          const { ids } = found[r];
          const isSame = ids.every((id, i) => tokens[at[i]] === id);
          tokens.set(ids, at[0]);
          options.onDraft?.([...ids], row);
          return !isSame;
        });
      }
      return drafts.map(({ tokens, row }) => {
        const answer = [...tokens.subarray(rows[row].prompt.length)];
        const end = answer.findIndex((id) => rows[row].ends.has(id));
        return end < 0 ? answer : answer.slice(0, end + 1);
      });
    },
  };
}

const plugin: Plugin = definePlugin({
  name: "tiny-denoising",
  api: 1,
  parts: [denoising],
});
export default plugin;
