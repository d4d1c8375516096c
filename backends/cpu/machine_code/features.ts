/**
 * The vectors that this processor has and its system saves: by `cpuid` and `xgetbv`, run as code (volume 1 of Intel's
 * manual, 14.3, 14.5.3 and 15.2 say what has to be asked).
 * @module
 */
import { Encoder } from "./encoder.ts";
import { makeExecutable } from "./executable.ts";
import { RAX, RBX, RCX, RDI, RDX } from "./place.ts";

/** Words that `cpuid` and `xgetbv` fill in. */
export interface FeatureWords {
  /** The highest leaf of `cpuid`. */
  readonly leaves: number;
  /** Leaf 1, RCX. */
  readonly first: number;
  /** Leaf 7, RBX. */
  readonly seventh: number;
  /** What the system saves of a thread: XCR0. */
  readonly saved: number;
}

const bit = (n: number) => (word: number) => ((word >>> n) & 1) === 1;
const FIRST = { fma: bit(12), xgetbv: bit(27), avx: bit(28) };
const SEVENTH = { avx2: bit(5), avx512f: bit(16) };
/** Registers of 128 and 256 bits. */
const SAVED_256 = 0x6;
/** And those of 512 bits, their upper sixteen, and the masks. */
const SAVED_512 = 0xe6;

/** The widest vectors that words allow; null: none with fused multiply-adds. */
export function widestVectors(
  { leaves, first, seventh, saved }: FeatureWords,
): 256 | 512 | null {
  if (leaves < 7 || !FIRST.xgetbv(first) || !FIRST.avx(first)) return null;
  if ((saved & SAVED_256) !== SAVED_256) return null;
  if (!FIRST.fma(first) || !SEVENTH.avx2(seventh)) return null;
  return SEVENTH.avx512f(seventh) && (saved & SAVED_512) === SAVED_512
    ? 512
    : 256;
}

/** Asks the processor. Throws `Error` where memory cannot be made executable. */
export function featureWords(): FeatureWords {
  const code = new Encoder();
  const cpuid = wordsFunction(code, () => code.cpuid());
  const xgetbv = wordsFunction(code, () => code.xgetbv());
  const executable = makeExecutable(code.bytes());
  const words = new Uint32Array(32); // large enough that V8 does not move it
  const argument = BigInt(
    Deno.UnsafePointer.value(Deno.UnsafePointer.of(words)),
  );
  /** RAX, RBX, RCX, RDX behind the instruction. */
  const ask = (start: number, leaf: number) => {
    words.set([leaf, 0]);
    executable.call(executable.at + BigInt(start), argument);
    return words;
  };
  try {
    const [leaves] = ask(cpuid, 0);
    const first = ask(cpuid, 1)[2];
    const seventh = leaves >= 7 ? ask(cpuid, 7)[1] : 0;
    // without this feature xgetbv is no instruction
    const saved = FIRST.xgetbv(first) ? ask(xgetbv, 0)[0] : 0;
    return { leaves, first, seventh, saved };
  } finally {
    executable.close();
  }
}

/**
 * Adds a function that reads RAX and RCX from its argument's words and leaves RAX, RBX, RCX, RDX there. Gives where it
 * starts.
 */
function wordsFunction(code: Encoder, ask: () => void): number {
  const start = code.length;
  code.callable();
  code.push(RBX);
  code.load32(RAX, { base: RDI });
  code.load32(RCX, { base: RDI, offset: 4 });
  ask();
  [RAX, RBX, RCX, RDX].forEach((register, i) =>
    code.store32({ base: RDI, offset: 4 * i }, register)
  );
  code.pop(RBX);
  code.returnZero();
  return start;
}
