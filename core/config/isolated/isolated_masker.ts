/**
 * A masker in the process of its plugin. It gets the text and the tokens of rows, which are most of what it is shown,
 * from the first time that it looks at them.
 * @module
 */
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import { callsOf, make, type Making } from "./making.ts";
import { ROW } from "./messages.ts";
import { partOf } from "./part_members.ts";

/** What is not sent to a masker that does not look at it. */
const LATER = ["text", "encoding"] as const;
type Later = (typeof LATER)[number];

/** Makes it. */
export async function isolatedMasker(making: Making): Promise<Masker> {
  const { carrier } = making.shared;
  const { seat, described } = await make(making, carrier);
  // by method: `weights` of a masker that counts tokens may know the spans alone
  const looks = new Map<string, Set<Later>>();
  const looksOf = (method: string): Set<Later> => {
    const known = looks.get(method) ?? new Set();
    looks.set(method, known);
    return known;
  };
  const calls = callsOf(seat, making, {
    send: (method, calls, isAlone) => {
      const known = looksOf(method);
      const shown = calls.map(([given, ...rest], row) => {
        const { spans, ...others } = given as Tokenized;
        const sent: Record<string, unknown> = { spans, [ROW]: row };
        for (const name of known) sent[name] = others[name];
        return [sent, ...rest];
      });
      const answer = (asked: string, [name]: readonly unknown[]) => {
        const found = LATER.find((one) => one === name);
        if (asked !== ROW || found === undefined) return undefined;
        known.add(found);
        return calls.map(([tokenized]) => (tokenized as Tokenized)[found]);
      };
      return carrier.send(seat, method, shown, { isAlone, answer });
    },
    mayFollow: (method) => !looksOf(method).has("encoding"),
    looked: (method) => void looksOf(method).add("encoding"),
  });
  return { ...partOf("masker", described, calls), ...calls.batched };
}
