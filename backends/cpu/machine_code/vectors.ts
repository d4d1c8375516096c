/**
 * Instructions of vectors: with VEX (2.3 of the manual) for 128 and 256 bits, which needs AVX2 and FMA, with EVEX (2.7)
 * for 512 bits, which needs AVX-512F.
 * @module
 */
import { operandAt, type Place, type Register } from "./place.ts";

/** Bits of a vector. */
export type Width = 128 | 256 | 512;

/** How an instruction of vectors is encoded. */
interface Opcode {
  /** 1: 0F, 2: 0F 38, 3: 0F 3A. */
  readonly map: 1 | 2 | 3;
  /** 0: none, 1: 66. */
  readonly prefix: 0 | 1;
  readonly opcode: number;
  /** Bit W under EVEX; absent: 0. */
  readonly w?: 0 | 1;
  /** Bytes that an offset of one byte counts in under EVEX; absent: a whole vector. */
  readonly unit?: number;
}

/** The instructions that are known, by the manual's names. */
const OPCODES = {
  vmovups: { map: 1, prefix: 0, opcode: 0x10 },
  /** `vmovups` to memory. */
  vmovupsStore: { map: 1, prefix: 0, opcode: 0x11 },
  vbroadcastss: { map: 2, prefix: 1, opcode: 0x18, unit: 4 },
  vmulps: { map: 1, prefix: 0, opcode: 0x59 },
  /** target = first * target + second */
  vfmadd213ps: { map: 2, prefix: 1, opcode: 0xa8 },
  /** target += first * second */
  vfmadd231ps: { map: 2, prefix: 1, opcode: 0xb8 },
  vunpcklps: { map: 1, prefix: 0, opcode: 0x14 },
  vunpckhps: { map: 1, prefix: 0, opcode: 0x15 },
  vunpcklpd: { map: 1, prefix: 1, opcode: 0x14, w: 1 },
  vunpckhpd: { map: 1, prefix: 1, opcode: 0x15, w: 1 },
  /** `vinsertf128` under VEX, `vinsertf32x4` under EVEX. */
  vinsertf: { map: 3, prefix: 1, opcode: 0x18, unit: 16 },
  /** Lanes whose sign bit is set in `first`; the others are 0. VEX only. */
  vmaskmovps: { map: 2, prefix: 1, opcode: 0x2c },
  /** `vmaskmovps` to memory. VEX only. */
  vmaskmovpsStore: { map: 2, prefix: 1, opcode: 0x2e },
  vsqrtps: { map: 1, prefix: 0, opcode: 0x51 },
  /** `second` where either is NaN. */
  vminps: { map: 1, prefix: 0, opcode: 0x5d },
  vcvtdq2ps: { map: 1, prefix: 0, opcode: 0x5b },
  /** Ones where `first` and `second` compare as the immediate says: under EVEX in a mask register. */
  vcmpps: { map: 1, prefix: 0, opcode: 0xc2 },
  /** VEX. */
  vorps: { map: 1, prefix: 0, opcode: 0x56 },
  /** Not `first`, and `second`. VEX. */
  vandnps: { map: 1, prefix: 0, opcode: 0x55 },
  /** EVEX. */
  vpandd: { map: 1, prefix: 1, opcode: 0xdb },
  /** EVEX. */
  vpord: { map: 1, prefix: 1, opcode: 0xeb },
  /** Not `first`, and `second`. EVEX. */
  vpandnd: { map: 1, prefix: 1, opcode: 0xdf },
  /** Each bit by the immediate's bit of number target, first, second. EVEX. */
  vpternlogd: { map: 3, prefix: 1, opcode: 0x25 },
  /** To whole numbers. VEX. */
  vroundps: { map: 3, prefix: 1, opcode: 0x08 },
  /** The same. EVEX. */
  vrndscaleps: { map: 3, prefix: 1, opcode: 0x08 },
  vpsubd: { map: 1, prefix: 1, opcode: 0xfa },
  vpmulld: { map: 2, prefix: 1, opcode: 0x40 },
  /** VEX. */
  vxorps: { map: 1, prefix: 0, opcode: 0x57 },
  /** EVEX. */
  vpxord: { map: 1, prefix: 1, opcode: 0xef },
  vaddps: { map: 1, prefix: 0, opcode: 0x58 },
  vdivps: { map: 1, prefix: 0, opcode: 0x5e },
  vsubps: { map: 1, prefix: 0, opcode: 0x5c },
  /** `second` where either is NaN. */
  vmaxps: { map: 1, prefix: 0, opcode: 0x5f },
  /** VEX. */
  vandps: { map: 1, prefix: 0, opcode: 0x54 },
  /** target -= first * second */
  vfnmadd231ps: { map: 2, prefix: 1, opcode: 0xbc },
  /** target = second - first * target */
  vfnmadd213ps: { map: 2, prefix: 1, opcode: 0xac },
  vpaddd: { map: 1, prefix: 1, opcode: 0xfe },
  /** Ones where first > second: under EVEX in a mask register. */
  vpcmpgtd: { map: 1, prefix: 1, opcode: 0x66 },
  vpcmpeqd: { map: 1, prefix: 1, opcode: 0x76 },
  /** `vpslld` by a constant; `target` is 6, a part of the opcode, and `first` is written. */
  vpslld: { map: 1, prefix: 1, opcode: 0x72 },
  /** Numbers of each 128 bits, by two bits of the immediate each. */
  vpermilps: { map: 3, prefix: 1, opcode: 0x04 },
  /** Halves of 128 bits. VEX. */
  vperm2f128: { map: 3, prefix: 1, opcode: 0x06 },
  /** Quarters of 128 bits. EVEX. */
  vshuff32x4: { map: 3, prefix: 1, opcode: 0x23 },
  /** `second` where the register in the immediate's upper half has its sign bit set, else `first`. VEX. */
  vblendvps: { map: 3, prefix: 1, opcode: 0x4a },
  /** The lowest number, to memory. VEX, 128 bits. */
  vmovdStore: { map: 1, prefix: 1, opcode: 0x7e },
} as const satisfies Record<string, Opcode>;

/** The name of an instruction of vectors. */
export type VectorName = keyof typeof OPCODES;

/** What an instruction of vectors works on. Registers are 0 to 15, under EVEX to 31. */
export interface VectorOperands {
  /** The register that is written, or stored. */
  readonly target: number;
  /** The first factor; absent where there is one operand besides the target. */
  readonly first?: number;
  /** A register, or where an operand is in memory. */
  readonly second: number | Place;
  /** The mask register of the lanes that are touched, EVEX only; absent: all. */
  readonly mask?: number;
  /** Lanes that are not touched become 0. */
  readonly zeroing?: boolean;
  readonly immediate?: number;
}

/** The bytes of an instruction. */
export function vectorInstruction(
  width: Width,
  name: VectorName,
  { target, first = 0, second, mask = 0, zeroing = false, immediate }:
    VectorOperands,
): number[] {
  const { map, prefix, opcode, w = 0, unit = width / 8 }: Opcode =
    OPCODES[name];
  const isWide = width === 512;
  const { x, b, bytes } = typeof second === "number"
    // under EVEX bit 4 of a register is where bit 3 of an index would be
    ? {
      x: second >> 4,
      b: (second >> 3) & 1,
      bytes: [0xc0 | ((target & 7) << 3) | (second & 7)],
    }
    : operandAt(target, second, isWide ? unit : 1);
  const r = (target >> 3) & 1;
  // these bits stand inverted in the prefix
  const registers = ((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5);
  const firstBits = (~first & 15) << 3;
  const tail = [
    opcode,
    ...bytes,
    ...(immediate === undefined ? [] : [immediate]),
  ];
  if (!isWide) {
    const length = width === 256 ? 4 : 0;
    return [0xc4, registers | map, firstBits | length | prefix, ...tail];
  }
  const lengthOf512 = 2 << 5;
  return [
    0x62,
    registers | (((target >> 4) ^ 1) << 4) | map,
    (w << 7) | firstBits | 4 | prefix,
    (zeroing ? 0x80 : 0) | lengthOf512 | (((first >> 4) ^ 1) << 3) | mask,
    ...tail,
  ];
}

/** `kmovw`: a mask register from the lowest 16 bits of a general one. */
export function maskFrom(mask: number, from: Register): number[] {
  return [
    0xc4,
    0xe1 & ~((from >> 3) << 5),
    0x78,
    0x92,
    0xc0 | (mask << 3) | (from & 7),
  ];
}
