/**
 * Packing: the rows of a and the columns of b that a tile needs, term by term one behind the other.
 *
 * ```text
 *  lines along the terms (a as it is, b transposed):     lines across the terms (a transposed, b as it is):
 *    row 0:  p0 p1 p2 p3 ...                               p0:  0 1 2 3 ...
 *    row 1:  p0 p1 p2 p3 ...   turned: p0: 0 1 2 ..        p1:  0 1 2 3 ...   copied
 *    row 2:  ...                       p1: 0 1 2 ..
 * ```
 *
 * The functions take RAX: the first number; RBX: where it is packed to; RCX: terms; RDX: bytes of a line; RSI: bytes of
 * a packed term. They change R8 to R12, too. A term may be written wider than it is: the next one comes behind it.
 * @module
 */
import { type Encoder, Label } from "./encoder.ts";
import { inFrame, LANES } from "./frame.ts";
import {
  AHEAD,
  beginning,
  lineFrom,
  loopOverTerms,
  UNROLLED,
} from "./loops.ts";
import {
  R10,
  R11,
  R12,
  R8,
  R9,
  RAX,
  RBX,
  RCX,
  RDX,
  type Register,
  RSI,
} from "./place.ts";
import type { Width } from "./vectors.ts";

/**
 * Turns `lines` lines along the terms, at most as many as a vector has lanes. Lane group g of register i holds
 * terms 0 to 3 of line 4 g + i; a transposition of 4 x 4 inside each group gives a term a register.
 */
export function turnFunction(
  code: Encoder,
  width: 256 | 512,
  lines: number,
): Label {
  const start = beginning(code);
  const groups = Math.ceil(lines / 4);
  const bases: readonly Register[] = [RAX, R8, R9, R10].slice(0, groups);
  code.address(R11, { base: RDX, index: RDX, scale: 2 }); // three lines
  for (let g = 1; g < groups; g++) {
    code.address(bases[g], { base: bases[g - 1], index: RDX, scale: 4 });
  }
  const firstOf = (line: number) => {
    return lineFrom(line & 3, {
      base: bases[line >> 2],
      line: RDX,
      three: R11,
    });
  };
  const advance = (bytes: number) => {
    for (const base of bases) code.addConstant(base, bytes);
  };
  const two = (
    name: "vunpcklps" | "vunpckhps" | "vunpcklpd" | "vunpckhpd",
    target: number,
    [first, second]: readonly [number, number],
  ) => code.vector(width, name, { target, first, second });

  loopOverTerms(code, R12, {
    pass() {
      for (let i = 0; i < 4; i++) {
        if (i < lines) {
          code.vector(128, "vmovups", { target: i, second: firstOf(i) });
        } else code.clearVector(width, i);
        for (let g = 1; 4 * g + i < lines; g++) {
          code.vector(width, "vinsertf", {
            target: i,
            first: i,
            second: firstOf(4 * g + i),
            immediate: g,
          });
        }
      }
      two("vunpcklps", 4, [0, 1]); // terms 0 and 1 of lines 0 and 1
      two("vunpckhps", 5, [0, 1]); // terms 2 and 3
      two("vunpcklps", 6, [2, 3]);
      two("vunpckhps", 7, [2, 3]);
      two("vunpcklpd", 8, [4, 6]); // term 0 of lines 0 to 3
      two("vunpckhpd", 9, [4, 6]);
      two("vunpcklpd", 10, [5, 7]);
      two("vunpckhpd", 11, [5, 7]);
      for (let p = 0; p < UNROLLED; p++) {
        code.vector(width, "vmovupsStore", {
          target: 8 + p,
          second: { base: RBX },
        });
        code.add(RBX, RSI);
      }
      advance(4 * UNROLLED);
    },
    single() {
      code.clearVector(width, 0);
      code.vector(width, "vmovupsStore", { target: 0, second: { base: RBX } });
      for (let line = 0; line < lines; line++) {
        code.load32(R12, firstOf(line)); // no pass is under way
        code.store32({ base: RBX, offset: 4 * line }, R12);
      }
      code.add(RBX, RSI);
      advance(4);
    },
  });
  code.ret();
  return start;
}

/** Copies lines of so many numbers, a multiple of 4. */
export function copyFunction(
  code: Encoder,
  width: 256 | 512,
  numbers: number,
): Label {
  const start = beginning(code);
  const parts: { width: Width; offset: number }[] = [];
  for (let at = 0; at < numbers;) {
    const part = ([512, 256, 128] as const).find((w) =>
      w <= width && at + w / 32 <= numbers
    ) ?? 128;
    parts.push({ width: part, offset: 4 * at });
    at += part / 32;
  }
  const later = R8;
  code.address(R11, { base: RDX, index: RDX, scale: 2 }); // three lines
  code.address(later, { base: RAX, index: RDX, scale: AHEAD });
  const copy = (line: number) => {
    const from = lineFrom(line, { base: RAX, line: RDX, three: R11 });
    const next = lineFrom(line, { base: later, line: RDX, three: R11 });
    for (let at = 0; at < 4 * numbers; at += 64) {
      code.prefetch({ ...next, offset: at });
    }
    parts.forEach(({ width, offset }, i) =>
      code.vector(width, "vmovups", { target: i, second: { ...from, offset } })
    );
    parts.forEach(({ width, offset }, i) =>
      code.vector(width, "vmovupsStore", {
        target: i,
        second: { base: RBX, offset },
      })
    );
    code.add(RBX, RSI);
  };
  loopOverTerms(code, R12, {
    pass() {
      for (let line = 0; line < UNROLLED; line++) copy(line);
      code.address(RAX, { base: RAX, index: RDX, scale: 4 });
      code.address(later, { base: later, index: RDX, scale: 4 });
    },
    single() {
      copy(0);
      code.add(RAX, RDX);
      code.add(later, RDX);
    },
  });
  code.ret();
  return start;
}

/** Copies lines of so many vectors, of which the last has the lanes of the frame's mask; the others become 0. */
export function copyPartFunction(
  code: Encoder,
  width: 256 | 512,
  vectors: number,
): Label {
  const start = beginning(code);
  const done = new Label(), loop = new Label();
  const lanes = 13;
  if (width === 512) {
    code.load32(R8, inFrame("mask"));
    code.maskFrom(1, R8);
  } else code.vector(width, "vmovups", { target: lanes, second: LANES });
  code.test(RCX);
  code.jumpIf("zero", done);
  code.place(loop);
  for (let j = 0; j < vectors; j++) {
    const second = { base: RAX, offset: width / 8 * j };
    if (j < vectors - 1) {
      code.vector(width, "vmovups", { target: j, second });
    } else if (width === 512) {
      code.vector(width, "vmovups", {
        target: j,
        second,
        mask: 1,
        zeroing: true,
      });
    } else {
      code.vector(width, "vmaskmovps", { target: j, first: lanes, second });
    }
  }
  for (let j = 0; j < vectors; j++) {
    code.vector(width, "vmovupsStore", {
      target: j,
      second: { base: RBX, offset: width / 8 * j },
    });
  }
  code.add(RAX, RDX);
  code.add(RBX, RSI);
  code.decrement(RCX);
  code.jumpIf("notZero", loop);
  code.place(done);
  code.ret();
  return start;
}
