/**
 * Finds the position of an earlier run in a stream again, and what has changed since.
 * @module
 */
import type { RowOrder } from "./row_order.ts";
import type {
  CursorPlace,
  DrawnRow,
  StreamPosition,
  StreamSource,
} from "./types.ts";

/** Rows that are read at a time. */
const READ = { rows: 4096, characters: Infinity } as const;

/** What has changed since a run was stopped. */
export interface StreamChange {
  /** What has changed behind the rows that were used; absent: nothing, as far as it is known. */
  readonly notice?: string;
  /** Why the run cannot be resumed; absent: it is. */
  readonly refused?: string;
}

/** A source whose files have other sizes than they had. */
export interface SizeChange {
  readonly name: string;
  /** `1200 bytes then, 1100 now`. */
  readonly how: string;
  /** Whether epochs before that of the position have read it. */
  readonly wasRead: boolean;
}

/** The sources whose files have other sizes than at an earlier position. */
export function sizeChanges(
  sources: readonly { readonly stream: StreamSource; readonly name: string }[],
  position: StreamPosition,
): SizeChange[] {
  return sources.flatMap(({ stream, name }, k) => {
    const was = position.sizes[k] ?? [];
    const now = stream.extent.map(([, size]) => size);
    if (was.join() === now.join()) return [];
    const wasRead = !isFresh(position.sources[k]);
    return [{ name, how: difference(was, now), wasRead }];
  });
}

function isFresh({ row, length }: CursorPlace): boolean {
  return row === 0 && length === null;
}

function difference(was: readonly number[], now: readonly number[]): string {
  if (was.length !== now.length) {
    return `${was.length} files then, ${now.length} now`;
  }
  const k = now.findIndex((size, i) => size !== was[i]);
  return `${was[k]} bytes then, ${now[k]} now`;
}

/** What {@linkcode drawAgain} waits with, and tells. */
export interface DrawAgainOptions {
  /** Waits for work; rejects when the run is ended meanwhile. */
  readonly wait: <T>(work: Promise<T>) => Promise<T>;
  /** Rows read so far, of how many. */
  readonly onProgress: (rows: number, of: number) => void;
}

/**
 * Draws the rows again that an earlier run used in this epoch, and gives back those that its block is made of. Returns
 * the rows whose tokens are compared, or why the run cannot be resumed.
 */
export async function drawAgain(
  order: RowOrder,
  { drawn, used }: StreamPosition,
  { wait, onProgress }: DrawAgainOptions,
): Promise<{ readonly sample: DrawnRow[]; readonly refused: string | null }> {
  const sample: DrawnRow[] = [];
  const read = async (to: number): Promise<DrawnRow[]> => {
    const rows = Math.min(READ.rows, to - order.drawn);
    const found = await wait(order.draw({ ...READ, rows }));
    sample.push(...found.slice(0, used.tokens.rows - sample.length));
    onProgress(order.drawn, used.rows);
    return found;
  };
  while (order.drawn < drawn && (await read(drawn)).length > 0);
  const before = order.hash;
  const ahead: DrawnRow[] = [];
  while (order.drawn < used.rows) {
    const found = await read(used.rows);
    if (found.length === 0) break;
    ahead.push(...found);
  }
  if (order.hash.digest() !== used.hash) {
    const refused = order.drawn < used.rows
      ? `the data have become shorter: the run used ${used.rows} rows of this epoch, and there are ${order.drawn}`
      : `rows that the run has used have changed: they are among the first ${used.rows} that this epoch draws`;
    return { sample, refused };
  }
  order.putBack(ahead, before);
  return { sample, refused: null };
}
