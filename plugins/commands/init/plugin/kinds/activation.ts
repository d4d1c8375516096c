import type { KindTemplate } from "../kind_template.ts";

/** The square of the positive part. */
export const activation: KindTemplate = {
  does: "An activation for denotune: the square of the positive part.",
  part: `/** The square of the positive part. @module */
import { definePart, definePlugin, type Plugin } from "@denotune/denotune/core";
import { z } from "zod";

// A config.json names activations by their name alone: options are for you.
const options = z.strictObject({});

const part = definePart({
  kind: "activation",
  name: "NAME",
  description: "max(x, 0) squared (arXiv:2109.08668)",
  options,
  create: () => ({
    // an expression of one number; its derivative is derived
    apply: (x) => x.max(0).mul(x.max(0)),
    // names: ["other-name"], where a config.json writes others
  }),
});
`,
  test: `import { makePart, testActivation } from "@denotune/denotune/testing";
import plugin from "./mod.ts";

// what every activation must do; the points (x, f(x)) are PyTorch's
testActivation(plugin.name, () => makePart(plugin, "activation"), [
  [-1, 0],
  [0, 0],
  [0.5, 0.25],
  [3, 9],
]);
`,
  run: {
    model: `model:
  from_config:
    model_type: llama
    vocab_size: 259
    hidden_size: 32
    intermediate_size: 64
    num_hidden_layers: 2
    num_attention_heads: 4
    num_key_value_heads: 2
    hidden_act: NAME
    max_position_embeddings: 128
    tie_word_embeddings: true`,
  },
};
