/**
 * A library of matrix products that is open in a worker, and called on the shared memory. One thread a call: the
 * workers are the threads, and each takes whole blocks that shapes alone decide (other blocks, other bits).
 * @module
 */
import type { BlasProduct } from "../kernels/launch.ts";
import { addressOfMemory } from "../machine_code/executable.ts";
import { type Block, type FewRowsColumns, runBlocks } from "./blocks.ts";

/** c = alpha op(a) op(b) + beta c, row-major, m x n over k. Addresses of the process; distances of rows in elements. */
export interface GemmArguments {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly a: number;
  readonly aRow: number;
  readonly b: number;
  readonly bRow: number;
  readonly beta: number;
  readonly c: number;
  readonly cRow: number;
  /** Address of a number for each column that is added; machine code alone. Not with beta 1. */
  readonly bias?: number;
}

/** The function of a library that is open, and how it is closed. */
export interface OpenGemm {
  /** How products of few rows are cut; null: as all others. */
  readonly fewRows: FewRowsColumns | null;
  /** Whether a sum's bits are the same in whatever block it is. */
  readonly cutsFreely: boolean;
  gemm(product: GemmArguments): void;
  close(): void;
}

/** A library opened in this worker, for this memory. */
export class GemmLibrary {
  readonly #open: OpenGemm;
  readonly #memory: WebAssembly.Memory;
  /** Address of byte 0 of the shared memory in this process. */
  readonly #base: number;

  constructor(open: OpenGemm, memory: WebAssembly.Memory) {
    this.#open = open;
    this.#memory = memory;
    this.#base = Number(addressOfMemory(memory));
  }

  /** Does blocks of a product until none is left. Throws `Error` where the library refuses one. */
  run(
    product: BlasProduct,
    slots: Float64Array,
    { workers, take }: {
      /** How many share its blocks. */
      readonly workers: number;
      readonly take: (blocks: number) => number;
    },
  ): void {
    const { fewRows, cutsFreely } = this.#open;
    runBlocks(product, slots, {
      take,
      multiply: (block) => this.#multiply(product, block),
      fewRows,
      workers: cutsFreely ? workers : null,
    });
  }

  #multiply(
    { layout, alpha, accumulate, panelRows }: BlasProduct,
    s: Block,
  ): void {
    const { m, n, k } = s;
    if (k === 0 && !accumulate && s.bias === undefined) {
      // oneDNN leaves c as it is
      for (let i = 0; i < s.rows; i++) {
        new Float32Array(this.#memory.buffer, s.out + 4 * n * i, s.columns)
          .fill(0);
      }
      return;
    }
    this.#open.gemm({
      transposeA: layout === "TN",
      transposeB: layout === "NT",
      m: s.rows,
      n: s.columns,
      k,
      alpha,
      a: this.#base + s.a,
      aRow: layout === "TN" ? m : k,
      b: this.#base + s.b,
      bRow: panelRows !== undefined ? s.columns : layout === "NT" ? k : n,
      beta: accumulate ? 1 : 0,
      c: this.#base + s.out,
      cRow: n,
      bias: s.bias === undefined ? undefined : this.#base + s.bias,
    });
  }

  /**
   * One product as assembled kernels ask for it, all numbers float64: c = or += alpha op(a) op(b), row-major, m x n over k;
   * addresses in the shared memory, distances of rows in elements.
   */
  readonly gemm = (
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
    alpha: number,
  ): void =>
    this.#open.gemm({
      transposeA: transposeA !== 0,
      transposeB: transposeB !== 0,
      m,
      n,
      k,
      alpha,
      a: this.#base + a,
      aRow,
      b: this.#base + b,
      bRow,
      beta: accumulate,
      c: this.#base + c,
      cRow,
    });

  /** Closes the library. */
  close(): void {
    this.#open.close();
  }
}
