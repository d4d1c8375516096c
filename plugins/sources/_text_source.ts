/**
 * A source of text files: with an index, or as a stream.
 * @module
 */
import type { RawRecord, Source } from "@denotune/denotune/core";
import { type FileKind, openFile } from "./_file_store.ts";
import { streamFile } from "./_file_stream.ts";
import type { FileLimits } from "./_options.ts";
import { parseRow } from "./_row_text.ts";
import { parseJsonRow } from "./_strict_json.ts";

/** What makes one kind of text file. */
export interface TextSourceInit {
  readonly accepts: Source["accepts"];
  readonly kind: FileKind;
  readonly limits: FileLimits;
}

/** The source. */
export function textSource({ accepts, kind, limits }: TextSourceInit): Source {
  const source: Source = {
    accepts,
    open: (request) => openFile(request, { kind, limits }),
    stream: (request) => streamFile(request, { kind, limits }),
  };
  return kind.isJson ? { ...source, parse: jsonRow(limits) } : source;
}

function jsonRow({ max_depth }: FileLimits): (row: RawRecord) => RawRecord {
  return ({ value, where }) => ({
    ...parseRow(
      String(value),
      (text) => parseJsonRow(text, max_depth),
      { path: where.path, line: where.line ?? 1 },
    ),
    where,
  });
}
