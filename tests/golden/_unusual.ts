/**
 * What becomes of a config with unusual settings: the logits of transformers, or a refusal that names a setting.
 * @module
 */
import {
  type Architecture,
  type Device,
  isDenotuneError,
} from "@denotune/denotune/core";
import { layOut, openTiny } from "../conformance/model/tiny_model.ts";
import { hashed, hashedWeights } from "./_hashed.ts";

/** A case of `make_unusual.py`. */
export interface UnusualCase {
  readonly form: "given" | "saved";
  /** Settings that differ from a plain config. */
  readonly changed: readonly string[];
  readonly config: { readonly [key: string]: unknown };
  readonly key: number;
  /** Those of the last token. */
  readonly logits: readonly number[];
}

/** `equal`, `refused`, or what is wrong. */
export type Verdict =
  | { readonly kind: "equal" | "refused"; readonly text: string }
  | { readonly kind: "wrong"; readonly text: string };

const LENGTH = 19;
const SCALE = 0.3;

/** Compares one case. */
export async function judge(
  device: Device,
  architecture: Architecture,
  wanted: UnusualCase,
): Promise<Verdict> {
  const { config, key, logits } = wanted;
  let spec;
  try {
    spec = architecture.describe(config);
  } catch (error) {
    if (!isDenotuneError(error) || error.name !== "ConfigError") {
      return { kind: "wrong", text: `throws ${error}` };
    }
    const { message } = error;
    return namesOf(wanted).some((name) => message.includes(name))
      ? { kind: "refused", text: message }
      : { kind: "wrong", text: `is refused without a name: ${message}` };
  }
  await using model = await openTiny(device, spec, {
    maxLength: LENGTH + 1,
  });
  const weights = hashedWeights(model.inventory.weights, { key, scale: SCALE });
  for (const [name, values] of weights) model.write(name, values);
  const ids = [...hashed(key + 1000, LENGTH)].map((v) =>
    Math.floor((v + 1) / 2 * spec.vocabSize)
  );
  const found = await model.logits(layOut([[{ ids, labels: ids }]]));
  const last = found.subarray(-spec.vocabSize);
  if (last.length !== logits.length) {
    return { kind: "wrong", text: `has ${last.length} logits` };
  }
  const off = Math.max(...logits.map((v, i) => Math.abs(last[i] - v)));
  return off <= 1e-4
    ? { kind: "equal", text: "" }
    : { kind: "wrong", text: `differs by ${off}` };
}

/** What follows from the width and the heads, and may be what cannot be. */
const OF_SIZES = ["head_dim", "partial_rotary_factor"];

/** The settings, and what lies within them: a refusal may name the part that it is about. */
function namesOf({ changed, config }: UnusualCase): readonly string[] {
  const names = new Set(changed);
  if (names.has("hidden_size") || names.has("num_attention_heads")) {
    OF_SIZES.forEach((name) => names.add(name));
  }
  const inside = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, own] of Object.entries(value)) {
      if (!Array.isArray(value)) names.add(key);
      inside(own);
    }
  };
  const text = config.text_config;
  for (const name of changed) {
    inside(config[name]);
    if (typeof text === "object" && text !== null && name in text) {
      inside(Object.entries(text).find(([key]) => key === name)?.[1]);
    }
  }
  return [...names];
}
