/** What multiplies here besides WebAssembly. */
import { findBlas } from "../../../backends/cpu/blas/blas.ts";

/** Settings of `blas` with native code that this system can follow: both, a library, machine code. */
export const NATIVE_PRODUCTS:
  readonly ("auto" | "required" | "machine_code")[] = ([
    "auto",
    "required",
    "machine_code",
  ] as const).filter((choice) => {
    try {
      return findBlas(choice, null).found !== null;
    } catch {
      return false; // no library, or no processor that code is assembled for
    }
  });
