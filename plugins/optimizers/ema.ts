/**
 * A running average of the weights beside any optimizer: the part and its options. The average is in
 * `running_average.ts`.
 * @module
 */
import type { Part } from "@denotune/denotune/core";
import { z } from "zod";
import type { EmaOptions } from "./running_average.ts";

export type { EmaOptions } from "./running_average.ts";

/** The state that this wrapper adds to the optimizer's own. */
export type EmaSlot = "ema";

const options: z.ZodType<EmaOptions, Partial<EmaOptions>> = z.strictObject({
  decay: z.number().min(0).lt(1).default(0.999).describe(
    "Share of the average that is kept at each step; the average spans some 1 / (1 - decay) steps",
  ),
  use_average: z.boolean().default(true).describe(
    "Evaluate, sample and save the average at the end; false: it is only kept in checkpoints",
  ),
  of: z.union([z.string(), z.looseObject({ use: z.string() })]).default("adamw")
    .describe("The optimizer that makes the steps, with its options"),
});

/** The part `ema`. */
export const ema: Part<"optimizer", Partial<EmaOptions>, EmaOptions> = {
  kind: "optimizer",
  name: "ema",
  description:
    "Another optimizer with a running average of the weights, which is evaluated and saved",
  options,
  async create(o, host) {
    const { withAverage } = await import("./running_average.ts");
    return withAverage(await host.create("optimizer", o.of), o);
  },
};
