/**
 * Where the token that begins a text comes from: chat templates write it or leave it out, and nothing is added to
 * what they wrote; other templates leave it to the tokenizer.
 * @module
 */
import { firstSequence } from "../../data/examples/group_example.ts";
import type { ParsedExample } from "../../contracts/format.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { isDenotuneError } from "../../contracts/errors.ts";

/** Where BOS of an example comes from, in a few words; null for tokens that were made elsewhere. */
export function describeBos(
  example: ParsedExample,
  { tokenizer, template }: {
    readonly tokenizer: Pick<Tokenizer, "specialTokens" | "addsBos">;
    readonly template: Template;
  },
): string | null {
  const first = firstSequence(example);
  if ("ids" in first) return null;
  const { bos } = tokenizer.specialTokens;
  if (bos === null || bos === "") return "no BOS";
  try {
    const { text, addBos } = template.render(first);
    if (text.startsWith(bos)) return `BOS ${bos} from the template`;
    if (!tokenizer.addsBos) return "no BOS";
    return addBos
      ? `BOS ${bos} from the tokenizer`
      : `no BOS: the chat template writes none, and none is added to what it writes (as apply_chat_template does)`;
  } catch (error) {
    if (!isDenotuneError(error)) throw error; // such rows are counted as they are prepared
    return null;
  }
}
