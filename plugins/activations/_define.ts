/**
 * An activation without options, from its expression.
 * @module
 */
import { definePart, type Expr, type Part } from "@denotune/denotune/core";
import { z } from "zod";

/** The built-in activations have no options. */
export type NoOptions = Record<string, never>;

/** A part for the function x -> apply(x); `names` are those that configs write besides its own. */
export function defineActivation(
  name: string,
  description: string,
  apply: (x: Expr) => Expr,
  names: readonly string[] = [],
): Part<"activation", NoOptions, NoOptions> {
  const options: z.ZodType<NoOptions, NoOptions> = z.strictObject({});
  return definePart({
    kind: "activation",
    name,
    description,
    options,
    create: () => ({ apply, names }),
  });
}
