/**
 * The built-in trackers.
 * @module
 */
import type { AnyPart } from "@denotune/denotune/core";
import { console } from "./console.ts";
import { csv } from "./csv.ts";
import { jsonl } from "./jsonl.ts";
import { mlflow } from "./mlflow/mlflow.ts";
import { tensorboard } from "./tensorboard/tensorboard.ts";
import { wandb } from "./wandb/wandb.ts";
import { webhook } from "./webhook.ts";

/** Every part of this folder. */
export const trackers: readonly AnyPart[] = [
  console,
  jsonl,
  csv,
  tensorboard,
  wandb,
  mlflow,
  webhook,
];
