/**
 * The places of a run file where a part is chosen. Each is written once, in the schema, by
 * {@linkcode partField}; everything else that must know them (overrides, merging, validation,
 * completion) finds them there.
 * @module
 */
import { z } from "zod";
import type { Choice, Kind } from "../../contracts/plugin.ts";

/** What is valid in a place where a part is chosen. */
export interface PartField {
  readonly kind: Kind;
  /** Whether the word `auto` is valid: the framework chooses the part. */
  readonly auto: boolean;
  /** Whether `null` is valid: no part. */
  readonly nullable: boolean;
}

/** The part of a choice that names none, by kind: `parallel: {optimizer_sharding: true}`. Other kinds need `use`. */
export const UNNAMED: Readonly<Partial<Record<Kind, string>>> = {
  collective: "mpi",
};

/** The name under which a field's JSON Schema carries its {@linkcode PartField}. */
export const PART_FIELD = "x-denotune-part";

/** The name under which the JSON Schema of a key says that only code can give it. */
export const CODE_ONLY = "x-denotune-code-only";

/**
 * The schema of a place where a part is chosen. It accepts anything: the value is checked
 * against the registry, with the part's own options (see `choices.ts`).
 */
export function partField(
  kind: Kind,
  auto?: { auto: true },
): z.ZodType<Choice, Choice> {
  const field: PartField = { kind, auto: auto !== undefined, nullable: false };
  return z.custom<Choice>(() => true).meta({ [PART_FIELD]: field });
}

/** As {@linkcode partField}, where null means that there is no part. */
export function optionalPartField(
  kind: Kind,
): z.ZodType<Choice | null, Choice | null> {
  const field: PartField = { kind, auto: false, nullable: true };
  return z.custom<Choice | null>(() => true).meta({ [PART_FIELD]: field });
}
