/**
 * What multiplies matrices of float32 besides WebAssembly: a library of the system, or machine code that is assembled
 * here, found and opened.
 * @module
 */
import { DeviceError, isGranted } from "@denotune/denotune/device";
import {
  type Candidate,
  candidates,
  describeLibrary,
  limitThreads,
} from "./libraries.ts";
import {
  findMachineCode,
  type MachineCodeFound,
  openMachineCode,
} from "../machine_code/machine_code.ts";
import type { OpenGemm } from "./library.ts";
import { openOneDnn } from "./onednn.ts";

/**
 * `auto`: a library if there is one, else machine code, if that is permitted; `required`: a library alone; `machine_code`:
 * no library; `off`: WebAssembly alone.
 */
export type BlasChoice = "auto" | "machine_code" | "off" | "required";

/** What was found: enough to open it in another worker. */
export type BlasFound = LibraryFound | MachineCodeFound;

/** A library that was found. */
export interface LibraryFound extends Candidate {
  /** `OpenBLAS 0.3.21 (SkylakeX)`, `oneDNN 2.6.3 (avx512_core_bf16)`. */
  readonly description: string;
}

/** The result of a search. */
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
 * Looks for what multiplies without asking the user for anything: only where the permission `ffi` has been granted.
 * Throws `DeviceError` when a library or machine code is required, or a path is given, and cannot be used.
 */
export function findBlas(choice: BlasChoice, path: string | null): BlasSearch {
  if (choice === "off") return { found: null, reason: "switched off" };
  if (choice === "machine_code") return requiredMachineCode(path);
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
  const none = `none of these could be opened: ${tried.join(", ")}`;
  if (choice === "required" || path !== null) return refuse(none);
  const own = findMachineCode();
  return own.found !== null
    ? own
    : { found: null, reason: `${none}; nor machine code: ${own.reason}` };
}

function requiredMachineCode(path: string | null): BlasSearch {
  const { found, reason } = path !== null
    ? { found: null, reason: "blas_path names a library" }
    : isGranted({ name: "ffi" })
    ? findMachineCode()
    : {
      found: null,
      reason: "the permission --allow-ffi has not been given",
    };
  if (found !== null) return { found, reason: null };
  throw new DeviceError(
    `Cannot multiply by machine code: ${reason}. Set blas to "auto" or "off" to do without.`,
  );
}

/** Opens a library, at one thread a call, or machine code, in this worker. */
export function openBlas(found: BlasFound): OpenGemm {
  if (found.library === "machine code") return openMachineCode(found);
  if (found.library === "oneDNN") return openOneDnn(found.path, "dnnl_sgemm");
  const library = Deno.dlopen(found.path, SGEMM);
  // only while it is open: closed by all, it is unloaded, and begins anew with as many threads as cores
  limitThreads(found);
  return {
    fewRows: FEW_ROWS,
    cutsFreely: false,
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
