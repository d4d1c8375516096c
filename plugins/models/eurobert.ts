/**
 * EuroBERT (arXiv:2503.05500): a Llama whose tokens see each other on both sides, and whose head has a bias where the
 * MLPs have one. As transformers' `EuroBertForMaskedLM`.
 * @module
 */
import type {
  Activations,
  Architecture,
  ModelFamily,
} from "@denotune/denotune/core";
import { decoderWith, defineModel, type ModelPart } from "./_define.ts";
import { oneRope, plainRest, readDecoder } from "./decoder/config.ts";

const EUROBERT: ModelFamily = {
  modelType: "eurobert",
  sizes: "210M to 2.1B",
  special: "tokens see both sides",
  objective: "masked-diffusion",
  popular: [
    { id: "EuroBERT/EuroBERT-210m", millions: 212, template: null, stop: [] },
    { id: "EuroBERT/EuroBERT-610m", millions: 608, template: null, stop: [] },
    { id: "EuroBERT/EuroBERT-2.1B", millions: 2106, template: null, stop: [] },
  ],
};

/** EuroBERT, with the activations that its configs may name. */
export const eurobertWith: (activations: Activations) => Architecture =
  decoderWith(EUROBERT, (config, activations) =>
    readDecoder(config, {
      modelType: "eurobert",
      architecture: "EuroBertForMaskedLM",
      kvHeads: null,
      maxPositions: 8192,
      eps: 1e-5,
      tied: false,
      mlpBias: true,
    }, {
      activations,
      rest(reader, sizes) {
        // of classifiers, and the tokenizer knows its own mask
        reader.ignore("classifier_pooling", "clf_pooling", "mask_token_id");
        return {
          ...plainRest(sizes, oneRope(reader, sizes)),
          bidirectional: true,
          ...(reader.flag("mlp_bias", false)
            ? { headBias: "lm_head.bias" }
            : {}),
        };
      },
    }));

/** Part `eurobert`: models of the type `eurobert`. */
export const eurobert: ModelPart = defineModel(
  "eurobert",
  "EuroBERT, for objectives whose tokens see both sides",
  eurobertWith,
);
