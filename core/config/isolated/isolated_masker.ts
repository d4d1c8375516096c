/**
 * A masker in the process of its plugin.
 * @module
 */
import { PluginError } from "../../contracts/errors.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import { callsOf, make, type Making } from "./making.ts";
import { TOKENS_OF } from "./messages.ts";
import { partOf } from "./part_members.ts";

/** A masker gets the tokens of rows, which are most of what it is shown, from the first time that it looks at them. */
export async function isolatedMasker(making: Making): Promise<Masker> {
  const { carrier } = making.shared;
  const { seat, described } = await make(making, carrier);
  let looks = false;
  const calls = callsOf(seat, making, (method, calls) => {
    if (looks) return carrier.many(seat, method, calls);
    const without = calls.map(([tokenized, ...rest], row) => {
      const { text, spans } = tokenized as Tokenized;
      return [{ text, spans, [TOKENS_OF]: row }, ...rest];
    });
    return carrier.many(seat, method, without, (asked, [row]) => {
      const call = calls[Number(row)];
      if (asked !== TOKENS_OF || call === undefined) {
        throw new PluginError(`a masker has no \`${asked}\` to ask for`);
      }
      looks = true;
      return (call[0] as Tokenized).encoding;
    });
  });
  return { ...partOf("masker", described, calls), ...calls.batched };
}
