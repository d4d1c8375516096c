/**
 * Options that templates from Jinja sources share.
 * @module
 */
import { z } from "zod";

/** What a run may hand to a Jinja template. */
export interface JinjaRunOptions {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly date: string | null;
}

/** What users write. */
export interface JinjaRunInput {
  readonly variables?: Record<string, unknown>;
  readonly date?: string | null;
}

/** The schema's fields. */
export const jinjaRunShape: {
  variables: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodUnknown>>;
  date: z.ZodDefault<z.ZodNullable<z.ZodISODate>>;
} = {
  variables: z.record(z.string(), z.unknown()).default({}).describe(
    "Further variables of the template, for example {enable_thinking: false}",
  ),
  date: z.iso.date().nullable().default(null).describe(
    "The day that templates write which ask for today's date, as 2026-01-31; null = today",
  ),
};

/** The moment that `strftime_now` writes. */
export function moment({ date }: JinjaRunOptions): Date {
  return date === null ? new Date() : new Date(`${date}T12:00:00`);
}
