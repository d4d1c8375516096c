/**
 * The BLAS libraries that are known: their paths, how they report their version, how they are kept to one
 * thread.
 * @module
 */

import { oneDnnFacts, oneDnnPaths } from "./onednn.ts";

/** Which library: plain data, so that it crosses into workers. */
export type LibraryName =
  | "oneDNN"
  | "OpenBLAS"
  | "MKL"
  | "Accelerate"
  | "BLIS"
  | "BLAS";

/** A library and a path that it may have. */
export interface Candidate {
  readonly path: string;
  readonly library: LibraryName;
}

/** Faster than OpenBLAS on x86, where it writes its code for the processor at hand; on others it does not. */
const ONEDNN: readonly Candidate[] = oneDnnPaths("linux").map((path) => ({
  path,
  library: "oneDNN",
}));

/** Paths to try, the best first. A path given by the user is the only one. */
export function candidates(
  { os, arch }: Pick<typeof Deno.build, "os" | "arch">,
  path: string | null,
): Candidate[] {
  if (path !== null) return [{ path, library: nameOf(path) }];
  const openblas = (...paths: string[]): Candidate[] =>
    paths.map((p) => ({ path: p, library: "OpenBLAS" }));
  if (os === "darwin") {
    return [
      {
        path: "/System/Library/Frameworks/Accelerate.framework/Accelerate",
        library: "Accelerate",
      },
      ...openblas(
        "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
        "/usr/local/opt/openblas/lib/libopenblas.dylib",
      ),
    ];
  }
  if (os === "windows") {
    return [...openblas("libopenblas.dll", "openblas.dll"), {
      path: "mkl_rt.2.dll",
      library: "MKL",
    }];
  }
  return [
    ...(arch === "x86_64" ? ONEDNN : []),
    ...openblas("libopenblas.so.0", "libopenblas.so"),
    { path: "libmkl_rt.so.2", library: "MKL" },
    { path: "libmkl_rt.so", library: "MKL" },
    { path: "libblis.so.4", library: "BLIS" },
    { path: "libblis.so", library: "BLIS" },
  ];
}

function nameOf(path: string): LibraryName {
  if (/dnnl|onednn/i.test(path)) return "oneDNN";
  if (/openblas/i.test(path)) return "OpenBLAS";
  if (/mkl/i.test(path)) return "MKL";
  if (/accelerate/i.test(path)) return "Accelerate";
  if (/blis/i.test(path)) return "BLIS";
  return "BLAS";
}

/** Name, version and core type of a library, as far as it says. Throws where it cannot be kept to one thread. */
export function describeLibrary({ path, library }: Candidate): string {
  if (library === "OpenBLAS") return describeOpenBlas(path) ?? library;
  if (library === "oneDNN") return describeOneDnn(path);
  return library;
}

function describeOpenBlas(path: string): string | null {
  return using(path, {
    openblas_get_config: { parameters: [], result: "pointer" },
    openblas_get_corename: { parameters: [], result: "pointer" },
  }, ({ openblas_get_config, openblas_get_corename }) => {
    const config = textAt(openblas_get_config()); // "OpenBLAS 0.3.21 NO_AFFINITY ..."
    const version = /OpenBLAS (\S+)/.exec(config)?.[1] ?? "of unknown version";
    return `OpenBLAS ${version} (${textAt(openblas_get_corename())})`;
  });
}

function describeOneDnn(path: string): string {
  const { version, vectors, oneThread } = oneDnnFacts(path);
  if (!oneThread) throw new Error("its threads cannot be kept to one");
  return `oneDNN ${version}${vectors === null ? "" : ` (${vectors})`}`;
}

function textAt(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
}

/**
 * Keeps an open library to one thread a call, if it can be. Accelerate takes its number of threads from the
 * environment alone.
 */
export function limitThreads({ path, library }: Candidate): void {
  if (library === "OpenBLAS") {
    using(path, {
      openblas_set_num_threads: { parameters: ["i32"], result: "void" },
    }, (symbols) => {
      symbols.openblas_set_num_threads(1);
      return true;
    });
  } else if (library === "MKL") {
    using(path, {
      MKL_Set_Num_Threads: { parameters: ["i32"], result: "void" },
    }, (symbols) => {
      symbols.MKL_Set_Num_Threads(1);
      return true;
    });
  } else if (library === "BLIS") {
    using(path, {
      bli_thread_set_num_threads: { parameters: ["i64"], result: "void" },
    }, (symbols) => {
      symbols.bli_thread_set_num_threads(1n);
      return true;
    });
  }
}

/** Opens a library for a moment; null where it does not have the symbols. */
function using<S extends Deno.ForeignLibraryInterface, R>(
  path: string,
  symbols: S,
  body: (symbols: Deno.DynamicLibrary<S>["symbols"]) => R,
): R | null {
  let library: Deno.DynamicLibrary<S>;
  try {
    library = Deno.dlopen(path, symbols);
  } catch {
    return null; // another build of the library, without these functions
  }
  try {
    return body(library.symbols);
  } finally {
    library.close();
  }
}
