/**
 * oneDNN: products in float32 and of bf16 factors, by functions that are shaped like sgemm and row-major.
 *
 * OpenMP keeps its number of threads for each thread of the process: every worker sets its own to 1.
 * @module
 */
import type { OpenGemm } from "./library.ts";

/** Its functions, by the type of the factors; both add up in float32. */
export type OneDnnFunction = "dnnl_sgemm" | "dnnl_gemm_bf16bf16f32";

// op(a), op(b), m, n, k, alpha, a, its row, b, its row, beta, c, its row
const GEMM = {
  parameters: [
    "u8",
    "u8",
    "i64",
    "i64",
    "i64",
    "f32",
    "usize",
    "i64",
    "usize",
    "i64",
    "f32",
    "usize",
    "i64",
  ],
  result: "i32",
} as const;

const VERSION = {
  dnnl_version: { parameters: [], result: "pointer" },
} as const;

const PROCESSOR = {
  dnnl_get_effective_cpu_isa: { parameters: [], result: "i32" },
  dnnl_cpu_isa2str: { parameters: ["i32"], result: "pointer" },
} as const;

/** Of the OpenMP that the library itself was linked with: a symbol is looked for in its dependencies, too. */
const OPENMP = {
  omp_set_num_threads: { parameters: ["i32"], result: "void" },
} as const;

const PLAIN = "N".charCodeAt(0);
const TRANSPOSED = "T".charCodeAt(0);

/** Widths that were the fastest for float32. */
const FEW_ROWS = { NN: 192, NT: 128, mostRows: 128 };

/** Threads by TBB (`DNNL_RUNTIME_TBB`), which nobody outside can keep to one. */
const TBB = 4;

const PATHS: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  linux: ["libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"],
  darwin: [
    "/opt/homebrew/opt/onednn/lib/libdnnl.dylib",
    "/usr/local/opt/onednn/lib/libdnnl.dylib",
  ],
  windows: ["dnnl.dll"],
};

/** Paths to try on a system, the newest first. */
export function oneDnnPaths(os: typeof Deno.build.os): readonly string[] {
  return PATHS[os] ?? [];
}

/** The facts about a library. */
export interface OneDnnFacts {
  /** `2.6.3`. */
  readonly version: string;
  /** The vectors that it uses here, `avx512_core_bf16`; null where it does not say. */
  readonly vectors: string | null;
  /** Whether its calls can be kept to one thread. */
  readonly oneThread: boolean;
}

/** Reads what a library says of itself. Throws where there is none at `path`. */
export function oneDnnFacts(path: string): OneDnnFacts {
  const library = Deno.dlopen(path, VERSION);
  try {
    const pointer = library.symbols.dnnl_version();
    if (pointer === null) {
      return { version: "of unknown version", vectors: null, oneThread: false };
    }
    // int major, minor, patch; const char *hash; unsigned cpu_runtime
    const view = new Deno.UnsafePointerView(pointer);
    return {
      version: [0, 4, 8].map((at) => view.getInt32(at)).join("."),
      vectors: vectorsOf(path),
      oneThread: view.getUint32(24) !== TBB,
    };
  } finally {
    library.close();
  }
}

function vectorsOf(path: string): string | null {
  let library: Deno.DynamicLibrary<typeof PROCESSOR>;
  try {
    library = Deno.dlopen(path, PROCESSOR);
  } catch {
    return null; // built without these functions
  }
  try {
    const { dnnl_get_effective_cpu_isa, dnnl_cpu_isa2str } = library.symbols;
    const name = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());
    if (name === null) return null;
    return Deno.UnsafePointerView.getCString(name).replace(/^cpu_isa_/, "");
  } finally {
    library.close();
  }
}

/** Opens a library in this worker, at one thread a call. Throws where it is not there, or lacks the function. */
export function openOneDnn(path: string, name: OneDnnFunction): OpenGemm {
  const library = name === "dnnl_sgemm"
    ? Deno.dlopen(path, { dnnl_sgemm: GEMM })
    : Deno.dlopen(path, { dnnl_gemm_bf16bf16f32: GEMM });
  const call = "dnnl_sgemm" in library.symbols
    ? library.symbols.dnnl_sgemm
    : library.symbols.dnnl_gemm_bf16bf16f32;
  limitOpenMp(path); // while it is open: a library that is loaded anew begins with as many as cores
  return {
    fewRows: name === "dnnl_sgemm" ? FEW_ROWS : null,
    cutsFreely: false,
    gemm(p) {
      const status = call(
        p.transposeA ? TRANSPOSED : PLAIN,
        p.transposeB ? TRANSPOSED : PLAIN,
        BigInt(p.m),
        BigInt(p.n),
        BigInt(p.k),
        p.alpha,
        BigInt(p.a),
        BigInt(Math.max(1, p.aRow)), // a distance of 0 is refused
        BigInt(p.b),
        BigInt(Math.max(1, p.bRow)),
        p.beta,
        BigInt(p.c),
        BigInt(p.cRow),
      );
      if (status !== 0) {
        throw new Error(
          `oneDNN refused a product of ${p.m} x ${p.n} over ${p.k} (status ${status})`,
        );
      }
    },
    close: () => library.close(),
  };
}

/** Keeps the products of this worker to one thread, if the library uses OpenMP. */
function limitOpenMp(path: string): void {
  let library: Deno.DynamicLibrary<typeof OPENMP>;
  try {
    library = Deno.dlopen(path, OPENMP);
  } catch {
    return; // built for one thread, or for threads of another kind
  }
  library.symbols.omp_set_num_threads(1);
  library.close();
}
