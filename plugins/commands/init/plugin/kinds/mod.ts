/**
 * The templates of `init --plugin`, one for each kind.
 * @module
 */
import type { Kind } from "@denotune/denotune/core";
import type { KindTemplate } from "../kind_template.ts";
import { activation } from "./activation.ts";
import { adapter } from "./adapter.ts";
import { backend } from "./backend.ts";
import { collator } from "./collator.ts";
import { collective } from "./collective.ts";
import { command } from "./command.ts";
import { evaluator } from "./evaluator.ts";
import { exporter } from "./exporter.ts";
import { format } from "./format.ts";
import { masker } from "./masker.ts";
import { model } from "./model.ts";
import { objective } from "./objective.ts";
import { optimizer } from "./optimizer.ts";
import { schedule } from "./schedule.ts";
import { source } from "./source.ts";
import { template } from "./template.ts";
import { tokenizer } from "./tokenizer.ts";
import { tracker } from "./tracker.ts";

/** Every template, by kind. */
export const templates: Readonly<Record<Kind, KindTemplate>> = {
  source,
  format,
  template,
  tokenizer,
  masker,
  collator,
  objective,
  model,
  adapter,
  optimizer,
  schedule,
  backend,
  collective,
  evaluator,
  tracker,
  exporter,
  activation,
  command,
};
