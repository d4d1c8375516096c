/**
 * A rank of a world that is not there: it copies, rounds and adds as `MpiRanks` does, counts what would be sent, and
 * loads no library.
 *
 * ```text
 * a chunk of N numbers, n ranks      bytes that a rank sends    messages one after another
 * all-to-all                         (n - 1) / n * N            n - 1
 * all-gather                         (n - 1) / n * N            n - 1
 * ```
 * @module
 */
import type { Rehearsal, RehearsedCall } from "@denotune/denotune/core";
import { alone } from "../single.ts";
import {
  addInOrder,
  CHUNK,
  FLOAT32,
  sharesOf,
  type Wire,
} from "./ordered_sum.ts";

/** Rank 0 of so many, that sends gradients so. */
export function rehearse(
  world: number,
  of: { readonly gradients: Wire; readonly shardsOptimizer: boolean },
): Rehearsal {
  const calls: RehearsedCall[] = [];
  /** Does the work of some exchanges, and notes it. */
  const exchange = (
    { numbers, wire, exchanges }: {
      readonly numbers: number;
      readonly wire: Wire;
      readonly exchanges: number;
    },
    work: () => void,
  ): void => {
    const share = Math.ceil(numbers / world);
    const at = performance.now();
    work();
    calls.push({
      at,
      busy: (performance.now() - at) / 1000,
      bytes: exchanges * (world - 1) * share * wire.bytes,
      messages: exchanges * (world - 1),
    });
  };
  return {
    calls,
    collective: {
      ...alone,
      world,
      shardsOptimizer: of.shardsOptimizer,
      sum(values, { gradients = false } = {}) {
        const wire = gradients ? of.gradients : FLOAT32;
        for (let start = 0; start < values.length; start += CHUNK) {
          const part = values.subarray(start, start + CHUNK);
          exchange(
            { numbers: part.length, wire, exchanges: 2 },
            () => sumAlone(part, { wire, world }),
          );
        }
        return Promise.resolve();
      },
      allGather(share) {
        const step = Math.floor(CHUNK / world);
        const all = new Float32Array(share.length * world);
        for (let at = 0; at < share.length; at += step) {
          const part = share.subarray(at, at + step);
          const numbers = part.length * world;
          exchange({ numbers, wire: FLOAT32, exchanges: 1 }, () => {
            for (let r = 0; r < world; r++) {
              all.set(part, r * share.length + at);
            }
          });
        }
        return Promise.resolve(all);
      },
    },
  };
}

/** What this process does for a sum. Each rank has the same numbers as this one. */
function sumAlone(
  values: Float32Array,
  { wire, world }: { readonly wire: Wire; readonly world: number },
): void {
  const shares = sharesOf(values, world);
  const [own, ...others] = shares;
  const sent = others.map((share) => wire.encode(share));
  addInOrder([own, ...sent.map((share) => wire.decode(share))], own);
  own.set(wire.decode(wire.encode(own)));
  others.forEach((share, i) => share.set(wire.decode(sent[i])));
}
