/**
 * A tiny masked diffusion (LLaDA, arXiv:2502.09992): tokens are hidden at a random rate t, a model that sees both
 * sides names them, and the loss of each is weighted by 1 / t. It writes by unmasking: all places of the answer
 * begin hidden, and each step keeps the tokens that the model is surest of.
 *
 * ```text
 * step 0   q q q | _ _ _ _        _ is the mask
 * step 1   q q q | _ b _ _        surest first
 * step 2   q q q | a b _ end
 * step 3   q q q | a b c end
 * ```
 * @module
 */
import {
  API_VERSION,
  type Batch,
  type Decoder,
  definePart,
  definePlugin,
  type Inputs,
  layOutTargets,
  logProbability,
  type Objective,
  type Part,
  type Plugin,
  type StepKey,
  uniformAt,
} from "@denotune/denotune/core";
import { z } from "zod";

const options = z.strictObject({
  mask_token: z.number().int().min(0).describe("Id that hides a token"),
  steps: z.number().int().positive().default(8).describe(
    "Steps in which an answer is unmasked",
  ),
  answer_length: z.number().int().positive().default(16).describe(
    "Places of an answer; an end within it cuts it",
  ),
});
type Options = z.output<typeof options>;

/** Least rate at which tokens are hidden: the weight 1 / t stays finite. */
const LEAST = 0.05;
/** Streams of random numbers. */
const [RATE, HIDE] = [0x72617465, 0x68696465];

/** The objective. */
export const maskedDiffusion: Part<
  "objective",
  z.input<typeof options>,
  Options
> = definePart({
  kind: "objective",
  name: "tiny-masked-diffusion",
  description: "Names hidden tokens from both sides; writes by unmasking",
  options,
  create: (options: Options): Objective => ({
    attention: "bidirectional",
    inputs: (batch, key) => hide(batch, key, options.mask_token),
    decoding: decoder(options),
  }),
});

/** A rate for each row, and each token with a weight hidden with that probability. */
function hide(batch: Batch, key: StepKey, mask: number): Inputs {
  const { T, tokens } = batch;
  // the keys of all tokens, hidden or not, which are of (seed, step, row, place)
  const { rowKeys, divisor } = layOutTargets(batch, key, { shift: 0 });
  const rateOf = (at: number) => {
    const first = rowKeys[at - at % T];
    return LEAST + (1 - LEAST) * uniformAt(first, RATE, 0);
  };
  const isHidden = (at: number) => uniformAt(rowKeys[at], HIDE, 0) < rateOf(at);
  const inputs = layOutTargets(batch, key, {
    shift: 0,
    factor: (at) => isHidden(at) ? 1 / rateOf(at) : 0,
  });
  const shown = tokens.slice();
  for (const at of inputs.rows) shown[at] = mask;
  return { ...inputs, tokens: shown, divisor };
}

function decoder({ mask_token, steps, answer_length }: Options): Decoder {
  return {
    statistics: { confidence: logProbability },
    async decode(rows, model, options) {
      const states = rows.map(({ prompt, maxNewTokens, key, ends }) => {
        const length = Math.min(answer_length, maxNewTokens);
        const tokens = new Int32Array(prompt.length + length).fill(mask_token);
        tokens.set(prompt);
        const places = Array.from({ length }, (_, i) => prompt.length + i);
        return { tokens, from: prompt.length, hidden: places, key, ends };
      });
      for (let step = 0; step < steps; step++) {
        options.signal?.throwIfAborted();
        const left = states.filter(({ hidden }) => hidden.length > 0);
        const found = await model.predict(
          left.map(({ tokens, hidden, key }) => ({
            tokens,
            at: Int32Array.from(hidden),
            key: key ^ step,
          })),
          options,
        );
        left.forEach((state, r) => {
          const { ids, statistics: { confidence } } = found[r];
          const keep = Math.ceil(state.hidden.length / (steps - step));
          const surest = [...state.hidden.keys()]
            .toSorted((a, b) => confidence[b] - confidence[a] || a - b)
            .slice(0, keep);
          for (const i of surest) state.tokens[state.hidden[i]] = ids[i];
          state.hidden = state.hidden.filter((_, i) => !surest.includes(i));
        });
      }
      return states.map(({ tokens, from, ends }) => {
        const answer = [...tokens.subarray(from)];
        const end = answer.findIndex((id) => ends.has(id));
        return end < 0 ? answer : answer.slice(0, end + 1);
      });
    },
  };
}

const plugin: Plugin = definePlugin({
  name: "tiny-masked-diffusion",
  api: API_VERSION,
  parts: [maskedDiffusion],
});
export default plugin;
