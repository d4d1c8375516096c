/**
 * MPI in this process: how it begins and ends, and what its ranks are called in messages.
 * @module
 */
import { DeviceError } from "@denotune/denotune/core";
import { exitAfter } from "./exit_after.ts";
import { check, type MpiLibrary } from "./library.ts";

const THREAD_MULTIPLE = 3;
/** Bytes of what a rank is called in messages. */
const LABEL_BYTES = 128;

/** Starts MPI in this process, once. */
export function initialize(library: MpiLibrary): void {
  const { functions } = library;
  const isRunning = new Int32Array(1);
  functions.MPI_Initialized(isRunning);
  if (isRunning[0] !== 0) return;
  const provided = new Int32Array(1);
  check(
    library,
    "MPI_Init_thread",
    functions.MPI_Init_thread(null, null, THREAD_MULTIPLE, provided),
  );
  if (provided[0] < THREAD_MULTIPLE) {
    throw new DeviceError(
      `${library.version} (${library.path}) was built without MPI_THREAD_MULTIPLE, which is needed to notice ranks that hang: install a build that has it, as Debian's`,
    );
  }
}

/**
 * Ends MPI in this process, which ends too, within so many seconds: another rank may be stopped, or this one, and
 * MPICH's UCX sometimes waits over TCP for a rank that no longer answers (openucx's issue 2254).
 */
export function finalize(
  { functions }: MpiLibrary,
  timeoutSeconds: number,
): void {
  const isOver = new Int32Array(1);
  functions.MPI_Finalized(isOver);
  if (isOver[0] !== 0) return;
  exitAfter(timeoutSeconds, Deno.exitCode);
  functions.MPI_Finalize();
}

/** What each rank is called in messages: `rank 1 of 4 (process 4711 on box)`. */
export async function labelsOf(
  library: MpiLibrary,
  { rank, world, comm }: {
    readonly rank: number;
    readonly world: number;
    readonly comm: bigint;
  },
): Promise<string[]> {
  const { functions, handles: { byte } } = library;
  const own = new Uint8Array(LABEL_BYTES);
  new TextEncoder().encodeInto(
    `rank ${rank} of ${world} (process ${Deno.pid} on ${hostname()})`,
    own,
  );
  const all = new Uint8Array(LABEL_BYTES * world);
  check(
    library,
    "MPI_Allgather",
    await functions.MPI_Allgather(
      own,
      LABEL_BYTES,
      byte,
      all,
      LABEL_BYTES,
      byte,
      comm,
    ),
  );
  return Array.from(
    { length: world },
    (_, r) =>
      new TextDecoder().decode(
        all.subarray(r * LABEL_BYTES, (r + 1) * LABEL_BYTES),
      ).replace(/\0+$/, ""),
  );
}

function hostname(): string {
  const { state } = Deno.permissions.querySync({
    name: "sys",
    kind: "hostname",
  });
  return state === "granted" ? Deno.hostname() : "a host without a name";
}
