/**
 * The libraries that a device multiplies with: found once, opened in each worker.
 * @module
 */
import { Bfloat16, type Bfloat16Found } from "./bfloat16.ts";
import { Blas, type BlasFound } from "./blas.ts";

/** Libraries that were found: plain data, so that it crosses into workers. */
export interface LibrariesFound {
  /** Of float32 products; null: WebAssembly multiplies. */
  readonly blas: BlasFound | null;
  /** Of bf16 factors; null: there are none. */
  readonly bfloat16: Bfloat16Found | null;
}

/** Libraries opened in a worker. */
export interface Libraries {
  readonly blas: Blas | null;
  readonly bfloat16: Bfloat16 | null;
}

/** Opens them in this worker, for this memory. */
export function openLibraries(
  { blas, bfloat16 }: LibrariesFound,
  memory: WebAssembly.Memory,
): Libraries {
  return {
    blas: blas === null ? null : new Blas(blas, memory),
    bfloat16: bfloat16 === null ? null : new Bfloat16(bfloat16, memory),
  };
}
