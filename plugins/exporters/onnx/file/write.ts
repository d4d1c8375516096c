/**
 * Writes the file of a model, and its weights beside it where they are more than one file can hold: protobuf ends at
 * 2 GB, and so do the buffers of many browsers.
 *
 * ```text
 * model.onnx                        all of it
 * model.onnx model.onnx_data ..._1  the graph, and weights in files of at most `limit` bytes
 * ```
 *
 * @module
 */
import { ConfigError, writeAll } from "@denotune/denotune/core";
import { join } from "node:path";
import {
  bytesOfPiece,
  encodeModel,
  type ExternalPlace,
  type OnnxModel,
  type OnnxTensor,
  type Piece,
} from "./proto.ts";

/** Weights below this many bytes stay in the file of the model. */
const SMALL = 1024;

/** Starts of weights beside the model: multiples of this, so that they can be mapped into memory. */
const ALIGNMENT = 4096;

/** Most files of weights that transformers.js asks for. */
const MOST_FILES = 100;

/** What was written. */
export interface WrittenModel {
  /** Names of the files. */
  readonly files: readonly string[];
  /** How many of them hold weights alone. */
  readonly external: number;
}

/** Writes a model into a folder, under a file name, in files of at most `limit` bytes where it is larger. */
export async function writeModel(
  folder: string,
  file: string,
  { model, limit }: { readonly model: OnnxModel; readonly limit: number },
): Promise<WrittenModel> {
  const whole = encodeModel(model, () => null);
  const bytes = whole.reduce((sum, piece) => sum + bytesOfPiece(piece), 0);
  if (bytes <= limit) {
    await writePieces(join(folder, file), whole);
    return { files: [file], external: 0 };
  }
  const { places, contents } = placeOutside(model, { file, limit });
  await writePieces(
    join(folder, file),
    encodeModel(model, ({ name }) => places.get(name) ?? null),
  );
  for (const [name, tensors] of contents) {
    await writeTensors(join(folder, name), tensors, places);
  }
  return { files: [file, ...contents.keys()], external: contents.size };
}

/** Where each large tensor goes. */
function placeOutside(
  { graph }: OnnxModel,
  { file, limit }: { readonly file: string; readonly limit: number },
) {
  const places = new Map<string, ExternalPlace>();
  const contents = new Map<string, OnnxTensor[]>();
  const nameOf = (i: number) => `${file}_data${i === 0 ? "" : `_${i}`}`;
  let [number, end] = [0, 0];
  for (const tensor of graph.initializers) {
    const bytes = bytesOfPiece(tensor.data);
    if (bytes < SMALL) continue;
    let offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    if (offset > 0 && offset + bytes > limit) {
      number++;
      offset = 0;
    }
    const name = nameOf(number);
    places.set(tensor.name, { file: name, offset });
    contents.set(name, [...contents.get(name) ?? [], tensor]);
    end = offset + bytes;
  }
  if (contents.size > MOST_FILES) {
    throw new ConfigError(
      `Cannot write ${file}: its weights would be in ${contents.size} files of at most ${limit} bytes, and transformers.js reads ${MOST_FILES}; allow larger ones`,
    );
  }
  return { places, contents };
}

async function writePieces(
  path: string,
  pieces: readonly Piece[],
): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (const piece of pieces) await writePiece(file, piece);
}

async function writeTensors(
  path: string,
  tensors: readonly OnnxTensor[],
  places: ReadonlyMap<string, ExternalPlace>,
): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (const { name, data } of tensors) {
    file.seekSync(places.get(name)?.offset ?? 0, Deno.SeekMode.Start);
    await writePiece(file, data);
  }
}

async function writePiece(file: Deno.FsFile, piece: Piece): Promise<void> {
  if (piece instanceof Uint8Array) return writeAll(file, piece);
  for await (const bytes of piece.pieces()) writeAll(file, bytes);
}
