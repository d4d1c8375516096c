/**
 * Options that say how wide rectangles are.
 * @module
 */
import { z } from "zod";

/** Schema fields of a rectangle's width. */
export const widthOptions = {
  pad_to_multiple_of: z.number().int().positive().default(1).describe(
    "Rows are padded to a multiple of this many tokens (never above max_length)",
  ),
  pad_to: z.enum(["longest", "max_length"]).default("longest").describe(
    "Whether rows are padded to the longest of their batch, or always to max_length",
  ),
};
