/**
 * Steps of lanes as instructions of wide vectors. Both machines round as IEEE 754 says, so the bits are those of
 * WebAssembly; a NaN stays one, whichever.
 * @module
 */
import type { Step } from "../../assembler/mod.ts";
import type { Encoder } from "../encoder.ts";
import type { VectorName } from "../vectors.ts";
import type { VectorRegisters } from "./registers.ts";

type Operation = Extract<Step, { kind: "operation" }>;

/** Registers that a step may need besides those of values. */
export const SPARE = 4;

/** How an operation of one or two values is written. */
interface Instruction {
  /** With VEX, and with EVEX. */
  readonly name: VectorName | readonly [vex: VectorName, evex: VectorName];
  readonly immediate?: number;
  /** The second value is the first operand. */
  readonly turned?: true;
  /** Operands may change places. */
  readonly free?: true;
}

const BITWISE = { free: true } as const;
const DOWN = 9, NEAREST = 8; // and no exception of inexact results

const PLAIN: Readonly<Record<string, Instruction>> = {
  "f32x4.add": { name: "vaddps", free: true },
  "f32x4.sub": { name: "vsubps" },
  "f32x4.mul": { name: "vmulps", free: true },
  "f32x4.div": { name: "vdivps" },
  // both give their second operand where one is NaN, or they are equal
  "f32x4.pmin": { name: "vminps", turned: true },
  "f32x4.pmax": { name: "vmaxps", turned: true },
  "f32x4.sqrt": { name: "vsqrtps" },
  "f32x4.floor": { name: ["vroundps", "vrndscaleps"], immediate: DOWN },
  "f32x4.nearest": { name: ["vroundps", "vrndscaleps"], immediate: NEAREST },
  "f32x4.convert_i32x4_s": { name: "vcvtdq2ps" },
  "i32x4.add": { name: "vpaddd", free: true },
  "i32x4.sub": { name: "vpsubd" },
  "i32x4.mul": { name: "vpmulld", free: true },
  "v128.and": { name: ["vandps", "vpandd"], ...BITWISE },
  "v128.or": { name: ["vorps", "vpord"], ...BITWISE },
  "v128.xor": { name: ["vxorps", "vpxord"], ...BITWISE },
  // not the first, and the second
  "v128.andnot": { name: ["vandnps", "vpandnd"], turned: true },
};

/** Predicates of comparisons, ordered but the last. */
const COMPARISONS: Readonly<Record<string, number>> = {
  "f32x4.eq": 0,
  "f32x4.lt": 1,
  "f32x4.le": 2,
  "f32x4.ge": 13,
  "f32x4.gt": 14,
  "f32x4.ne": 4,
};

/** Over the addend, and over a factor. */
const MULTIPLY_ADDS: Readonly<
  Record<string, readonly [overC: VectorName, overA: VectorName]>
> = {
  "f32x4.relaxed_madd": ["vfmadd231ps", "vfmadd213ps"],
  "f32x4.relaxed_nmadd": ["vfnmadd231ps", "vfnmadd213ps"],
};

/** A predicate: either is NaN. */
const UNORDERED = 3;

/** The part of the opcode that says which way. */
const SHIFTS: Readonly<Record<string, number>> = {
  "i32x4.shl": 6,
  "i32x4.shr_s": 4,
  "i32x4.shr_u": 2,
};

const MASK = 1;
/** Truth tables of three bits: target ? first : second, and always 1. */
const CHOOSE = 0xca, ONES = 0xff;

/** Writes a step; its result is value `number`. Throws `RangeError` for a step that is not known. */
export function compute(
  code: Encoder,
  registers: VectorRegisters,
  { width, step, number }: {
    readonly width: 256 | 512;
    readonly step: Operation;
    readonly number: number;
  },
): void {
  const { name, of, by } = step;
  const wide = width === 512;
  if (name in PLAIN) {
    const { name: names, immediate, turned, free }: Instruction = PLAIN[name];
    const used = typeof names === "string" ? names : names[wide ? 1 : 0];
    let [a, b] = turned ? [of[1], of[0]] : of;
    if (free === true && !registers.has(a)) [a, b] = [b, a];
    const operands = b === undefined
      ? { second: registers.anywhere(a) }
      : { first: registers.inRegister(a), second: registers.anywhere(b) };
    registers.release();
    const target = registers.define(number);
    return code.vector(width, used, {
      target,
      ...operands,
      ...(immediate === undefined ? {} : { immediate }),
    });
  }
  if (name in SHIFTS) {
    const from = registers.inRegister(of[0]);
    registers.release();
    // the result is where other instructions have their first operand
    return code.vector(width, "vpslld", {
      target: SHIFTS[name],
      first: registers.define(number),
      second: from,
      immediate: by,
    });
  }
  if (name in COMPARISONS || name === "i32x4.eq") {
    const first = registers.inRegister(of[0]);
    const second = registers.anywhere(of[1]);
    registers.release();
    const target = registers.define(number);
    const kind = wide ? MASK : target;
    if (name === "i32x4.eq") {
      code.vector(width, "vpcmpeqd", { target: kind, first, second });
    } else {
      const immediate = COMPARISONS[name];
      code.vector(width, "vcmpps", { target: kind, first, second, immediate });
    }
    if (!wide) return;
    return code.vector(width, "vpternlogd", {
      target,
      first: target,
      second: target,
      mask: MASK,
      zeroing: true,
      immediate: ONES,
    });
  }
  if (name in MULTIPLY_ADDS) {
    const names = MULTIPLY_ADDS[name];
    return multiplyAdd(code, registers, { width, of, number, names });
  }
  switch (name) {
    case "i32x4.relaxed_laneselect":
      return choose(code, registers, { width, of, number });
    case "f32x4.min":
    case "f32x4.max":
      return extreme(code, registers, { width, name, of, number });
  }
  throw new RangeError(`${name} is not known as a step of wide vectors`);
}

interface Writing {
  readonly width: 256 | 512;
  readonly of: readonly number[];
  readonly number: number;
}

/** a b + c, or c - a b: over the register of a value that ends here, if there is one. */
function multiplyAdd(
  code: Encoder,
  registers: VectorRegisters,
  { width, of: [a, b, c], number, names: [overC, overA] }: Writing & {
    readonly names: readonly [VectorName, VectorName];
  },
): void {
  if (registers.ends(c) && c !== a && c !== b) {
    const [x, y] = registers.has(a) ? [a, b] : [b, a];
    const first = registers.inRegister(x), second = registers.anywhere(y);
    const target = registers.takeOver(number, c);
    return code.vector(width, overC, { target, first, second });
  }
  const [x, y] = registers.ends(b) ? [b, a] : [a, b];
  const first = registers.inRegister(y), second = registers.anywhere(c);
  if (registers.ends(x) && x !== y) {
    const target = registers.takeOver(number, x);
    return code.vector(width, overA, { target, first, second });
  }
  const from = registers.anywhere(x);
  const target = registers.define(number);
  code.vector(width, "vmovups", { target, second: from });
  code.vector(width, overA, { target, first, second });
}

/** a where the mask's lanes are ones, b where they are zeros. */
function choose(
  code: Encoder,
  registers: VectorRegisters,
  { width, of: [a, b, mask], number }: Writing,
): void {
  if (width === 256) {
    const first = registers.inRegister(b), second = registers.anywhere(a);
    const immediate = registers.inRegister(mask) << 4;
    registers.release();
    const target = registers.define(number);
    return code.vector(width, "vblendvps", {
      target,
      first,
      second,
      immediate,
    });
  }
  const first = registers.inRegister(a), second = registers.anywhere(b);
  let target: number;
  if (registers.ends(mask) && mask !== a && mask !== b) {
    target = registers.takeOver(number, mask);
  } else {
    const from = registers.anywhere(mask);
    target = registers.define(number);
    code.vector(width, "vmovups", { target, second: from });
  }
  code.vector(width, "vpternlogd", {
    target,
    first,
    second,
    immediate: CHOOSE,
  });
}

/**
 * The smaller or larger one, NaN where either is, and -0 below 0. The instructions give their second operand where one is
 * NaN or both are 0, so both orders are asked. Bits of either are the smaller 0; less those in which they differ, the larger.
 */
function extreme(
  code: Encoder,
  registers: VectorRegisters,
  { width, name, of: [a, b], number }: Writing & { readonly name: string },
): void {
  const wide = width === 512;
  const least = name === "f32x4.min";
  const instruction = least ? "vminps" : "vmaxps";
  const or = wide ? "vpord" : "vorps", xor = wide ? "vpxord" : "vxorps";
  const first = registers.inRegister(a), second = registers.inRegister(b);
  const y = registers.spare();
  const x = registers.define(number);
  const op = (
    name: VectorName,
    target: number,
    first: number,
    second: number,
    more: { readonly immediate?: number; readonly mask?: number } = {},
  ) => code.vector(width, name, { target, first, second, ...more });
  op(instruction, x, first, second);
  op(instruction, y, second, first);
  if (least) op(or, x, x, y);
  else {
    op(xor, y, x, y);
    op(or, x, x, y);
    op("vsubps", x, x, y);
  }
  // the sum is the NaN, with its own bits alone: powers of e count on those that are 0
  const immediate = UNORDERED;
  if (wide) {
    op("vcmpps", MASK, first, second, { immediate });
    return op("vaddps", x, first, second, { mask: MASK });
  }
  op("vcmpps", y, first, second, { immediate });
  const sum = registers.spare();
  op("vaddps", sum, first, second);
  op("vblendvps", x, x, sum, { immediate: y << 4 });
}
