/**
 * Products of bf16 factors with float32 sums: oneDNN, called through Deno's foreign functions on the shared
 * memory. It is looked for where a run asks for such products alone, and is not loaded otherwise.
 *
 * The workers are the threads, as with a BLAS. OpenMP keeps its number of threads for each thread of the process:
 * every worker sets its own to 1.
 * @module
 */
import type { BlasProduct } from "../kernels/launch.ts";
import { type Block, runBlocks } from "./blocks.ts";

/** A library that was found: enough to open it in another worker. */
export interface Bfloat16Found {
  readonly path: string;
  /** `oneDNN 2.6.3`. */
  readonly description: string;
}

/** The result of a search. */
export type Bfloat16Search =
  | { readonly found: Bfloat16Found; readonly reason: null }
  | { readonly found: null; readonly reason: string };

const SYMBOLS = {
  dnnl_gemm_bf16bf16f32: {
    // op(a), op(b), m, n, k, alpha, a, its row, b, its row, beta, c, its row: row-major
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
  },
  dnnl_version: { parameters: [], result: "pointer" },
} as const;

/** Of the OpenMP that the library itself was linked with: a symbol is looked for in its dependencies, too. */
const OPENMP = {
  omp_set_num_threads: { parameters: ["i32"], result: "void" },
} as const;

const PLAIN = "N".charCodeAt(0);
const TRANSPOSED = "T".charCodeAt(0);

/** Paths to try, the newest first. */
const PATHS: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  linux: ["libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"],
  darwin: [
    "/opt/homebrew/opt/onednn/lib/libdnnl.dylib",
    "/usr/local/opt/onednn/lib/libdnnl.dylib",
  ],
  windows: ["dnnl.dll"],
};

/** What to do where there is none. */
const INSTALL: Partial<Record<typeof Deno.build.os, string>> = {
  linux:
    "install oneDNN (Debian 12: apt install libdnnl2; Debian 13 and Ubuntu 24.04: apt install libdnnl3; Fedora: dnf install onednn)",
  darwin: "install oneDNN (brew install onednn)",
};

/** Looks for a library, `path` alone where it is given, and tries a product of it. */
export function findBfloat16(path: string | null): Bfloat16Search {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return {
      found: null,
      reason:
        "products of bfloat16 need a library, and the permission --allow-ffi has not been given",
    };
  }
  const { os } = Deno.build;
  const paths = path === null ? PATHS[os] ?? [] : [path];
  const tried: string[] = [];
  for (const candidate of paths) {
    let library: Deno.DynamicLibrary<typeof SYMBOLS>;
    try {
      library = Deno.dlopen(candidate, SYMBOLS);
    } catch {
      tried.push(candidate); // not there, or another library
      continue;
    }
    const description = `oneDNN ${versionOf(library)}`;
    const works = tryProduct(candidate, library);
    library.close();
    if (works) return { found: { path: candidate, description }, reason: null };
    tried.push(`${candidate} (${description}: not on this processor)`);
  }
  const install = INSTALL[os] ?? "install oneDNN";
  return {
    found: null,
    reason:
      `products of bfloat16 need oneDNN on a processor with AVX-512, and none of these could be used: ${
        tried.join(", ")
      }; ${install}, or name its path in backend.bfloat16_path`,
  };
}

function versionOf(library: Deno.DynamicLibrary<typeof SYMBOLS>): string {
  const pointer = library.symbols.dnnl_version();
  if (pointer === null) return "of unknown version";
  const view = new Deno.UnsafePointerView(pointer); // int major, minor, patch
  return [0, 4, 8].map((at) => view.getInt32(at)).join(".");
}

/** Whether the library multiplies on this processor: (1 2) (3 4)^T = 11. */
function tryProduct(
  path: string,
  library: Deno.DynamicLibrary<typeof SYMBOLS>,
): boolean {
  limitThreads(path);
  const [a, b] = [[1, 2], [3, 4]].map((row) =>
    Uint16Array.from(
      new Uint32Array(Float32Array.from(row).buffer),
      (bits) => bits >>> 16,
    )
  );
  const c = new Float32Array(1);
  const [aAt, bAt, cAt] = [a, b, c].map(addressOf);
  const status = library.symbols.dnnl_gemm_bf16bf16f32(
    PLAIN,
    TRANSPOSED,
    1n,
    1n,
    2n,
    1,
    BigInt(aAt),
    2n,
    BigInt(bAt),
    2n,
    0,
    BigInt(cAt),
    1n,
  );
  return status === 0 && c[0] === 11;
}

/** Keeps the products of this worker to one thread, if the library uses OpenMP. */
function limitThreads(path: string): void {
  let library: Deno.DynamicLibrary<typeof OPENMP>;
  try {
    library = Deno.dlopen(path, OPENMP);
  } catch {
    return; // built for one thread, or for threads of another kind
  }
  library.symbols.omp_set_num_threads(1);
  library.close();
}

function addressOf(array: Uint8Array | Uint16Array | Float32Array): number {
  return Number(
    Deno.UnsafePointer.value(
      Deno.UnsafePointer.of(array as Uint8Array<ArrayBuffer>),
    ),
  );
}

/** A library opened in this worker, for this memory. */
export class Bfloat16 {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  /** Address of byte 0 of the shared memory in this process. */
  readonly #base: number;

  constructor(found: Bfloat16Found, memory: WebAssembly.Memory) {
    this.#library = Deno.dlopen(found.path, SYMBOLS);
    limitThreads(found.path); // while it is open: a library that is loaded anew begins with as many as cores
    this.#base = addressOf(new Uint8Array(memory.buffer, 0, 1));
  }

  /** Does blocks of a product until none is left. Throws `Error` where the library refuses one. */
  run(product: BlasProduct, slots: Float64Array, take: () => number): void {
    runBlocks(product, slots, {
      take,
      multiply: (block) => this.#multiply(product, block),
    });
  }

  #multiply({ layout, alpha, accumulate }: BlasProduct, s: Block): void {
    const { m, n, k, a, b, out } = s;
    this.#gemm({
      transposeA: layout === "TN",
      transposeB: layout === "NT",
      m: s.rows,
      n: s.columns,
      k,
      alpha,
      a,
      aRow: layout === "TN" ? m : k,
      b,
      bRow: layout === "NT" ? k : n,
      beta: accumulate ? 1 : 0,
      c: out,
      cRow: n,
    });
  }

  /**
   * One product as assembled kernels ask for it, all numbers float64: c = or += op(a) op(b), row-major, m x n over k,
   * a and b in bf16, c in float32; addresses in the shared memory, distances of rows in elements.
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
    beta: number,
    c: number,
    cRow: number,
  ): void =>
    this.#gemm({
      transposeA: transposeA !== 0,
      transposeB: transposeB !== 0,
      m,
      n,
      k,
      alpha: 1,
      a,
      aRow,
      b,
      bRow,
      beta,
      c,
      cRow,
    });

  #gemm(p: {
    transposeA: boolean;
    transposeB: boolean;
    m: number;
    n: number;
    k: number;
    alpha: number;
    a: number;
    aRow: number;
    b: number;
    bRow: number;
    beta: number;
    c: number;
    cRow: number;
  }): void {
    const status = this.#library.symbols.dnnl_gemm_bf16bf16f32(
      p.transposeA ? TRANSPOSED : PLAIN,
      p.transposeB ? TRANSPOSED : PLAIN,
      BigInt(p.m),
      BigInt(p.n),
      BigInt(p.k),
      p.alpha,
      BigInt(this.#base + p.a),
      BigInt(Math.max(1, p.aRow)), // a distance of 0 is refused
      BigInt(this.#base + p.b),
      BigInt(Math.max(1, p.bRow)),
      p.beta,
      BigInt(this.#base + p.c),
      BigInt(p.cRow),
    );
    if (status !== 0) {
      throw new Error(
        `oneDNN refused a product of ${p.m} x ${p.n} over ${p.k} (status ${status})`,
      );
    }
  }

  /** Closes the library. */
  close(): void {
    this.#library.close();
  }
}
