/**
 * A library of the system for products in float32, found and opened.
 * @module
 */
import { DeviceError, isGranted } from "@denotune/denotune/device";
import {
  type Candidate,
  candidates,
  describeLibrary,
  limitThreads,
} from "./libraries.ts";
import type { OpenGemm } from "./library.ts";
import { openOneDnn } from "./onednn.ts";

/** `auto`: if there is one and it is permitted. */
export type BlasChoice = "auto" | "off" | "required";

/** A library that was found: enough to open it in another worker. */
export interface BlasFound extends Candidate {
  /** `OpenBLAS 0.3.21 (SkylakeX)`, `oneDNN 2.6.3 (avx512_core_bf16)`. */
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

/** OpenBLAS packs nothing where the sizes multiply to less than a million; widths that were the fastest. */
const FEW_ROWS = { NN: 128, NT: 128, mostRows: 16 };

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
  for (const candidate of candidates(Deno.build, path)) {
    try {
      const found = { ...candidate, description: describeLibrary(candidate) };
      openBlas(found).close();
      return { found, reason: null };
    } catch {
      tried.push(candidate.path); // not there, or not a library that we know how to call
    }
  }
  return refuse(`none of these could be opened: ${tried.join(", ")}`);
}

/** Opens a BLAS in this worker, at one thread a call. */
export function openBlas(found: BlasFound): OpenGemm {
  if (found.library === "oneDNN") return openOneDnn(found.path, "dnnl_sgemm");
  const library = Deno.dlopen(found.path, SGEMM);
  // only while it is open: closed by all, it is unloaded, and begins anew with as many threads as cores
  limitThreads(found);
  return {
    fewRows: FEW_ROWS,
    gemm: (p) =>
      library.symbols.cblas_sgemm(
        ROW_MAJOR,
        p.transposeA ? TRANSPOSED : PLAIN,
        p.transposeB ? TRANSPOSED : PLAIN,
        p.m,
        p.n,
        p.k,
        p.alpha,
        BigInt(p.a),
        p.aRow,
        BigInt(p.b),
        p.bRow,
        p.beta,
        BigInt(p.c),
        p.cRow,
      ),
    close: () => library.close(),
  };
}
