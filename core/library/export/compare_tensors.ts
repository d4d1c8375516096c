/**
 * The weights of a file against those that were trained, number by number, in pieces.
 * @module
 */
import type {
  Exporter,
  ExportReadBack,
  ExportTensor,
  StorageError,
} from "../../contracts/exporter.ts";
import { showShape } from "../../graph/dims.ts";
import { some } from "../../io/model_folder.ts";

/** Numbers that are compared at a time. */
const CHUNK = 1 << 20;

/** What the comparison of all tensors found. */
export interface TensorFigures {
  /** Tensors that were compared. */
  readonly tensors: number;
  /** Numbers in them. */
  readonly numbers: number;
  /** By how they are stored. */
  readonly storages: Readonly<Record<string, StorageFigures>>;
}

/** Tensors that are stored alike. */
export interface StorageFigures {
  /** How many there are. */
  tensors: number;
  /** Largest error, as a share of the largest number of its block. */
  largest_error: number;
  /** The tensor that has it. */
  of: string;
}

/** Compares all tensors; `faults` gets a sentence for each that is not as it was trained. */
export async function compareTensors(
  wanted: readonly ExportTensor[],
  found: ExportReadBack["tensors"],
  { exporter, faults, signal }: {
    readonly exporter: Pick<Exporter, "storageError">;
    readonly faults: string[];
    readonly signal?: AbortSignal;
  },
): Promise<TensorFigures> {
  const byName = new Map(found.map((tensor) => [tensor.name, tensor]));
  if (byName.size < found.length) {
    faults.push("the file holds two tensors of one name");
  }
  const missing = wanted.filter(({ name }) => !byName.has(name));
  if (missing.length > 0) {
    faults.push(
      `the file lacks ${missing.length} of ${wanted.length} tensors: ${
        some(missing.map(({ name }) => name))
      }`,
    );
  }
  const known = new Set(wanted.map(({ name }) => name));
  const surplus = [...byName.keys()].filter((name) => !known.has(name));
  if (surplus.length > 0) {
    faults.push(
      `the file holds ${surplus.length} tensors that were not trained: ${
        some(surplus)
      }`,
    );
  }
  const storages: Record<string, StorageFigures> = {};
  let numbers = 0;
  for (const tensor of wanted) {
    const other = byName.get(tensor.name);
    if (other === undefined) continue;
    numbers += sizeOf(tensor);
    if (showShape(other.shape) !== showShape(tensor.shape)) {
      faults.push(
        `tensor ${tensor.name} is ${showShape(other.shape)} in the file, ${
          showShape(tensor.shape)
        } as trained`,
      );
      continue;
    }
    const storage = other.storage ?? "f32";
    const error = await compareTensor(tensor, other, {
      allowed: exporter.storageError(tensor),
      storage,
      faults,
      signal,
    });
    const figures = storages[storage] ??= {
      tensors: 0,
      largest_error: 0,
      of: tensor.name,
    };
    figures.tensors++;
    if (error > figures.largest_error) {
      figures.largest_error = error;
      figures.of = tensor.name;
    }
  }
  return { tensors: wanted.length, numbers, storages };
}

/** Compares one; gives the largest error as a share of the largest number of its block. */
async function compareTensor(
  tensor: ExportTensor,
  other: ExportTensor,
  { allowed, storage, faults, signal }: {
    readonly allowed: StorageError;
    readonly storage: string;
    readonly faults: string[];
    readonly signal?: AbortSignal;
  },
): Promise<number> {
  const { block, relative, absolute = 0 } = allowed;
  const columns = tensor.shape.at(-1) ?? 1;
  const total = sizeOf(tensor);
  // whole rows, so that no block is cut
  const step = Math.max(1, Math.floor(CHUNK / Math.max(1, columns))) * columns;
  let largest = 0;
  let worst: { at: number; off: number; limit: number; is: number[] } | null =
    null;
  for (let start = 0; start < total; start += step) {
    signal?.throwIfAborted();
    const count = Math.min(step, total - start);
    const a = (await tensor.read(start, count)).slice();
    const b = await other.read(start, count);
    for (let row = 0; row < count; row += columns) {
      for (let first = row; first < row + columns; first += block) {
        const last = Math.min(first + block, row + columns);
        let scale = 0;
        for (let i = first; i < last; i++) {
          scale = Math.max(scale, Math.abs(a[i]));
        }
        const limit = relative * scale + absolute;
        for (let i = first; i < last; i++) {
          const off = a[i] === b[i] ? 0 : Math.abs(a[i] - b[i]);
          if (off > 0 && scale > 0) largest = Math.max(largest, off / scale);
          // what is no number is beyond every limit
          if (off <= limit) continue;
          if (worst === null || !(off <= worst.off)) {
            worst = { at: start + i, off, limit, is: [b[i], a[i]] };
          }
        }
      }
    }
  }
  if (worst !== null) {
    const { at, off, limit, is: [file, trained] } = worst;
    faults.push(
      `tensor ${tensor.name}${placeOf(tensor, at)} is ${
        short(file)
      } in the file, ${short(trained)} as trained: ${
        short(off)
      } off, where ${storage} allows ${short(limit)}`,
    );
  }
  return largest;
}

/** `[row, column]` of an index. */
function placeOf({ shape }: ExportTensor, index: number): string {
  const place: number[] = [];
  for (const size of [...shape].reverse()) {
    place.unshift(index % size);
    index = Math.floor(index / size);
  }
  return `[${place.join(", ")}]`;
}

function short(x: number): string {
  return Number.isFinite(x) ? String(Number(x.toPrecision(4))) : String(x);
}

function sizeOf({ shape }: Pick<ExportTensor, "shape">): number {
  return shape.reduce((a, b) => a * b, 1);
}
