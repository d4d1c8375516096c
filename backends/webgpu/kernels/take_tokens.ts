/**
 * The end of a step of decoding: chosen tokens become the next step's.
 * @module
 */
import { type Lower, perItem } from "../shader/dispatch.ts";

const INVOCATIONS = 64;

/** An invocation a row; slots are distinct, so no two write one word. */
export const takeTokens: Lower<"take_tokens"> = (lowering) => {
  const { attributes } = lowering;
  const { rows, slots, ring, capacity, columns } = attributes;
  const words = Math.ceil(columns / 32);
  lowering.emit({
    name: "take_tokens",
    tensors: [
      {
        name: "chosen",
        view: lowering.input("chosen"),
      },
      {
        name: "index",
        view: lowering.input("index"),
      },
      ...["tokens", "places", "ring", "seen"].map((name) => ({
        name,
        view: lowering.output(name),
        writes: true,
      })),
    ],
    workgroup: [INVOCATIONS, 1, 1],
    body: (scope) => {
      const [chosen, index, tokens, places, history, seen] = [
        "chosen",
        "index",
        "tokens",
        "places",
        "ring",
        "seen",
      ].map((name) => scope.tensor(name));
      // An invocation owns a row: its token, its position, its column of the ring (steps, slots) and the bits of
      // its slot, so the update of a word of bits needs no atomics. The ring is indexed by the
      // unclamped position; the stored one stays at the last position of a full row until the host ends the row.
      return `if (id >= ${scope.size(rows)}) { return; }
let token = u32(${chosen.loadInt("id")});
let next = u32(${places.loadInt("id")} + 1);
let word = u32(${index.loadInt("id")}) * ${words}u + (token >> 5u);
let bits = bitcast<u32>(${seen.loadInt("word")}) | (1u << (token & 31u));
${seen.store("word", "bitcast<i32>(bits)")}
${history.store(`(next % ${ring}u) * ${slots}u + id`, "i32(token)")}
${tokens.store("id", "i32(token)")}
${places.store("id", `i32(min(next, ${capacity - 1}u))`)}`;
    },
    grid: perItem((size) => size(rows), INVOCATIONS),
  });
};
