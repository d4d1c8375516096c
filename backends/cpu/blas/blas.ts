/**
 * A BLAS of the system, called through Deno's foreign functions on the shared memory. One thread a call: the
 * workers are the threads, and each takes whole blocks that shapes alone decide (other blocks, other bits).
 * @module
 */
import { DeviceError, isGranted } from "@denotune/denotune/core";
import type { BlasProduct } from "../kernels/launch.ts";
import { type Block, runBlocks } from "./blocks.ts";
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

  /** Does blocks of a product until none is left. */
  run(product: BlasProduct, slots: Float64Array, take: () => number): void {
    runBlocks(product, slots, {
      take,
      multiply: (block) => this.#multiply(product, block),
    });
  }

  #multiply(product: BlasProduct, s: Block): void {
    const { layout, alpha, accumulate } = product;
    const { m, n, k, a, b, out } = s;
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
