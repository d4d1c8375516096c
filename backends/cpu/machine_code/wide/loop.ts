/**
 * A loop over elements in machine code: the steps of an assembled loop of four lanes with vectors of 8 or 16, each step the
 * same instruction, so that the bits are the same.
 *
 * ```text
 * once            constants, numbers of all lanes, and what is computed of them alone: into slots on the stack
 *                 as many of those as registers are left, by how often they are used: into registers
 * each vector     load, compute, store
 * ```
 * Registers: RAX bytes done, RDI bytes to do, RSP slots, RBP the caller's stack; an address of each tensor.
 * @module
 */
import type { Step, Straight } from "../../assembler/mod.ts";
import { Encoder, Label } from "../encoder.ts";
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
  RCX,
  RDI,
  RDX,
  type Register,
  RSI,
  RSP,
} from "../place.ts";
import { compute, SPARE } from "./steps.ts";
import { VectorRegisters } from "./registers.ts";

/** Makes loops. */
export interface LoopMaker {
  /** Elements of a vector. */
  readonly lanes: number;
  /** The address of the loop of these steps over so many tensors. */
  make(straight: Straight, tensors: number): number;
}

/** For the addresses of tensors. RSI is the last one to be set: it has byte 0 of all addresses until then. */
const FREE: readonly Register[] = [RCX, RDX, R8, R9, R10, R11];
/** The same, and a function leaves them as they were (System V ABI, 3.2.1). */
const KEPT: readonly Register[] = [RBX, R12, R13, R14, R15];

/** The most tensors that a loop can read and write. */
export const MOST_TENSORS = FREE.length + KEPT.length + 1;

/** Bytes of a description of so many tensors: 8 for the bytes to do, and 8 for the address of each one's first element. */
export function descriptionBytes(tensors: number): number {
  return 8 * (1 + tensors);
}

/** Bytes from the description's start to the address of a tensor; the bytes to do are at its start. */
export function addressOffset(tensor: number): number {
  return descriptionBytes(tensor);
}

/** The tensors of which each vector has other elements, in the order in which they come. */
export function movingTensors({ steps, stores }: Straight): Set<number> {
  return new Set([
    ...steps.flatMap((s) => s.kind === "load" ? [s.parameter] : []),
    ...stores.map((s) => s.parameter),
  ]);
}

/**
 * Assembles the loop of `steps` over `tensors`: a function of the address of a description and of byte 0 of its
 * addresses. The bytes to do are a multiple of a vector's and more than 0. Tensors of which one number is in all lanes are
 * addressed from that number's tensor on.
 */
export function wideLoopCode(
  straight: Straight,
  { tensors, width }: {
    readonly tensors: number;
    readonly width: 256 | 512;
  },
): Uint8Array<ArrayBuffer> {
  if (tensors > MOST_TENSORS) {
    throw new RangeError(`A loop cannot have ${tensors} tensors`);
  }
  const { steps, stores } = straight;
  const fixed = fixedSteps(steps);
  const moving = steps.flatMap((_, i) => fixed[i] ? [] : [i]);
  const inLoop = new Set([
    ...moving.flatMap((i) => operandsOf(steps[i])),
    ...stores.map((s) => s.value),
  ]);
  const code = new Encoder();
  const constants = new Label();
  const bits: number[] = [];
  const places = [...FREE, ...KEPT, RSI];
  const addressOf = new Map(
    [...movingTensors(straight)].map((tensor, i) => [tensor, places[i]]),
  );
  const saved = KEPT.filter((r) => [...addressOf.values()].includes(r));
  const registers = new VectorRegisters(code, width);
  const atLane = (parameter: number): Place => ({
    base: addressOf.get(parameter) ?? 0,
    index: RAX,
  });

  code.callable();
  code.push(RBP);
  code.move(RBP, RSP);
  for (const register of saved) code.push(register);
  code.andConstant(RSP, -64);
  code.subtractConstant(RSP, steps.length * width / 8); // a slot for each value at most
  code.addressOf(RAX, constants);

  // what is the same for all vectors
  const uses = usesOf(steps, steps.flatMap((_, i) => fixed[i] ? [i] : []), []);
  steps.forEach((step, i) => {
    if (!fixed[i]) return;
    registers.begin(i, uses, operandsOf(step));
    if (step.kind === "constant") {
      const second = { base: RAX, offset: 4 * bits.length };
      bits.push(step.bits);
      code.vector(width, "vbroadcastss", {
        target: registers.define(i),
        second,
      });
    } else if (step.kind === "splat") {
      code.load(RCX, { base: RDI, offset: addressOffset(step.parameter) });
      code.add(RCX, RSI);
      code.vector(width, "vbroadcastss", {
        target: registers.define(i),
        second: { base: RCX, offset: step.offset },
      });
    } else if (step.kind === "operation") {
      compute(code, registers, { width, step, number: i });
    }
    if (inLoop.has(i)) registers.keep(i);
    registers.end();
  });
  for (const [tensor, register] of addressOf) {
    const address = { base: RDI, offset: addressOffset(tensor) };
    if (register === RSI) {
      code.load(RAX, address);
      code.add(RSI, RAX);
    } else {
      code.load(register, address);
      code.add(register, RSI);
    }
  }
  code.load(RDI, { base: RDI });

  // each vector
  const usesInLoop = usesOf(steps, moving, stores);
  registers.restart(
    [...inLoop].filter((i) => fixed[i]),
    { uses: usesInLoop, most: mostAtOnce(moving, usesInLoop) + SPARE },
  );
  const again = new Label();
  code.clear(RAX);
  code.align(32);
  code.place(again);
  for (const i of moving) {
    const step = steps[i];
    registers.begin(i, usesInLoop, operandsOf(step));
    if (step.kind === "load") {
      code.vector(width, "vmovups", {
        target: registers.define(i),
        second: atLane(step.parameter),
      });
    } else if (step.kind === "operation") {
      compute(code, registers, { width, step, number: i });
    }
    registers.end();
  }
  stores.forEach(({ parameter, value }, i) => {
    registers.begin(steps.length + i, usesInLoop, [value]);
    code.vector(width, "vmovupsStore", {
      target: registers.inRegister(value),
      second: atLane(parameter),
    });
    registers.end();
  });
  code.addConstant(RAX, width / 8);
  code.compare(RAX, RDI);
  code.jumpIf("less", again);

  code.zeroUpper();
  code.address(RSP, { base: RBP, offset: -8 * saved.length });
  for (const register of saved.toReversed()) code.pop(register);
  code.pop(RBP);
  code.returnZero();
  code.align(4);
  code.place(constants);
  code.raw(...new Uint8Array(Uint32Array.from(bits).buffer));
  return code.bytes();
}

/** Which steps give the same number in all lanes of all vectors. */
function fixedSteps(steps: readonly Step[]): boolean[] {
  const fixed: boolean[] = [];
  for (const step of steps) {
    fixed.push(
      step.kind !== "load" && operandsOf(step).every((i) => fixed[i]),
    );
  }
  return fixed;
}

function operandsOf(step: Step): readonly number[] {
  return step.kind === "operation" ? step.of : [];
}

/** When each value is used, in the order of `numbers`, then of the stores, which count on from the last step. */
function usesOf(
  steps: readonly Step[],
  numbers: readonly number[],
  stores: Straight["stores"],
): ReadonlyMap<number, readonly number[]> {
  const uses = new Map<number, number[]>();
  const use = (value: number, when: number) => {
    const known = uses.get(value);
    if (known === undefined) uses.set(value, [when]);
    else known.push(when);
  };
  for (const i of numbers) for (const v of operandsOf(steps[i])) use(v, i);
  stores.forEach(({ value }, i) => use(value, steps.length + i));
  return uses;
}

/** The most of these values that are needed at once. */
function mostAtOnce(
  numbers: readonly number[],
  uses: ReadonlyMap<number, readonly number[]>,
): number {
  const lastUse = (i: number) => uses.get(i)?.at(-1) ?? i;
  let most = 0;
  for (const now of numbers) {
    const live = numbers.filter((i) => i <= now && lastUse(i) > now);
    most = Math.max(most, live.length);
  }
  return most;
}
