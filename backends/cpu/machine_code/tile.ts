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
import { ADDS, inFrame, LANES } from "./frame.ts";
import {
  AHEAD,
  beginning,
  lineFrom,
  loopOverTerms,
  UNROLLED,
} from "./loops.ts";
import {
  type Place,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  R8,
  R9,
  RAX,
  RBP,
  RBX,
  RDX,
  type Register,
  RSI,
} from "./place.ts";

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

/**
 * Where a tile reads its factors. `packed`: one term behind the other; `lines`: lines along the terms (a as it is);
 * `columns`: lines across the terms (a transposed, b as it is), a term in each.
 */
export interface Sources {
  readonly a: "packed" | "lines" | "columns";
  readonly b: "packed" | "columns";
}

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
 * A function: the tile of so many rows and vectors. RAX: a; RBX: b; RCX: terms; RDX: c; RSI: bytes of its rows. Changes
 * R8 to R11, too. `masked`: the last vector has the lanes of the frame's mask alone.
 */
export function tileFunction(
  code: Encoder,
  shape: TileShape,
  { rows, vectors, masked, sources }: {
    readonly rows: number;
    readonly vectors: number;
    readonly masked: boolean;
    readonly sources: Sources;
  },
): Label {
  const { width } = shape;
  const bytes = width / 8;
  const registers = registersOf(shape);
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
  const a = sourceOfA(code, shape, { from: sources.a, rows });
  const b = sourceOfB(code, shape, { from: sources.b, vectors });

  /** One term; `s`: which of the pass. */
  const term = (s: number) => {
    b.prefetch(s);
    a.prefetch(s);
    for (let j = 0; j < vectors; j++) {
      code.vector(width, "vmovups", {
        target: registers.b(j),
        second: b.place(s, j),
      });
    }
    for (let i = 0; i < rows; i++) {
      code.vector(width, "vbroadcastss", {
        target: registers.a(i),
        second: a.place(s, i),
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
  loopOverTerms(code, R9, {
    pass() {
      for (let s = 0; s < UNROLLED; s++) term(s);
      a.advance(UNROLLED);
      b.advance(UNROLLED);
    },
    single() {
      term(0);
      a.advance(1);
      b.advance(1);
    },
  });
  b.done();
  a.done();
  if (sources.a !== "packed") code.load(RSI, inFrame("cRow"));

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
  const adding = new Label(), addingBias = new Label();
  code.load(R8, inFrame("adds"));
  code.compareConstant(R8, ADDS.c);
  code.jumpIf("zero", adding);
  code.jumpIf("greater", addingBias);
  storeTile(code, shape, { rows, vectors, masked, adds: null });
  code.place(adding);
  storeTile(code, shape, { rows, vectors, masked, adds: "c" });
  code.place(addingBias);
  code.load(R8, inFrame("biasAt"));
  storeTile(code, shape, { rows, vectors, masked, adds: "bias" });
  return start;
}

/** How a tile reads one factor: where number `i` of term `s` of a pass is, and what goes on after so many terms. */
interface Source {
  place(s: number, i: number): Place;
  /** Asks for what comes later, in term `s` of a pass. */
  prefetch(s: number): void;
  advance(terms: 1 | typeof UNROLLED): void;
  /** Gives registers back. */
  done(): void;
}

/** Reads a from RAX on. Takes R8, R10, R11 and RSI where a is not packed. */
function sourceOfA(
  code: Encoder,
  shape: TileShape,
  { from, rows }: { readonly from: Sources["a"]; readonly rows: number },
): Source {
  if (from === "packed") {
    return {
      place: (s, i) => ({ base: RAX, offset: 4 * (s * shape.rows + i) }),
      prefetch() {},
      advance: (terms) => code.addConstant(RAX, 4 * shape.rows * terms),
      done() {},
    };
  }
  const line = R11, three = RSI;
  code.load(line, inFrame("aRow"));
  code.address(three, { base: line, index: line, scale: 2 });
  if (from === "columns") {
    const later = R8; // the same columns of a later term
    code.address(later, { base: RAX, index: line, scale: AHEAD });
    return {
      place: (s, i) => ({
        ...lineFrom(s, { base: RAX, line, three }),
        offset: 4 * i,
      }),
      prefetch(s) {
        const from = lineFrom(s, { base: later, line, three });
        code.prefetch({ ...from, offset: 4 * rows });
      },
      advance(terms) {
        code.address(RAX, { base: RAX, index: line, scale: terms });
        code.address(later, { base: later, index: line, scale: terms });
      },
      done() {},
    };
  }
  const groups = (rows + 3) >> 2;
  const bases: readonly Register[] = [RAX, R8, R10].slice(0, groups);
  // the rows of the next tile
  const later: readonly Register[] = [RBP, R14, R15].slice(0, groups);
  for (let g = 1; g < groups; g++) {
    code.address(bases[g], { base: bases[g - 1], index: line, scale: 4 });
  }
  for (let g = 0; g < groups; g++) {
    code.push(later[g]);
    const before = g === 0 ? bases[groups - 1] : later[g - 1];
    code.address(later[g], { base: before, index: line, scale: 4 });
  }
  return {
    place: (s, i) => ({
      ...lineFrom(i & 3, { base: bases[i >> 2], line, three }),
      offset: 4 * s,
    }),
    prefetch(s) {
      for (const base of later) {
        code.prefetch(lineFrom(s, { base, line, three }));
      }
    },
    advance(terms) {
      for (const base of [...bases, ...later]) {
        code.addConstant(base, 4 * terms);
      }
    },
    done() {
      for (const register of later.toReversed()) code.pop(register);
    },
  };
}

/** Reads b from RBX on. Takes R12 and R13 where b is not packed, until it is done. */
function sourceOfB(
  code: Encoder,
  { width }: TileShape,
  { from, vectors }: { readonly from: Sources["b"]; readonly vectors: number },
): Source {
  const bytes = width / 8;
  if (from === "packed") {
    return {
      place: (s, j) => ({ base: RBX, offset: bytes * (s * vectors + j) }),
      prefetch() {},
      advance: (terms) => code.addConstant(RBX, bytes * vectors * terms),
      done() {},
    };
  }
  const line = R12, three = R13, later = RDX;
  const taken = [line, three, later];
  for (const register of taken) code.push(register);
  code.load(line, inFrame("bRow"));
  code.address(three, { base: line, index: line, scale: 2 });
  code.address(later, { base: RBX, index: line, scale: AHEAD });
  return {
    place: (s, j) => ({
      ...lineFrom(s, { base: RBX, line, three }),
      offset: bytes * j,
    }),
    prefetch(s) {
      const from = lineFrom(s, { base: later, line, three });
      for (let at = 0; at < vectors * bytes; at += 64) {
        code.prefetch({ ...from, offset: at });
      }
    },
    advance(terms) {
      code.address(RBX, { base: RBX, index: line, scale: terms });
      code.address(later, { base: later, index: line, scale: terms });
    },
    done() {
      for (const register of taken.toReversed()) code.pop(register);
    },
  };
}

/** Stores the sums, and returns. Adds what is in c, or the bias, whose numbers are from R8 on. */
function storeTile(
  code: Encoder,
  shape: TileShape,
  { rows, vectors, masked, adds }: {
    readonly rows: number;
    readonly vectors: number;
    readonly masked: boolean;
    readonly adds: "c" | "bias" | null;
  },
): void {
  const { width } = shape;
  const { alpha, lanes, added } = registersOf(shape);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < vectors; j++) {
      const target = i * vectors + j;
      const place = { base: RDX, offset: width / 8 * j };
      const addend = adds === "c" ? place : { ...place, base: R8 };
      const isPart = masked && j === vectors - 1;
      const mask = isPart ? 1 : 0;
      if (isPart && width === 256) {
        if (adds !== null) {
          code.vector(width, "vmaskmovps", {
            target: added,
            first: lanes,
            second: addend,
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
      if (adds !== null) {
        code.vector(width, "vfmadd213ps", {
          target,
          first: alpha,
          second: addend,
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
