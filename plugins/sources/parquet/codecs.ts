/**
 * Unpacks pages of Parquet, to the length that their header says and not a byte more.
 * @module
 */
import {
  brotliDecompressSync,
  gunzipSync,
  zstdDecompressSync,
} from "node:zlib";

/** Unpacks one page to exactly `length` bytes. Throws where it has another length, or is broken. */
export type UnpackPage = (packed: Uint8Array, length: number) => Uint8Array;

/** How pages of each codec are unpacked. */
export async function pageCodecs(): Promise<ReadonlyMap<string, UnpackPage>> {
  const { decompressLz4, decompressLz4Raw, decompressSnappy } = await import(
    "hyparquet-compressors"
  );
  const bounded = (unpack: typeof gunzipSync): UnpackPage => (packed, length) =>
    unpack(packed, { maxOutputLength: Math.max(length, 1) });
  const codecs: readonly (readonly [string, UnpackPage])[] = [
    ["UNCOMPRESSED", (packed) => packed],
    ["SNAPPY", decompressSnappy],
    ["GZIP", bounded(gunzipSync)],
    ["BROTLI", bounded(brotliDecompressSync)],
    ["ZSTD", bounded(zstdDecompressSync)],
    ["LZ4", decompressLz4],
    ["LZ4_RAW", decompressLz4Raw],
  ];
  return new Map(codecs.map(([name, unpack]) => [name, exactly(unpack)]));
}

function exactly(unpack: UnpackPage): UnpackPage {
  return (packed, length) => {
    if (length === 0) return new Uint8Array();
    const page = unpack(packed, length);
    if (page.length !== length) {
      throw new Error(
        `a page unpacks to ${page.length} bytes where its header says ${length}`,
      );
    }
    return page;
  };
}
