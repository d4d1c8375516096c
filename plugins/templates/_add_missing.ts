/**
 * The option `add_missing`, which templates with markers share.
 * @module
 */
import { z } from "zod";

/** Options of a template that writes markers and has no other options. */
export interface MarkerOptions {
  readonly add_missing: boolean;
}

/** Whether markers that the vocabulary lacks are added to it. */
export const addMissingOption: z.ZodDefault<z.ZodBoolean> = z.boolean()
  .default(false).describe(
    "Add the markers that the vocabulary lacks to it, as special tokens: the model gets rows for them, which start as the mean of the others",
  );

/** The schema of {@linkcode MarkerOptions}. */
export const markerOptions: z.ZodType<MarkerOptions, Partial<MarkerOptions>> = z
  .strictObject({ add_missing: addMissingOption });
