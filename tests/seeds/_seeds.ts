/**
 * What the translations of the seed documents share: the strings, labels and numbers that the documents' own
 * functions gave (make_seeds.py), the tokenizer, and a small model.
 * @module
 */
import assert from "node:assert/strict";
import type { RunInput } from "../../core/config/types.ts";
import { inspect, type InspectedToken } from "../../mod.ts";
import {
  createPart,
  creatingWith,
} from "../../core/config/parts/create_part.ts";
import { builtinRegistry } from "../run_harness.ts";
import { testData } from "../test_data.ts";

/** GPT-2's tokenizer; null where the test data are absent. */
export const GPT2 = testData("tokenizers/gpt2");

/** The text of tokens, as GPT-2's tokenizer decodes it. */
export async function decoderOf(): Promise<
  (tokens: readonly InspectedToken[]) => string
> {
  const tokenizer = await createPart(
    "tokenizer",
    { use: "huggingface", path: GPT2 },
    creatingWith(builtinRegistry(), { seed: 0, base: "/" }),
  );
  return (tokens) => {
    const decoder = tokenizer.decoder({ skipSpecialTokens: true });
    return tokens.map(({ id }) => decoder.push(id)).join("") + decoder.end();
  };
}

/** A test that needs the tokenizer: it is skipped, and says so, without the test data. */
export function seedTest(title: string, body: () => Promise<void>): void {
  Deno.test({ name: title, ignore: GPT2 === null, fn: body });
}

/** A run on a GPT-2 of random weights. */
export function seedRun(
  data: RunInput["data"],
  more: Partial<RunInput> = {},
): RunInput {
  return {
    model: {
      from_config: {
        model_type: "gpt2",
        vocab_size: 50257,
        n_embd: 16,
        n_layer: 1,
        n_head: 2,
        n_positions: 512,
        layer_norm_epsilon: 1e-5,
        activation_function: "gelu_new",
        bos_token_id: 50256,
        eos_token_id: 50256,
      },
    },
    tokenizer: { use: "huggingface", path: GPT2 },
    backend: { use: "cpu", blas: "off", workers: 1 },
    ...more,
    data: { max_length: 512, cache: false, ...data },
  };
}

/** The tokens of all rows, in order. */
export async function tokensOf(
  data: RunInput["data"],
  rows: number,
): Promise<(readonly InspectedToken[])[]> {
  const found = await inspect(
    seedRun({ shuffle: false, max_untrained_share: 1, ...data }),
    { examples: rows },
  );
  return found.map(({ tokens }) => tokens);
}

/** Ids, and which of them are trained. */
export interface Labels {
  readonly ids: readonly number[];
  /** How many in front carry no label. */
  readonly masked: number;
}

/** GPT-2's end of text. */
export const EOS = 50256;

/**
 * Compares tokens with the ids and labels of a document. Two differences are meant: an end token that is trained comes
 * behind the answer, and `separator` tokens behind the prompt are not trained.
 */
export function sameLabels(
  tokens: readonly InspectedToken[],
  { ids, masked }: Labels,
  separator = 0,
): void {
  assert.deepEqual(tokens.map((t) => t.id), [...ids, EOS]);
  assert.deepEqual(
    tokens.map((t) => t.weight > 0),
    [...ids, EOS].map((_, i) => i >= masked + separator),
  );
}
