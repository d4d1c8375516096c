/**
 * The templates of `init --plugin`, one for each kind.
 * @module
 */
import type { Kind } from "@denotune/denotune/core";
import type { KindTemplate } from "../kind_template.ts";
import { activation } from "./activation.ts";
import { evaluator } from "./evaluator.ts";
import { format } from "./format.ts";
import { masker } from "./masker.ts";
import { objective } from "./objective.ts";
import { optimizer } from "./optimizer.ts";
import { schedule } from "./schedule.ts";
import { tracker } from "./tracker.ts";

/** Every template, by kind. */
export const templates: Readonly<Partial<Record<Kind, KindTemplate>>> = {
  format,
  masker,
  objective,
  optimizer,
  schedule,
  evaluator,
  tracker,
  activation,
};
