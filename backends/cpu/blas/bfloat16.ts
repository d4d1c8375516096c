/**
 * Products of bf16 factors with float32 sums, by oneDNN. It is looked for where a run asks for such products alone.
 * @module
 */
import { isGranted } from "@denotune/denotune/device";
import { oneDnnFacts, oneDnnPaths, openOneDnn } from "./onednn.ts";

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

/** What to do where there is none. */
const INSTALL: Partial<Record<typeof Deno.build.os, string>> = {
  linux:
    "install oneDNN (Debian 12: apt install libdnnl2; Debian 13 and Ubuntu 24.04: apt install libdnnl3; Fedora: dnf install onednn)",
  darwin: "install oneDNN (brew install onednn)",
};

/** Looks for a library, `path` alone where it is given, and tries a product of it. */
export function findBfloat16(path: string | null): Bfloat16Search {
  if (!isGranted({ name: "ffi" })) {
    return {
      found: null,
      reason:
        "products of bfloat16 need a library, and the permission --allow-ffi has not been given",
    };
  }
  const { os } = Deno.build;
  const paths = path === null ? oneDnnPaths(os) : [path];
  const tried: string[] = [];
  for (const candidate of paths) {
    let description: string, works: boolean;
    try {
      description = `oneDNN ${oneDnnFacts(candidate).version}`;
      works = tryProduct(candidate);
    } catch {
      tried.push(candidate); // not there, or another library
      continue;
    }
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

/** Whether the library multiplies on this processor: (1 2) (3 4)^T = 11. */
function tryProduct(path: string): boolean {
  const [a, b] = [[1, 2], [3, 4]].map((row) =>
    Uint16Array.from(
      new Uint32Array(Float32Array.from(row).buffer),
      (bits) => bits >>> 16,
    )
  );
  const c = new Float32Array(1);
  const library = openOneDnn(path, "dnnl_gemm_bf16bf16f32");
  try {
    library.gemm({
      transposeA: false,
      transposeB: true,
      m: 1,
      n: 1,
      k: 2,
      alpha: 1,
      a: addressOf(a),
      aRow: 2,
      b: addressOf(b),
      bRow: 2,
      beta: 0,
      c: addressOf(c),
      cRow: 1,
    });
    return c[0] === 11;
  } catch {
    return false; // refused: the processor has no such products
  } finally {
    library.close();
  }
}

function addressOf(
  array: Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(array)));
}
