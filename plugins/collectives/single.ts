/**
 * One process: there is nothing to sum.
 * @module
 */
import {
  type Collective,
  definePart,
  type Part,
} from "@denotune/denotune/core";
import { z } from "zod";

/** A world of one: there is nothing to sum. */
export const alone: Collective = {
  rank: 0,
  world: 1,
  sum: () => Promise.resolve(),
  reduceScatter: (values) => Promise.resolve(values.slice()),
  allGather: (share) => Promise.resolve(share.slice()),
  broadcast: () => Promise.resolve(),
};

/** `single` has no options. */
export type SingleOptions = Record<string, never>;

const options: z.ZodType<SingleOptions, SingleOptions> = z.strictObject({});

/** The part `single`. */
export const single: Part<"collective", SingleOptions, SingleOptions> =
  definePart({
    kind: "collective",
    name: "single",
    description: "One process trains alone",
    options,
    create: (): Collective => alone,
  });
