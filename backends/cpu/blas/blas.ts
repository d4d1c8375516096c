/**
 * A BLAS of the system, called through Deno's foreign functions on the shared memory. One thread a call: the
 * workers are the threads, and each takes whole blocks that shapes alone decide (other blocks, other bits).
 * @module
 */
import { DeviceError, isGranted } from "@denotune/denotune/core";
import type { BlasProduct } from "../kernels/launch.ts";
import {
  type Candidate,
  candidates,
  describeLibrary,
  limitThreads,
} from "./libraries.ts";

/** `auto`: if there is one and it is permitted. */
export type BlasChoice = "auto" | "off" | "required";

/** A library that was found: enough to open it in another worker. */
export interface BlasFound extends Candidate {
  /** `OpenBLAS 0.3.21 (SkylakeX)`. */
  readonly description: string;
}

/** The result of a search for a BLAS. */
export type BlasSearch =
  | { readonly found: BlasFound; readonly reason: null }
  | { readonly found: null; readonly reason: string };

const SGEMM = {
  cblas_sgemm: {
    parameters: [
      "i32",
      "i32",
      "i32",
      "i32",
      "i32",
      "i32",
      "f32",
      "usize",
      "i32",
      "usize",
      "i32",
      "f32",
      "usize",
      "i32",
    ],
    result: "void",
  },
} as const;

const ROW_MAJOR = 101;
const PLAIN = 111;
const TRANSPOSED = 112;

/** Blocks that a large product is cut into, so that so many workers have something to do. */
const BLOCKS = 8;
/** Multiply-adds for which a block of its own is worth while. */
const BLOCK_WORK = 1 << 21;
/** Blocks are multiples of this many rows and columns. */
const BLOCK_UNIT = 16;

/**
 * Looks for a BLAS without asking the user for anything: only where the permission `ffi` has been granted.
 * Throws `DeviceError` when one is required, or a path is given, and cannot be used.
 */
export function findBlas(choice: BlasChoice, path: string | null): BlasSearch {
  if (choice === "off") return { found: null, reason: "switched off" };
  const refuse = (reason: string): BlasSearch => {
    if (choice === "required" || path !== null) {
      throw new DeviceError(
        `Cannot use a BLAS: ${reason}. Set blas to "auto" or "off" to do without.`,
      );
    }
    return { found: null, reason };
  };
  if (!isGranted({ name: "ffi" })) {
    return refuse("the permission --allow-ffi has not been given");
  }
  const tried: string[] = [];
  for (const candidate of candidates(Deno.build.os, path)) {
    let description: string;
    try {
      Deno.dlopen(candidate.path, SGEMM).close();
      description = describeLibrary(candidate);
    } catch {
      tried.push(candidate.path); // not there, or not a library that we know how to call
      continue;
    }
    return { found: { ...candidate, description }, reason: null };
  }
  return refuse(`none of these could be opened: ${tried.join(", ")}`);
}

/** A BLAS opened in this worker, for this memory. */
export class Blas {
  readonly #library: Deno.DynamicLibrary<typeof SGEMM>;
  /** Address of byte 0 of the shared memory in this process: growing does not move it. */
  readonly #base: number;

  constructor(found: BlasFound, memory: WebAssembly.Memory) {
    this.#library = Deno.dlopen(found.path, SGEMM);
    // only while it is open: closed by all, it is unloaded, and begins anew with as many threads as cores
    limitThreads(found);
    const pointer = Deno.UnsafePointer.of(new Uint8Array(memory.buffer, 0, 1));
    this.#base = Number(Deno.UnsafePointer.value(pointer));
  }

  /**
   * Does blocks of a product until none is left. `slots` are the product's arguments: temporary memory, a, b (if
   * not widened), out, batch, m, n, k.
   */
  run(product: BlasProduct, slots: Float64Array, take: () => number): void {
    const shift = product.widened ? 2 : 3;
    const a = slots[1],
      b = product.widened ? slots[0] : slots[2],
      out = slots[shift];
    const batch = slots[shift + 1],
      m = slots[shift + 2],
      n = slots[shift + 3],
      k = slots[shift + 4];
    if (batch === 0 || m === 0 || n === 0) return;
    const { rows, columns } = blasBlocks({ batch, m, n, k });
    const across = Math.ceil(n / columns);
    const blocks = Math.ceil(m / rows) * across;
    for (let piece = take(); piece < batch * blocks; piece = take()) {
      const which = Math.floor(piece / blocks);
      const inside = piece - which * blocks;
      const rowFrom = Math.floor(inside / across) * rows;
      const columnFrom = (inside % across) * columns;
      this.#multiply(product, {
        a: a + 4 * which * m * k,
        b: b + 4 * which * n * k,
        out: out + 4 * which * m * n,
        rowFrom,
        rows: Math.min(rows, m - rowFrom),
        columnFrom,
        columns: Math.min(columns, n - columnFrom),
        m,
        n,
        k,
      });
    }
  }

  #multiply(product: BlasProduct, s: Block): void {
    const { layout, alpha, accumulate } = product;
    const { m, n, k } = s;
    const a = s.a + 4 * (layout === "TN" ? s.rowFrom : s.rowFrom * k);
    const b = s.b + 4 * (layout === "NT" ? s.columnFrom * k : s.columnFrom);
    const out = s.out + 4 * (s.rowFrom * n + s.columnFrom);
    this.#library.symbols.cblas_sgemm(
      ROW_MAJOR,
      layout === "TN" ? TRANSPOSED : PLAIN,
      layout === "NT" ? TRANSPOSED : PLAIN,
      s.rows,
      s.columns,
      k,
      alpha,
      BigInt(this.#base + a),
      layout === "TN" ? m : k,
      BigInt(this.#base + b),
      layout === "NT" ? k : n,
      accumulate ? 1 : 0,
      BigInt(this.#base + out),
      n,
    );
  }

  /**
   * One product as assembled kernels ask for it, all numbers float64: c = or += op(a) op(b), row-major, m x n
   * over k; addresses in the shared memory, distances of rows in elements.
   */
  readonly sgemm = (
    transposeA: number,
    transposeB: number,
    m: number,
    n: number,
    k: number,
    a: number,
    aRow: number,
    b: number,
    bRow: number,
    accumulate: number,
    c: number,
    cRow: number,
  ): void => {
    this.#library.symbols.cblas_sgemm(
      ROW_MAJOR,
      transposeA === 0 ? PLAIN : TRANSPOSED,
      transposeB === 0 ? PLAIN : TRANSPOSED,
      m,
      n,
      k,
      1,
      BigInt(this.#base + a),
      aRow,
      BigInt(this.#base + b),
      bRow,
      accumulate,
      BigInt(this.#base + c),
      cRow,
    );
  };

  /** Closes the library. */
  close(): void {
    this.#library.close();
  }
}

/**
 * Rows and columns of the blocks that a product is cut into: the longer side is halved, because every call
 * packs its rows of a and its columns of b, until there are enough.
 */
export function blasBlocks(
  size: { batch: number; m: number; n: number; k: number },
): { rows: number; columns: number } {
  const half = (x: number) => Math.ceil(x / 2 / BLOCK_UNIT) * BLOCK_UNIT;
  let rows = size.m, columns = size.n;
  for (let blocks = size.batch; blocks < BLOCKS; blocks *= 2) {
    const longer = Math.max(rows, columns);
    if (rows * columns * size.k < 2 * BLOCK_WORK || longer <= 4 * BLOCK_UNIT) {
      break;
    }
    if (rows >= columns) rows = half(rows);
    else columns = half(columns);
  }
  return { rows, columns };
}

interface Block {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  readonly rowFrom: number;
  readonly rows: number;
  readonly columnFrom: number;
  readonly columns: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}
