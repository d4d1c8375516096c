/**
 * The innermost product: a tile of c whose sums are all in registers, BLIS's micro-kernel (doi 10.1145/2764454).
 *
 * ```text
 *                    one term p:   packed b, a panel:  [ b0 ........ | b1 ........ ]   `vectors` vectors, loaded once
 *   packed a, `rows` numbers: a0   every lane x       [ sum 0,0     | sum 0,1     ]
 *                             a1   every lane x       [ sum 1,0     | sum 1,1     ]   += a * b, one fused step a sum
 *                             ...
 * ```
 *
 * A sum is one chain of fused multiply-adds in the order of the terms, whatever tile it is in: its bits depend on
 * neither the sizes of the product nor how it was cut.
 * @module
 */
import { type Encoder, Label } from "./encoder.ts";
import { inFrame, LANES } from "./frame.ts";
import { beginning, loopOverTerms, UNROLLED } from "./loops.ts";
import { R8, R9, RAX, RBX, RDX, RSI } from "./place.ts";

/** Sizes that all code of one width of vectors shares. */
export interface TileShape {
  readonly width: 256 | 512;
  /** Rows of a whole tile: with 4 in a group when lines are turned into columns. */
  readonly rows: number;
  /** Vectors across a whole tile. */
  readonly vectors: number;
  /** Most terms that are added in one chain. */
  readonly terms: number;
  /** Most columns that are packed at once: with their terms they fit in the second cache. */
  readonly columns: number;
}

/**
 * The shapes that are used: sums, a row of b and a number of a take 27 of 32 registers, and all 16. Packed b takes 512
 * KB of the second cache (1 MB and more where AVX-512 is), and 192 KB (256 KB where it is smallest).
 */
export const TILE_SHAPES: Readonly<Record<256 | 512, TileShape>> = {
  512: { width: 512, rows: 12, vectors: 2, terms: 256, columns: 512 },
  256: { width: 256, rows: 4, vectors: 3, terms: 256, columns: 192 },
};

/** The registers of a tile. */
function registersOf({ width, vectors }: TileShape) {
  const wide = width === 512;
  return {
    b: (j: number) => (wide ? 24 : 12) + j,
    // several in turn, so that a load does not wait for the products before it
    a: (i: number) => wide ? 24 + vectors + (i & 3) : 15,
    // after the loop, when b and a are no longer needed:
    alpha: wide ? 24 : 12,
    lanes: 13,
    added: 14,
  };
}

/**
 * A function: the tile of so many rows and vectors. RAX: packed a; RBX: packed b; RCX: terms; RDX: c; RSI: bytes of
 * its rows. Changes R8 and R9, too. `masked`: the last vector has the lanes of the frame's mask alone.
 */
export function tileFunction(
  code: Encoder,
  shape: TileShape,
  { rows, vectors, masked }: {
    readonly rows: number;
    readonly vectors: number;
    readonly masked: boolean;
  },
): Label {
  const { width } = shape;
  const registers = registersOf(shape);
  const bytes = width / 8;
  const sum = (i: number, j: number) => i * vectors + j;
  const start = beginning(code);
  // c is needed last: it comes while the loop runs
  code.move(R8, RDX);
  for (let i = 0; i < rows; i++) {
    for (let at = 0; at < vectors * bytes; at += 64) {
      code.prefetch({ base: R8, offset: at });
    }
    code.add(R8, RSI);
  }
  for (let i = 0; i < rows * vectors; i++) code.clearVector(width, i);

  /** One term; `s`: which of the pass. */
  const term = (s: number) => {
    for (let j = 0; j < vectors; j++) {
      code.vector(width, "vmovups", {
        target: registers.b(j),
        second: { base: RBX, offset: bytes * (s * vectors + j) },
      });
    }
    for (let i = 0; i < rows; i++) {
      code.vector(width, "vbroadcastss", {
        target: registers.a(i),
        second: { base: RAX, offset: 4 * (s * shape.rows + i) },
      });
      for (let j = 0; j < vectors; j++) {
        code.vector(width, "vfmadd231ps", {
          target: sum(i, j),
          first: registers.a(i),
          second: registers.b(j),
        });
      }
    }
  };
  /** The two packed parts go on by so many terms. */
  const advance = (terms: number) => {
    code.addConstant(RAX, 4 * shape.rows * terms);
    code.addConstant(RBX, bytes * vectors * terms);
  };

  loopOverTerms(code, R9, {
    pass() {
      for (let s = 0; s < UNROLLED; s++) term(s);
      advance(UNROLLED);
    },
    single() {
      term(0);
      advance(1);
    },
  });

  // c = alpha * sum, or alpha * sum + c in one rounding
  code.vector(width, "vbroadcastss", {
    target: registers.alpha,
    second: inFrame("alpha"),
  });
  if (masked && width === 512) {
    code.load32(R8, inFrame("mask"));
    code.maskFrom(1, R8);
  } else if (masked) {
    code.vector(width, "vmovups", { target: registers.lanes, second: LANES });
  }
  const adding = new Label();
  code.load(R8, inFrame("adds"));
  code.test(R8);
  code.jumpIf("notZero", adding);
  storeTile(code, shape, { rows, vectors, masked, adds: false });
  code.place(adding);
  storeTile(code, shape, { rows, vectors, masked, adds: true });
  return start;
}

/** Stores the sums, and returns. */
function storeTile(
  code: Encoder,
  shape: TileShape,
  { rows, vectors, masked, adds }: {
    readonly rows: number;
    readonly vectors: number;
    readonly masked: boolean;
    readonly adds: boolean;
  },
): void {
  const { width } = shape;
  const { alpha, lanes, added } = registersOf(shape);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < vectors; j++) {
      const target = i * vectors + j;
      const place = { base: RDX, offset: width / 8 * j };
      const isPart = masked && j === vectors - 1;
      const mask = isPart ? 1 : 0;
      if (isPart && width === 256) {
        if (adds) {
          code.vector(width, "vmaskmovps", {
            target: added,
            first: lanes,
            second: place,
          });
          code.vector(width, "vfmadd213ps", {
            target,
            first: alpha,
            second: added,
          });
        } else {
          code.vector(width, "vmulps", {
            target,
            first: alpha,
            second: target,
          });
        }
        code.vector(width, "vmaskmovpsStore", {
          target,
          first: lanes,
          second: place,
        });
        continue;
      }
      if (adds) {
        code.vector(width, "vfmadd213ps", {
          target,
          first: alpha,
          second: place,
          mask,
        });
      } else {
        code.vector(width, "vmulps", { target, first: alpha, second: target });
      }
      code.vector(width, "vmovupsStore", { target, second: place, mask });
    }
    code.add(RDX, RSI);
  }
  code.ret();
}
