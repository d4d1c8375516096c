/**
 * Reads ranges of files on threads of the runtime, several at a time: fresh memory is made while it is filled, which
 * on a virtual machine takes longer than reading. This thread is free meanwhile.
 * @module
 */
import { DataError } from "../../contracts/errors.ts";

/** Bytes that are read at a time. */
const PIECE = 1 << 23;
/** Most threads that read. */
const MOST_LANES = 4;

/** Bytes of a file, and the memory that they are read into, which may be shared. */
export interface FileRange {
  /** The file. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** As many as it has. */
  readonly into: Uint8Array;
}

/** Reads them all. Throws `DataError` for a file that ends before, and the signal's reason once it is aborted. */
export async function readRanges(
  ranges: readonly FileRange[],
  signal?: AbortSignal,
): Promise<void> {
  const pieces = piecesOf(ranges);
  const lanes = Math.min(MOST_LANES, navigator.hardwareConcurrency);
  const reading = Array.from({ length: lanes }, async () => {
    try {
      await readAll(pieces, signal);
    } finally {
      pieces.return(); // the others end too where one fails
    }
  });
  // files are closed when all have ended
  for (const lane of await Promise.allSettled(reading)) {
    if (lane.status === "rejected") throw lane.reason;
  }
}

function* piecesOf(
  ranges: readonly FileRange[],
): Generator<FileRange, void, undefined> {
  for (const { path, offset, into } of ranges) {
    for (let at = 0; at < into.length; at += PIECE) {
      yield {
        path,
        offset: offset + at,
        into: into.subarray(at, at + PIECE),
      };
    }
  }
}

/** One lane, which has files of its own: a file that is open has one place where it is read. */
async function readAll(
  pieces: Iterator<FileRange>,
  signal?: AbortSignal,
): Promise<void> {
  using files = new DisposableStack();
  const open = new Map<string, Deno.FsFile>();
  for (
    let piece = pieces.next();
    piece.done !== true;
    piece = pieces.next()
  ) {
    signal?.throwIfAborted();
    const { path, offset, into } = piece.value;
    let file = open.get(path);
    if (file === undefined) {
      open.set(path, file = files.use(Deno.openSync(path, { read: true })));
    }
    file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < into.length;) {
      const n = await file.read(into.subarray(at));
      if (n === null) {
        throw new DataError(
          `${path} became shorter while it was read: it ends before byte ${
            offset + into.length
          }`,
        );
      }
      at += n;
    }
  }
}
