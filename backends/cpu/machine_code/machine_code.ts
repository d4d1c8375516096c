/**
 * Products by machine code that is assembled here, where the system has no library for them: vectors of 256 and 512 bits,
 * which WebAssembly does not have.
 * @module
 */
import type { GemmArguments, OpenGemm } from "../blas/library.ts";
import { makeExecutable, mayExecute } from "./executable.ts";
import { featureWords, widestVectors } from "./features.ts";
import {
  FLAGS,
  FRAME_BYTES,
  type FrameNumber,
  offsetOf,
  prepareFrame,
} from "./frame.ts";
import { DIRECT, SOURCES_OF_B } from "./functions.ts";
import { productCode } from "./product.ts";
import { type Sources, TILE_SHAPES } from "./tile.ts";

/** Machine code that can be used here: plain data, so that it crosses into workers. */
export interface MachineCodeFound {
  readonly library: "machine code";
  /** Bits of its vectors. */
  readonly width: 256 | 512;
  /** `machine code (AVX-512)`. */
  readonly description: string;
}

/** Whether machine code can be used. Needs the permission `ffi`, and asks for nothing. */
export function findMachineCode():
  | { readonly found: MachineCodeFound; readonly reason: null }
  | { readonly found: null; readonly reason: string } {
  if (!mayExecute(Deno.build)) {
    return { found: null, reason: "it is made for Linux on x86-64" };
  }
  try {
    const width = widestVectors(featureWords());
    if (width === null) {
      return { found: null, reason: "the processor lacks AVX2 or FMA" };
    }
    return { found: machineCodeOf(width), reason: null };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { found: null, reason };
  }
}

/** Machine code with vectors of this width. */
export function machineCodeOf(width: 256 | 512): MachineCodeFound {
  const vectors = width === 512 ? "AVX-512" : "AVX2";
  return {
    library: "machine code",
    width,
    description: `machine code (${vectors})`,
  };
}

/** A line of the cache. */
const LINE = 64;

/** Assembles and opens it in this thread. Throws `Error` where memory cannot be made executable. */
export function openMachineCode({ width }: MachineCodeFound): OpenGemm {
  const shape = TILE_SHAPES[width];
  const { bytes, start, functions, numbers } = productCode(shape);
  const whole = { columns: shape.vectors * width / 32, terms: shape.terms };
  const executable = makeExecutable(bytes);

  // frame, addresses of functions, packed a, packed b; a packed term may be written up to a vector wider than it is
  const lineAfter = (at: number) => Math.ceil(at / LINE) * LINE;
  const functionsAt = lineAfter(FRAME_BYTES);
  const packedAAt = lineAfter(functionsAt + 8 * functions.length);
  const packedBAt = lineAfter(
    packedAAt + 4 * shape.rows * shape.terms + width / 8,
  );
  const end = packedBAt + 4 * shape.columns * shape.terms + width / 8;
  const memory = new ArrayBuffer(end + LINE);
  const memoryAt = BigInt(Deno.UnsafePointer.value(
    Deno.UnsafePointer.of(new Uint8Array(memory)),
  ));
  const shift = Number(-memoryAt & BigInt(LINE - 1)); // from the memory's first byte to its first line
  const frameAt = memoryAt + BigInt(shift);
  const frame = new DataView(memory, shift);
  const write = (name: FrameNumber, value: number) => {
    const at = offsetOf(name);
    frame.setUint32(at, value, true); // modulo 2 ** 32
    frame.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  };
  prepareFrame(frame);
  functions.forEach((at, i) =>
    frame.setBigUint64(functionsAt + 8 * i, executable.at + BigInt(at), true)
  );
  write("functions", Number(frameAt) + functionsAt);
  write("packedA", Number(frameAt) + packedAAt);
  write("packedB", Number(frameAt) + packedBAt);
  const entry = executable.at + BigInt(start);

  return {
    fewRows: null,
    cutsFreely: true,
    gemm(p) {
      check(p);
      if (p.m === 0 || p.n === 0) return;
      write("a", p.a);
      write("aRow", 4 * p.aRow);
      write("b", p.b);
      write("bRow", 4 * p.bRow);
      write("c", p.c);
      write("cRow", 4 * p.cRow);
      write("m", p.m);
      write("n", p.n);
      write("k", p.k);
      frame.setFloat32(offsetOf("alpha"), p.alpha, true);
      write("bias", p.bias ?? 0);
      const { a, b } = sourcesOf(p, whole);
      const ofB = SOURCES_OF_B.indexOf(b) * shape.rows;
      const direct = DIRECT.findIndex((d) => d.a === a && d.b === b);
      write("whole", numbers.whole + ofB - 1);
      write("direct", direct < 0 ? 0 : numbers.direct + direct);
      write(
        "flags",
        (p.transposeA ? FLAGS.transposeA : 0) |
          (p.transposeB ? FLAGS.transposeB : 0) |
          (p.beta === 0 ? 0 : FLAGS.accumulate) |
          (b === "packed" ? 0 : FLAGS.directB),
      );
      executable.call(entry, frameAt);
    },
    close: () => executable.close(),
  };
}

/** Bytes of lines across the terms that stay in the second cache while tiles read a part of each. */
const DIRECT_BYTES = 256 * 1024;
/** Lines so many bytes apart share places in the first cache: fewer of them than a tile has. */
const SAME_PLACES = 4096;

/** What the tiles of a product read fastest. */
function sourcesOf(
  p: GemmArguments,
  { columns, terms }: { readonly columns: number; readonly terms: number },
): Sources {
  if (p.n % columns !== 0) return { a: "packed", b: "packed" };
  const staysNear = (row: number) =>
    4 * row * Math.min(p.k, terms) <= DIRECT_BYTES;
  const b = !p.transposeB && staysNear(p.bRow) ? "columns" : "packed";
  if (p.transposeA) return { a: staysNear(p.aRow) ? "columns" : "packed", b };
  return { a: 4 * p.aRow % SAME_PLACES === 0 ? "packed" : "lines", b };
}

/** Code trusts its arguments: what it could not compute is refused here. */
function check({ m, n, k, beta, a, b, c, bias }: GemmArguments): void {
  for (const size of [m, n, k]) {
    if (!Number.isInteger(size) || size < 0 || size >= 2 ** 31) {
      throw new RangeError(
        `Cannot multiply ${m} x ${n} over ${k}: sizes must be whole numbers below 2 ** 31`,
      );
    }
  }
  for (const address of [a, b, c, ...(bias === undefined ? [] : [bias])]) {
    if (!Number.isSafeInteger(address) || address <= 0) {
      throw new RangeError(`Cannot multiply at the address ${address}`);
    }
  }
  if (beta !== 0 && beta !== 1) {
    throw new RangeError(
      `Cannot multiply with beta ${beta}: it must be 0 or 1`,
    );
  }
  if (beta !== 0 && bias !== undefined) {
    throw new RangeError("Cannot add both a bias and what is in c");
  }
}
