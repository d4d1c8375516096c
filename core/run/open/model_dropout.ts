/**
 * The dropout of the model's own that a run asks for: `model.dropout`.
 * @module
 */
import { ConfigError } from "../../contracts/errors.ts";
import type { ModelDropout } from "../../contracts/model.ts";
import type { ModelConfig } from "../../config/types.ts";
import type { OpenedModel } from "./opened_model.ts";

const NONE: ModelDropout = { embedding: 0, attention: 0, residual: 0 };

/**
 * The shares by place: a number counts wherever the architecture has dropout, `config` takes those of config.json.
 * Undefined: none. Throws `ConfigError` where there is nothing to drop.
 */
export function dropoutOf(
  dropout: ModelConfig["dropout"],
  { spec, name }: Pick<OpenedModel, "spec" | "name">,
): ModelDropout | undefined {
  if (dropout === 0) return undefined;
  const own = spec.dropout ?? {};
  const places = Object.keys(own);
  if (places.length === 0) {
    throw new ConfigError(
      `model.dropout is ${dropout}, but models of the type ${spec.modelType} have no dropout of their own; set it to 0 (an adapter has its own, adapter.lora_dropout)`,
    );
  }
  const shares: ModelDropout = dropout === "config"
    ? { ...NONE, ...own }
    : { ...NONE, ...Object.fromEntries(places.map((p) => [p, dropout])) };
  const values = Object.values(shares);
  if (values.some((p) => !(p >= 0 && p < 1))) {
    throw new ConfigError(
      `The dropout in the config.json of ${name} is ${
        values.join(", ")
      }; shares are from 0 up to, not including, 1`,
    );
  }
  if (values.every((p) => p === 0)) {
    throw new ConfigError(
      `model.dropout is config, and the config.json of ${name} has no dropout above 0; give a number, or 0`,
    );
  }
  return shares;
}
