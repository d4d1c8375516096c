/**
 * Memory for code: written first, then executable and never writable again. Linux on x86-64 alone: elsewhere nothing was
 * tried.
 * @module
 */

const C_LIBRARY = "libc.so.6";

const FUNCTIONS = {
  mmap: {
    parameters: ["usize", "usize", "i32", "i32", "i32", "i64"],
    result: "pointer",
  },
  mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  // key, array, its elements, their bytes, what compares
  bsearch: {
    parameters: ["usize", "usize", "usize", "usize", "usize"],
    result: "usize",
  },
} as const;

// <sys/mman.h> of Linux on x86-64
const READ = 1, WRITE = 2, EXECUTE = 4;
const PRIVATE = 2, ANONYMOUS = 0x20;
const NO_ADDRESS = 0xffff_ffff_ffff_ffffn;

/** A multiple of every page size. */
const PAGE = 4096;

/** Code that can be called in this thread. */
export interface Executable {
  /** Address of its first byte. */
  readonly at: bigint;
  /** Calls the function at `start` with two arguments; one that is left out is the first. Neither is 0. */
  call(start: bigint, argument: bigint, second?: bigint): void;
  /** Gives the memory back. Only this thread calls the code, so nobody is in it. */
  close(): void;
}

/** Whether this system is one of those for which code is assembled. */
export function mayExecute({ os, arch }: typeof Deno.build): boolean {
  return os === "linux" && arch === "x86_64";
}

/** Makes code callable. Throws `Error` where the system does not let memory be executable. */
export function makeExecutable(code: Uint8Array): Executable {
  const library = Deno.dlopen(C_LIBRARY, FUNCTIONS);
  const { mmap, mprotect, munmap, bsearch } = library.symbols;
  const bytes = BigInt(Math.ceil(code.length / PAGE) * PAGE);
  try {
    const pointer = mmap(0n, bytes, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0n);
    const at = BigInt(Deno.UnsafePointer.value(pointer));
    if (pointer === null || at === NO_ADDRESS) {
      throw new Error("the system gave no memory for code");
    }
    new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(pointer, Number(bytes)),
    ).set(code);
    if (mprotect(pointer, bytes, READ | EXECUTE) !== 0) {
      munmap(pointer, bytes);
      throw new Error("the system does not let memory be executable");
    }
    let isOpen = true;
    return {
      at,
      // bsearch calls what compares once for an array of one element: `compare(key, element)`. A call through a function
      // of a library takes 0.06 microseconds, one through `Deno.UnsafeFnPointer` 1.1
      call: (start, argument, second = argument) => {
        if (!isOpen) throw new Error("machine code was called after its end");
        bsearch(argument, second, 1n, 1n, start);
      },
      close() {
        if (!isOpen) return;
        isOpen = false;
        munmap(pointer, bytes);
        library.close();
      },
    };
  } catch (error) {
    library.close();
    throw error;
  }
}
