/**
 * Reads ranges of files on threads of the runtime, several at a time: fresh memory is made while it is filled, which
 * on a virtual machine takes longer than reading. This thread is free meanwhile.
 * @module
 */
import { DataError } from "../../contracts/errors.ts";
import { bf16ToF32, f16ToF32 } from "../half.ts";

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
  /** As many as it has; of float32 that the file has in 16 bits, twice as many. */
  readonly into: Uint8Array;
  /** The type of 16 bits that the file has, where memory has float32; null or absent: both have the same bytes. */
  readonly widens?: "BF16" | "F16" | null;
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
  for (const { path, offset, into, widens = null } of ranges) {
    for (let at = 0; at < into.length; at += PIECE) {
      yield {
        path,
        offset: offset + (widens === null ? at : at / 2),
        into: into.subarray(at, at + PIECE),
        widens,
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
    const { path, offset, widens } = piece.value;
    const into = stored(piece.value);
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
    if (widens != null) widen(piece.value, widens);
  }
}

/** Where the bytes of the file go: into the second half of what is widened after it. */
function stored({ into, widens }: FileRange): Uint8Array {
  return widens == null ? into : into.subarray(into.length / 2);
}

/** Widens in ascending order: a number is written at or before the bits that are read next. */
function widen(piece: FileRange, from: "BF16" | "F16"): void {
  const { buffer, byteOffset, byteLength } = piece.into;
  const bits = stored(piece);
  const n = byteLength / 4;
  const widened = from === "BF16" ? bf16ToF32 : f16ToF32;
  widened(
    new Uint16Array(buffer, bits.byteOffset, n),
    new Float32Array(buffer, byteOffset, n),
  );
}
