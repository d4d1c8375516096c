/**
 * Parquet: columns with nested lists and structs, packed or not.
 * @module
 */
import {
  definePart,
  type Part,
  type Source,
  type SourceRequest,
} from "@denotune/denotune/core";
import { z } from "zod";
import { openParquet, streamParquet } from "./parquet/store.ts";

const options = z.strictObject({
  columns: z.array(z.string().min(1)).min(1).nullable().default(null).describe(
    "Columns that are read; null: all",
  ),
  cache_mb: z.number().positive().default(256).describe(
    "Row groups kept decoded, in MB (2^20 bytes) of their unpacked pages; the one in use is always kept",
  ),
  max_group_mb: z.number().positive().default(1024).describe(
    "Largest row group in MB of its unpacked pages; a larger one is an error, so that memory stays bounded",
  ),
  max_expansion: z.number().positive().default(1000).describe(
    "How many times larger than itself a column may unpack (looked at from 16 MB on)",
  ),
});

/** Options of {@linkcode parquet}. */
export type ParquetOptions = z.infer<typeof options>;

/** Reads `.parquet`, and files of other names that begin with `PAR1`. */
export const parquet: Part<"source", z.input<typeof options>, ParquetOptions> =
  definePart({
    kind: "source",
    name: "parquet",
    description: "Parquet, with nested lists and structs",
    options,
    create: (own: ParquetOptions): Source => ({
      accepts: ({ path, head }) =>
        /\.parquet$/i.test(path) ||
        (!/\.\w+$/.test(path) && head[0] === 0x50 && head[1] === 0x41 &&
          head[2] === 0x52 && head[3] === 0x31),
      open: (request: SourceRequest) => openParquet(request, own),
      stream: (request: SourceRequest) => streamParquet(request, own),
    }),
  });
