/**
 * A rank of a world that is not there: it copies, rounds, packs and adds as `MpiRanks` does, counts what would be sent, and
 * loads no library.
 *
 * ```text
 * a chunk of N numbers, n ranks      bytes that a rank sends    messages one after another
 * all-to-all                         (n - 1) / n * N            n - 1
 * all-gather                         (n - 1) / n * N            n - 1
 * a swap of two ranks                N                          1
 * ```
 * @module
 */
import {
  randomFrom,
  type Rehearsal,
  type RehearsedCall,
} from "@denotune/denotune/core";
import { alone } from "../single.ts";
import {
  addInOrder,
  areSwapped,
  CHUNK,
  FLOAT32,
  sharesOf,
  type Wire,
} from "./ordered_sum.ts";
import { FEWEST_PACKED, packFloats, unpackFloats } from "./packed_floats.ts";

/** Rank 0 of so many, that sends gradients so. */
export function rehearse(
  world: number,
  of: {
    readonly gradients: Wire;
    /** Whether what is sent in float32 is packed. */
    readonly packs: boolean;
    readonly shardsOptimizer: boolean;
  },
): Rehearsal {
  const calls: RehearsedCall[] = [];
  const packing = of.packs ? new RehearsedPacking() : null;
  /** Does the work of some exchanges, and notes it. */
  const exchange = (
    { numbers, wire, exchanges, packs }: {
      readonly numbers: number;
      readonly wire: Wire;
      readonly exchanges: number;
      /** Shares that are packed; as many as others send are unpacked. */
      readonly packs: number;
    },
    work: () => void,
  ): void => {
    const share = Math.ceil(numbers / world);
    const at = performance.now();
    work();
    const isPacked = wire === FLOAT32 && share >= FEWEST_PACKED && world > 1;
    const packed = isPacked ? packing : null;
    const messages = exchanges * (world - 1);
    const bytes = packed?.run(share, { packs, unpacks: messages }) ??
      share * wire.bytes;
    calls.push({
      at,
      busy: (performance.now() - at) / 1000,
      bytes: messages * bytes,
      messages,
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
          if (areSwapped(part, { wire, world })) {
            const numbers = part.length * world;
            exchange(
              { numbers, wire, exchanges: 1, packs: 1 },
              () => addInOrder([part, part], part),
            );
            continue;
          }
          exchange(
            { numbers: part.length, wire, exchanges: 2, packs: world },
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
          exchange({ numbers, wire: FLOAT32, exchanges: 1, packs: 1 }, () => {
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

/** Numbers of the longest share of a chunk: there are two ranks at least. */
const LONGEST_SHARE = CHUNK / 2;

/** Packs numbers like gradients: those of a run with weights of zero are zero, and nearly nothing when packed. */
class RehearsedPacking {
  readonly #sample: Float32Array;
  readonly #into = new Float32Array(LONGEST_SHARE);
  readonly #room = new Uint8Array(4 * LONGEST_SHARE);

  constructor() {
    const random = randomFrom(LONGEST_SHARE);
    this.#sample = Float32Array.from(
      { length: LONGEST_SHARE },
      () => random.normal(),
    );
  }

  /** Packs and unpacks a share so often; its bytes when packed. */
  run(
    share: number,
    { packs, unpacks }: { readonly packs: number; readonly unpacks: number },
  ): number {
    const values = this.#sample.subarray(0, share);
    let packed: Uint8Array<ArrayBuffer> | null = null;
    for (let i = 0; i < packs; i++) packed = packFloats(values, this.#room);
    if (packed === null) return values.byteLength;
    const into = this.#into.subarray(0, share);
    for (let i = 0; i < unpacks; i++) unpackFloats(packed, into);
    return packed.byteLength;
  }
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
