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

/** Address of byte 0 of a memory of WebAssembly: growing does not move it. */
export function addressOfMemory(memory: WebAssembly.Memory): bigint {
  const pointer = Deno.UnsafePointer.of(new Uint8Array(memory.buffer, 0, 1));
  return BigInt(Deno.UnsafePointer.value(pointer));
}

/** Makes code callable. Throws `Error` where the system does not let memory be executable. */
export function makeExecutable(code: Uint8Array): Executable {
  const memory = new CodeMemory();
  try {
    const at = memory.add(code);
    return {
      at,
      call: (start, argument, second) => memory.call(start, argument, second),
      close: () => memory.close(),
    };
  } catch (error) {
    memory.close();
    throw error;
  }
}

/**
 * Pieces of code in memory of their own. All threads of the process can call each of them, as long as the memory is open
 * where it was added.
 */
export class CodeMemory {
  readonly #library = Deno.dlopen(C_LIBRARY, FUNCTIONS);
  readonly #pieces: {
    readonly pointer: Deno.PointerObject;
    readonly bytes: bigint;
  }[] = [];
  #isOpen = true;

  /** Makes code callable, and gives its address. Throws `Error` where the system does not let memory be executable. */
  add(code: Uint8Array): bigint {
    const { mmap, mprotect } = this.#library.symbols;
    const bytes = BigInt(Math.ceil(code.length / PAGE) * PAGE);
    const pointer = mmap(0n, bytes, READ | WRITE, PRIVATE | ANONYMOUS, -1, 0n);
    const at = BigInt(Deno.UnsafePointer.value(pointer));
    if (pointer === null || at === NO_ADDRESS) {
      throw new Error("the system gave no memory for code");
    }
    this.#pieces.push({ pointer, bytes });
    new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(pointer, Number(bytes)),
    ).set(code);
    if (mprotect(pointer, bytes, READ | EXECUTE) !== 0) {
      throw new Error("the system does not let memory be executable");
    }
    return at;
  }

  /** Calls the function at `start` with two arguments; one that is left out is the first. Neither is 0. */
  call(start: bigint, argument: bigint, second: bigint = argument): void {
    if (!this.#isOpen) throw new Error("machine code was called after its end");
    // bsearch calls what compares once for an array of one element: `compare(key, element)`. A call through a function
    // of a library takes 0.06 microseconds, one through `Deno.UnsafeFnPointer` 1.1
    this.#library.symbols.bsearch(argument, second, 1n, 1n, start);
  }

  /** Gives the memory back. Nobody is in the code, or calls it later. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const { pointer, bytes } of this.#pieces) {
      this.#library.symbols.munmap(pointer, bytes);
    }
    this.#library.close();
  }
}
