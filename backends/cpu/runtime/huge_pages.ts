/**
 * Large pages for the memory of a device. Weights are read from end to end for each token, and with pages of 4 KiB the
 * processor looks up an address every 64 lines of memory: products of few rows are 1.2 to 1.5 times as fast with pages
 * of 2 MiB.
 * @module
 */
import { isGranted } from "@denotune/denotune/device";

/** `MADV_HUGEPAGE` of Linux. */
const HUGE_PAGES = 14;

/**
 * Asks Linux for large pages in the first `bytes` of the memory, also in those that it has not grown to yet. Where that
 * cannot be asked (another system, no permission `ffi`, a kernel without them), pages stay as they are.
 */
export function useHugePages(memory: WebAssembly.Memory, bytes: number): void {
  if (Deno.build.os !== "linux" || !isGranted({ name: "ffi" })) return;
  try {
    const library = Deno.dlopen("libc.so.6", {
      madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
    });
    const start = Deno.UnsafePointer.of(new Uint8Array(memory.buffer, 0, 1));
    library.symbols.madvise(start, BigInt(bytes), HUGE_PAGES);
    library.close();
  } catch {
    // a system with another C library
  }
}
