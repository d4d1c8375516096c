/**
 * What llama.cpp must know of a model, as its part says it in `ModelSpec.exports.gguf`. A stranger's part writes the
 * same object.
 *
 * ```text
 * {
 *   architecture: "llama",                              the name that llama.cpp computes it by
 *   settings: { block_count: { u32: 5 }, ... },         metadata behind that name; u32 f32 bool string u32s
 *   tensors: {                                          each weight, `*` for the number of a layer
 *     "model.layers.*.self_attn.q_proj.weight": [{
 *       name: "blk.*.attn_q.weight",                    in the file
 *       transposed: true,                               stored (in, out), as Conv1D's weights are
 *       view: [heads, 2, half], order: [0, 2, 1],       rows as an array of these sizes, its axes in this order
 *       offset: 1,                                      added: Gemma keeps 1 less than it multiplies by
 *       factor: 0.5,                                    multiplied, after the offset
 *       exact: true,                                    kept in float32
 *     }],
 *   },
 *   constants: { "rope_freqs.weight": [1, 1, 8] },      tensors that are no weights
 *   refused: [],                                        what the model has and llama.cpp does not compute
 * }
 * ```
 *
 * @module
 */
import { ConfigError, type ModelSpec } from "@denotune/denotune/core";
import { z } from "zod";

const VALUE = z.union([
  z.strictObject({ u32: z.int().nonnegative() }),
  z.strictObject({ f32: z.number() }),
  z.strictObject({ bool: z.boolean() }),
  z.strictObject({ string: z.string() }),
  z.strictObject({ u32s: z.array(z.int().nonnegative()) }),
]);

const TENSOR = z.strictObject({
  name: z.string(),
  transposed: z.boolean().default(false),
  view: z.array(z.int().positive()).optional(),
  order: z.array(z.int().nonnegative()).optional(),
  offset: z.number().default(0),
  factor: z.number().default(1),
  exact: z.boolean().default(false),
});

const LAYOUT = z.strictObject({
  architecture: z.string(),
  settings: z.record(z.string(), VALUE),
  tensors: z.record(z.string(), z.array(TENSOR).min(1)),
  constants: z.record(z.string(), z.array(z.number())).default({}),
  refused: z.array(z.string()).default([]),
});

/** Where a weight goes, and how it changes on the way. */
export type TensorRule = z.infer<typeof TENSOR>;

/** The whole description. */
export type Layout = z.infer<typeof LAYOUT>;

/** What the model's part says. Throws `ConfigError` for a model that llama.cpp does not compute. */
export function layoutOf({ exports, modelType }: ModelSpec): Layout {
  const given = exports?.gguf;
  if (given === undefined) {
    throw new ConfigError(
      `Cannot export a model of the type ${modelType} as GGUF: its part says nothing of llama.cpp, which knows no such model`,
    );
  }
  const { data, error } = LAYOUT.safeParse(given);
  if (data === undefined) {
    throw new ConfigError(
      `Cannot export a model of the type ${modelType} as GGUF: what its part says in \`exports.gguf\` is wrong: ${
        z.prettifyError(error)
      }`,
    );
  }
  if (data.refused.length > 0) {
    throw new ConfigError(
      `Cannot export this ${modelType} model as GGUF: llama.cpp does not compute ${
        data.refused.join("; nor ")
      }`,
    );
  }
  return data;
}

/** The rules of a weight by its name, the number of its layer put in; null: there is none. */
export function rulesOf(
  { tensors }: Layout,
  name: string,
): readonly TensorRule[] | null {
  const own = tensors[name];
  if (own !== undefined) return own;
  // one of the numbers in the name is that of the layer
  for (const match of name.matchAll(/(?<=\.)\d+(?=\.)/g)) {
    const before = name.slice(0, match.index);
    const pattern = `${before}*${name.slice(match.index + match[0].length)}`;
    const rules = tensors[pattern];
    if (rules !== undefined) {
      return rules.map((rule) => ({
        ...rule,
        name: rule.name.replace("*", match[0]),
      }));
    }
  }
  return null;
}
