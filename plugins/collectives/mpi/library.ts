/**
 * An MPI library of the system, called through FFI. Open MPI and MPICH have the same functions and other handles:
 * addresses of globals here, whole numbers there. Both are passed as 64 bits: a register holds either.
 * @module
 */
import { ConfigError, DeviceError, messageOf } from "@denotune/denotune/core";
import type { Family } from "./launcher.ts";

const HANDLE = "u64";
/** Starts a call; its request is the last argument. */
const START = {
  parameters: ["buffer", "i32", HANDLE, "i32", "i32", HANDLE, "buffer"],
  result: "i32",
} as const;
const COMMUNICATE = {
  parameters: ["buffer", "i32", HANDLE, "buffer", "i32", HANDLE, HANDLE],
  result: "i32",
  nonblocking: true,
} as const;

/** The functions that are called. Those that wait for other ranks run on threads of their own. */
const FUNCTIONS = {
  MPI_Init_thread: {
    parameters: ["pointer", "pointer", "i32", "buffer"],
    result: "i32",
  },
  MPI_Initialized: { parameters: ["buffer"], result: "i32" },
  MPI_Finalized: { parameters: ["buffer"], result: "i32" },
  MPI_Finalize: { parameters: [], result: "i32" },
  MPI_Comm_rank: { parameters: [HANDLE, "buffer"], result: "i32" },
  MPI_Comm_size: { parameters: [HANDLE, "buffer"], result: "i32" },
  MPI_Comm_dup: { parameters: [HANDLE, "buffer"], result: "i32" },
  MPI_Comm_set_errhandler: { parameters: [HANDLE, HANDLE], result: "i32" },
  MPI_Error_string: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  MPI_Get_library_version: { parameters: ["buffer", "buffer"], result: "i32" },
  MPI_Allgather: COMMUNICATE,
  MPI_Ibcast: {
    parameters: ["buffer", "i32", HANDLE, "i32", HANDLE, "buffer"],
    result: "i32",
  },
  MPI_Ibarrier: { parameters: [HANDLE, "buffer"], result: "i32" },
  MPI_Iprobe: {
    parameters: ["i32", "i32", HANDLE, "buffer", "buffer"],
    result: "i32",
  },
  MPI_Get_count: { parameters: ["buffer", HANDLE, "buffer"], result: "i32" },
  MPI_Recv: {
    parameters: ["buffer", "i32", HANDLE, "i32", "i32", HANDLE, "buffer"],
    result: "i32",
  },
  MPI_Isend: START,
  MPI_Irecv: START,
  MPI_Test: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  MPI_Testany: {
    parameters: ["i32", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
} as const;

/** What is called. */
export type MpiFunctions = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];

/** Values of `mpi.h` that the families do not share. */
export interface Handles {
  readonly world: bigint;
  readonly byte: bigint;
  /** Bytes of a request in an array of them. */
  readonly requestBytes: number;
  /** Errors are returned instead of ending the process. */
  readonly errorsReturn: bigint;
  readonly anySource: number;
  /** Where a status has the source and the tag, in 32-bit words. */
  readonly sourceAt: number;
  readonly tagAt: number;
}

/** An open library. */
export interface MpiLibrary {
  readonly path: string;
  readonly family: Family;
  /** `Open MPI 4.1.4`. */
  readonly version: string;
  readonly functions: MpiFunctions;
  readonly handles: Handles;
}

/** Paths to try, those of a family first. */
function candidates(os: typeof Deno.build.os, first: Family | null): string[] {
  const mac = ["/opt/homebrew/lib", "/usr/local/lib"];
  const byFamily: Record<Family, readonly string[]> = os === "darwin"
    ? {
      "Open MPI": mac.map((folder) => `${folder}/libmpi.dylib`),
      MPICH: mac.map((folder) => `${folder}/libmpich.dylib`),
    }
    : {
      "Open MPI": ["libmpi.so.40", "libmpi.so.80", "libmpi.so"],
      MPICH: ["libmpich.so.12", "libmpi.so.12", "libmpich.so"],
    };
  const families: readonly Family[] = first === "MPICH"
    ? ["MPICH", "Open MPI"]
    : ["Open MPI", "MPICH"];
  return families.flatMap((family) => byFamily[family]);
}

/**
 * Opens the first library that is there. Throws `ConfigError` that says what to install, or which permission is
 * missing.
 */
export function openLibrary(
  { path, first }: {
    /** The only one to try; null: those that are known. */
    readonly path: string | null;
    readonly first: Family | null;
  },
): MpiLibrary {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    throw new ConfigError(
      "MPI is called through FFI, which is not allowed: run with --allow-ffi (or -A)",
    );
  }
  const tried = path === null ? candidates(Deno.build.os, first) : [path];
  let reason = "";
  for (const candidate of tried) {
    try {
      return open(candidate);
    } catch (error) {
      reason = messageOf(error);
    }
  }
  throw new ConfigError(
    path === null
      ? `There is no MPI library here (tried ${
        tried.join(", ")
      }): install Open MPI (Debian: openmpi-bin) or MPICH (mpich), or name its file in parallel.library`
      : `Cannot open the MPI library ${path} of parallel.library: ${reason}`,
  );
}

function open(path: string): MpiLibrary {
  const addressOf = openGlobally(path);
  const { symbols: functions } = Deno.dlopen(path, FUNCTIONS);
  const ofOpenMpi = addressOf("ompi_mpi_comm_world");
  const handles: Handles = ofOpenMpi === 0n
    ? {
      world: 0x44000000n,
      byte: 0x4c00010dn,
      requestBytes: 4,
      errorsReturn: 0x54000001n,
      anySource: -2,
      sourceAt: 2,
      tagAt: 3,
    }
    : {
      world: ofOpenMpi,
      byte: addressOf("ompi_mpi_byte"),
      requestBytes: 8,
      errorsReturn: addressOf("ompi_mpi_errors_return"),
      anySource: -1,
      sourceAt: 0,
      tagAt: 1,
    };
  return {
    path,
    family: ofOpenMpi === 0n ? "MPICH" : "Open MPI",
    version: versionOf(functions),
    functions,
    handles,
  };
}

/**
 * Opens a library so that its own modules see its symbols, which Open MPI needs and `Deno.dlopen` does not do.
 * Returns what finds the address of a symbol; 0: there is none.
 */
function openGlobally(path: string): (symbol: string) => bigint {
  const isMac = Deno.build.os === "darwin";
  const { symbols: { dlopen, dlsym } } = Deno.dlopen(
    isMac ? "/usr/lib/libSystem.B.dylib" : "libc.so.6",
    {
      dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
      dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
    },
  );
  const RTLD_NOW = 2;
  const RTLD_GLOBAL = isMac ? 8 : 0x100;
  const library = dlopen(text(path), RTLD_NOW | RTLD_GLOBAL);
  if (library === null) throw new DeviceError(`${path} cannot be opened`);
  return (symbol) =>
    BigInt(Deno.UnsafePointer.value(dlsym(library, text(symbol))));
}

/** A text as C has it. */
function text(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${value}\0`);
}

/** `Open MPI 4.1.4`, `MPICH 4.0.2`: what a library says of itself, shortened. */
function versionOf(functions: MpiFunctions): string {
  const said = new Uint8Array(8192);
  const length = new Int32Array(1);
  functions.MPI_Get_library_version(said, length);
  const line = new TextDecoder().decode(said.subarray(0, length[0]));
  const [, name, number] =
    /^(.*?MPI\S*?)(?: Library)?(?: Version)?:?\s+v?(\d[\w.]*)/i.exec(line) ??
      [];
  return name === undefined
    ? line.split("\n")[0].slice(0, 60)
    : `${name} ${number}`;
}

/** Throws `DeviceError` where a function gave an error. */
export function check(
  { functions }: {
    readonly functions: Pick<MpiFunctions, "MPI_Error_string">;
  },
  name: keyof MpiFunctions,
  code: number,
): void {
  if (code === 0) return;
  const said = new Uint8Array(8192);
  const length = new Int32Array(1);
  functions.MPI_Error_string(code, said, length);
  throw new DeviceError(
    `${name} failed: ${
      new TextDecoder().decode(said.subarray(0, length[0])) || code
    }`,
  );
}
