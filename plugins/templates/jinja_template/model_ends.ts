/**
 * The tokens at which a model stops.
 * @module
 */
import { type Host, tokenizerOf } from "@denotune/denotune/core";

/** The special tokens that `eos_token_id` of the model's config names: one, several or none. */
export function modelEnds(host: Host): readonly string[] {
  const tokenizer = tokenizerOf(host);
  return [host.modelConfig?.eos_token_id].flat().flatMap((id) => {
    if (typeof id !== "number" || !tokenizer.isSpecial(id)) return [];
    const token = tokenizer.tokenOf(id);
    return token === null ? [] : [token];
  });
}
