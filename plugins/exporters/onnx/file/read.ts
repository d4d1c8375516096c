/**
 * Reads the weights of a model of ONNX out of its file, by the names under which they were trained. The file is
 * walked, not loaded: of a large tensor its place is kept.
 * @module
 */
import {
  DataError,
  type ExportTensor,
  f16ToF32,
  transposedMatrix,
} from "@denotune/denotune/core";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { dirname, join } from "node:path";
import { ELEMENT, FIELDS } from "./proto.ts";
import { dequantizeRows, quantizedShape, type Storage } from "./weights.ts";

/** Bytes that are read to see a field and its length. */
const WINDOW = 32;

/** A constant of a model: where its bytes are. */
interface Place {
  readonly dims: readonly number[];
  readonly type: number;
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** What the metadata says of a weight. */
interface Stored {
  readonly shape: readonly number[];
  readonly storage: Storage;
  readonly transposed: boolean;
  readonly value: string;
  readonly scales: string;
}

/** A model's file, opened. */
export interface OpenedOnnx extends Disposable {
  /** Its weights. */
  readonly tensors: readonly (ExportTensor & { readonly storage: string })[];
  /** What it says of itself, by key. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** Opens the file of a model. Throws `DataError` for one that was not written here. */
export function openOnnx(path: string): OpenedOnnx {
  const held = new DisposableStack();
  const open = new Map<string, Deno.FsFile>();
  const fileOf = (path: string): Deno.FsFile => {
    const known = open.get(path);
    if (known !== undefined) return known;
    const file = held.use(Deno.openSync(path));
    open.set(path, file);
    return file;
  };
  try {
    const { places, metadata } = walkModel(fileOf(path), path);
    const names = storedWeights(metadata.get("denotune.weights"), path);
    const bytesOf = (place: Place, start: number, count: number) =>
      readAt(fileOf(place.path), {
        offset: place.offset + start,
        bytes: count,
        path: place.path,
      });
    return {
      metadata,
      tensors: [...names].map(([name, stored]) => {
        const at = (which: "value" | "scales"): Place => {
          const place = places.get(stored[which]);
          if (place !== undefined) return place;
          throw new DataError(`${path} has no tensor ${stored[which]}`);
        };
        return stored.storage === "f32" || stored.storage === "f16"
          ? plainTensor(name, at("value"), bytesOf)
          : quantizedTensor(name, stored, {
            value: at("value"),
            scales: at("scales"),
            bytesOf,
          });
      }),
      [Symbol.dispose]: () => held.dispose(),
    };
  } catch (error) {
    held.dispose();
    throw error;
  }
}

type ReadBytes = (place: Place, start: number, count: number) => Uint8Array;

function plainTensor(
  name: string,
  place: Place,
  bytesOf: ReadBytes,
): OpenedOnnx["tensors"][number] {
  const half = place.type === ELEMENT.float16;
  const size = half ? 2 : 4;
  return {
    name,
    shape: place.dims,
    storage: half ? "f16" : "f32",
    read(start, count) {
      const bytes = bytesOf(place, start * size, count * size);
      return numbers(bytes, half);
    },
  };
}

function quantizedTensor(
  name: string,
  { shape, storage, transposed: turned }: Stored,
  { value, scales, bytesOf }: {
    readonly value: Place;
    readonly scales: Place;
    readonly bytesOf: ReadBytes;
  },
): OpenedOnnx["tensors"][number] {
  const { rows, columns, blocks } = quantizedShape(shape, {
    transposed: turned,
  });
  const blockBytes = value.dims[value.dims.length - 1];
  const half = scales.type === ELEMENT.float16;
  const rowsOf = (first: number, count: number) =>
    dequantizeRows(
      {
        values: bytesOf(
          value,
          first * blocks * blockBytes,
          count * blocks * blockBytes,
        ),
        scales: numbers(
          bytesOf(
            scales,
            first * blocks * (half ? 2 : 4),
            count * blocks * (half ? 2 : 4),
          ),
          half,
        ),
      },
      columns,
      storage === "q4" ? "q4" : "q8",
    );
  return {
    name,
    shape,
    storage,
    read(start, count) {
      if (turned) {
        const all = transposedMatrix(rowsOf(0, rows), { rows, columns });
        return all.subarray(start, start + count);
      }
      const first = Math.floor(start / columns);
      const last = Math.ceil((start + count) / columns);
      return rowsOf(first, last - first)
        .subarray(start - first * columns, start - first * columns + count);
    },
  };
}

function numbers(bytes: Uint8Array, half: boolean): Float32Array {
  const own = bytes.slice().buffer;
  return half ? f16ToF32(new Uint16Array(own)) : new Float32Array(own);
}

function storedWeights(
  text: string | undefined,
  path: string,
): ReadonlyMap<string, Stored> {
  if (text === undefined) {
    throw new DataError(
      `${path} does not say which tensor is which weight: it was written by another program`,
    );
  }
  const parsed: Record<string, Stored> = JSON.parse(text);
  return new Map(Object.entries(parsed));
}

/** Places of all constants, and the metadata. */
function walkModel(file: Deno.FsFile, path: string) {
  const places = new Map<string, Place>();
  const metadata = new Map<string, string>();
  const bytes = file.statSync().size;
  for (const field of fieldsOf(file, { start: 0, end: bytes, path })) {
    if (field.number === FIELDS.model.metadata) {
      const [key, value] = entryOf(field.content());
      metadata.set(key, value);
    }
    if (field.number !== FIELDS.model.graph) continue;
    for (const part of fieldsOf(file, { ...field, path })) {
      if (part.number !== FIELDS.graph.initializer) continue;
      const [name, place] = tensorAt(file, part, path);
      places.set(name, place);
    }
  }
  return { places, metadata };
}

/** A field of a message in a file. */
interface Field {
  readonly number: number;
  /** The number of a field that is one. */
  readonly value: number;
  /** First byte of what it holds, and the one behind it. */
  readonly start: number;
  readonly end: number;
  /** Its bytes. */
  content(): Uint8Array;
}

function* fieldsOf(
  file: Deno.FsFile,
  { start, end, path }: { start: number; end: number; path: string },
): Generator<Field> {
  let at = start;
  while (at < end) {
    const window = readAt(file, {
      offset: at,
      bytes: Math.min(WINDOW, end - at),
      path,
    });
    const reader = new BinaryReader(window);
    const [number, type] = reader.tag();
    let [first, value, length] = [at + reader.pos, 0, 0];
    if (type === WireType.LengthDelimited) {
      length = reader.uint32();
      first = at + reader.pos;
    } else if (type === WireType.Varint) {
      value = Number(reader.int64());
      length = at + reader.pos - first;
    } else {
      length = type === WireType.Bit64 ? 8 : 4;
    }
    const last = first + length;
    if (last > end) throw new DataError(`${path} is cut short`);
    yield {
      number,
      value,
      start: first,
      end: last,
      content: () => readAt(file, { offset: first, bytes: length, path }),
    };
    at = last;
  }
}

function tensorAt(
  file: Deno.FsFile,
  within: Field,
  path: string,
): readonly [string, Place] {
  let name = "";
  let place: Place = { dims: [], type: 0, path, offset: 0, bytes: 0 };
  for (const field of fieldsOf(file, { ...within, path })) {
    if (field.number === FIELDS.tensor.dims) {
      place = { ...place, dims: [...place.dims, field.value] };
    } else if (field.number === FIELDS.tensor.type) {
      place = { ...place, type: field.value };
    } else if (field.number === FIELDS.tensor.name) {
      name = new TextDecoder().decode(field.content());
    } else if (field.number === FIELDS.tensor.raw) {
      const { start: offset, end } = field;
      place = { ...place, offset, bytes: end - offset };
    } else if (field.number === FIELDS.tensor.external) {
      const [key, value] = entryOf(field.content());
      if (key === "location") {
        place = { ...place, path: join(dirname(path), value) };
      } else if (key === "offset") place = { ...place, offset: Number(value) };
      else if (key === "length") place = { ...place, bytes: Number(value) };
    }
  }
  return [name, place];
}

function entryOf(bytes: Uint8Array): readonly [string, string] {
  const reader = new BinaryReader(bytes);
  const texts = new Map<number, string>();
  while (reader.pos < reader.len) {
    const [number] = reader.tag();
    texts.set(number, reader.string());
  }
  return [
    texts.get(FIELDS.entry.key) ?? "",
    texts.get(FIELDS.entry.value) ?? "",
  ];
}

function readAt(
  file: Deno.FsFile,
  { offset, bytes, path }: { offset: number; bytes: number; path: string },
): Uint8Array {
  const out = new Uint8Array(bytes);
  file.seekSync(offset, Deno.SeekMode.Start);
  let read = 0;
  while (read < bytes) {
    const n = file.readSync(out.subarray(read));
    if (n === null) throw new DataError(`${path} is cut short`);
    read += n;
  }
  return out;
}
