/**
 * The libraries that a device multiplies with, or machine code: found once, opened in each worker.
 * @module
 */
import type { Bfloat16Found } from "./bfloat16.ts";
import { type BlasChoice, type BlasFound, findBlas, openBlas } from "./blas.ts";
import {
  findMachineCode,
  type MachineCodeFound,
  openMachineCode,
} from "../machine_code/machine_code.ts";
import { type OpenLoops, openLoops } from "../machine_code/wide/open.ts";
import { type OpenWeights, openWeights } from "../machine_code/open_weights.ts";
import type { BlasProduct } from "../kernels/launch.ts";
import { GemmLibrary } from "./library.ts";
import { openOneDnn } from "./onednn.ts";

/** Libraries that were found: plain data, so that it crosses into workers. */
export interface LibrariesFound {
  /** Of float32 products; null: WebAssembly multiplies. */
  readonly blas: BlasFound | null;
  /** What multiplies small matrices instead of a library; null: the library does. */
  readonly small: MachineCodeFound | null;
  /** Of bf16 factors; null: there are none. */
  readonly bfloat16: Bfloat16Found | null;
}

/** Libraries opened in a worker. */
export interface Libraries {
  readonly blas: GemmLibrary | null;
  /** Of small float32 products: the same as `blas` where nothing is faster. */
  readonly small: GemmLibrary | null;
  readonly bfloat16: GemmLibrary | null;
  /** Weights of attention by machine code; null: WebAssembly makes them. */
  readonly weights: OpenWeights | null;
  /** Loops over elements by machine code; null: WebAssembly does them. */
  readonly loops: OpenLoops | null;
  /** Closes them. */
  close(): void;
}

/**
 * What multiplies float32. Machine code does small products where a library was found by itself and nobody asked for that
 * library. Throws `DeviceError` as {@linkcode findBlas} does.
 */
export function findProducts(
  choice: BlasChoice,
  path: string | null,
): Pick<LibrariesFound, "blas" | "small"> & { readonly reason: string | null } {
  const { found, reason } = findBlas(choice, path);
  const isOwnChoice = choice === "auto" && path === null;
  const small =
    isOwnChoice && found !== null && found.library !== "machine code"
      ? findMachineCode().found
      : null;
  return { blas: found, small, reason };
}

/** `oneDNN 2.6.3 (avx512_core_bf16), small products by machine code (AVX-512)`. */
export function describeProducts(
  { blas, small }: Pick<LibrariesFound, "blas" | "small">,
): string {
  if (blas === null) return "WebAssembly SIMD";
  return small === null
    ? blas.description
    : `${blas.description}, small products by ${small.description}`;
}

/** The machine code that a device uses, if any. */
export function machineCodeIn(
  { blas, small }: Pick<LibrariesFound, "blas" | "small">,
): MachineCodeFound | null {
  return small ?? (blas?.library === "machine code" ? blas : null);
}

/** Which of the libraries does a product. Throws `Error` where it is not there. */
export function libraryOf<T>(
  { blas, small, bfloat16 }: {
    readonly blas: T | null;
    readonly small: T | null;
    readonly bfloat16: T | null;
  },
  { factors, small: isSmall }: BlasProduct,
): T {
  const library = factors === "bf16"
    ? bfloat16
    : (isSmall === true ? small : null) ?? blas;
  if (library === null) throw new Error("no library for it is loaded");
  return library;
}

/** Opens them in this worker, for this memory. */
export function openLibraries(
  { blas, small, bfloat16 }: LibrariesFound,
  memory: WebAssembly.Memory,
): Libraries {
  const machineCode = machineCodeIn({ blas, small });
  const ofBlas = blas === null ? null : new GemmLibrary(openBlas(blas), memory);
  const opened = {
    blas: ofBlas,
    small: small === null
      ? ofBlas
      : new GemmLibrary(openMachineCode(small), memory),
    bfloat16: bfloat16 === null ? null : new GemmLibrary(
      openOneDnn(bfloat16.path, "dnnl_gemm_bf16bf16f32"),
      memory,
    ),
    weights: machineCode === null ? null : openWeights(machineCode, memory),
    loops: machineCode === null ? null : openLoops(memory),
  };
  return {
    ...opened,
    close() {
      opened.blas?.close();
      if (opened.small !== opened.blas) opened.small?.close();
      opened.bfloat16?.close();
      opened.weights?.close();
      opened.loops?.close();
    },
  };
}
