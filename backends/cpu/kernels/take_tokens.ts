/**
 * The end of a decoding step.
 * @module
 */
import type { KernelAttributes, View } from "@denotune/denotune/device";
import { i32, i64 } from "../assembler/mod.ts";
import { checkedIndex } from "./convert.ts";
import { element, keyOf, type Launch } from "./launch.ts";

/** The launches of a `take_tokens` call. Views: chosen, index, tokens, positions, ring, seen. */
export function lowerTakeTokens(
  attributes: KernelAttributes["take_tokens"],
  views: readonly View[],
): Launch[] {
  const { rows, slots, ring, capacity, columns } = attributes;
  const dims = [rows];
  return [{
    key: keyOf("take_tokens", [slots, ring, capacity, columns], dims),
    views,
    writes: [2, 3, 4, 5],
    dims,
    build: (k) => {
      const { f } = k;
      const [chosen, index, tokens, positions, history, seen] = k.at;
      // A few rows: one worker. For each row the chosen token is marked as seen, kept in the ring, and
      // fed to the next step at the next position.
      k.pieces(i64.const(1), () =>
        f.for(i64.const(0), k.dims[0], 1, (row) => {
          const token = checkedIndex(
            f,
            element(chosen, row),
            i64.const(columns),
          );
          const slot = checkedIndex(f, element(index, row), i64.const(slots));
          const next = f.local(
            "i64",
            i64.add(i64.load32S(element(positions, row)), i64.const(1)),
          );
          // The word of the slot's bits that has this token's.
          const bits = f.local(
            "i64",
            element(
              seen,
              i64.add(
                i64.mul(slot, i64.const(Math.ceil(columns / 32))),
                i64.shrU(token, i64.const(5)),
              ),
            ),
          );
          const bit = i32.shl(
            i32.const(1),
            i32.and(i32.wrap(token), i32.const(31)),
          );
          f.store(bits, i32.or(i32.load(bits), bit));
          // The ring is (steps, slots): the line of this position, which the host reads later.
          const line = i64.remU(next, i64.const(ring));
          f.store(
            element(
              history,
              i64.add(i64.mul(line, i64.const(slots)), row),
            ),
            i32.wrap(token),
          );
          f.store(element(tokens, row), i32.wrap(token));
          f.store(
            element(positions, row),
            // A row that is full stays at its last position; the host ends it.
            i32.wrap(i64.min(next, i64.const(capacity - 1))),
          );
        }));
    },
  }];
}
