/**
 * The libraries that a device multiplies with, or machine code: found once, opened in each worker.
 * @module
 */
import type { Bfloat16Found } from "./bfloat16.ts";
import { type BlasFound, openBlas } from "./blas.ts";
import { GemmLibrary } from "./library.ts";
import { openOneDnn } from "./onednn.ts";

/** Libraries that were found: plain data, so that it crosses into workers. */
export interface LibrariesFound {
  /** Of float32 products; null: WebAssembly multiplies. */
  readonly blas: BlasFound | null;
  /** Of bf16 factors; null: there are none. */
  readonly bfloat16: Bfloat16Found | null;
}

/** Libraries opened in a worker. */
export interface Libraries {
  readonly blas: GemmLibrary | null;
  readonly bfloat16: GemmLibrary | null;
  /** Closes them. */
  close(): void;
}

/** Opens them in this worker, for this memory. */
export function openLibraries(
  { blas, bfloat16 }: LibrariesFound,
  memory: WebAssembly.Memory,
): Libraries {
  const opened = {
    blas: blas === null ? null : new GemmLibrary(openBlas(blas), memory),
    bfloat16: bfloat16 === null ? null : new GemmLibrary(
      openOneDnn(bfloat16.path, "dnnl_gemm_bf16bf16f32"),
      memory,
    ),
  };
  return {
    ...opened,
    close() {
      opened.blas?.close();
      opened.bfloat16?.close();
    },
  };
}
