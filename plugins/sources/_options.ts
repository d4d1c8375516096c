/**
 * Options that sources of text share: limits against hostile or mistaken files.
 * @module
 */
import { z } from "zod";

/** Limits of one source. */
export interface FileLimits {
  readonly max_row_mb: number;
  readonly max_depth: number;
  readonly max_expansion: number;
}

/** The schema of {@linkcode FileLimits}. */
export const fileLimits = {
  max_row_mb: z.number().positive().max(1024).default(32).describe(
    "Longest row in MB (2^20 bytes); a longer one is an error, so that memory stays bounded",
  ),
  max_depth: z.number().int().positive().max(1000).default(100).describe(
    "How deeply lists and objects may be nested in a row",
  ),
  max_expansion: z.number().positive().default(200).describe(
    "How many times larger than itself a packed file may unpack (looked at from 16 MB on)",
  ),
};
