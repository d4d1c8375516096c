/**
 * `adapter_config.json`, as PEFT writes and reads it.
 * @module
 */
import { ConfigError, type Json } from "@denotune/denotune/core";
import { type LoraOptions, loraOptions, savedOptions } from "./_options.ts";
import { lastPart } from "./_saved_modules.ts";
import type { Chosen } from "./_targets.ts";

/** The file's content for an adapter of these options. */
export function adapterConfig(
  o: LoraOptions,
  chosen: Chosen,
  context: {
    base: { path: string | null; revision: string | null };
    /** All linear layers of the model. */
    linear: readonly string[];
    /** Whether the files hold parts that are not built, whose layers may be called alike. */
    isPart: boolean;
    /** Whether head and embedding are one table that is trained whole; null: neither is trained. */
    tying: boolean | null;
  },
): { readonly [key: string]: Json } {
  const targets = [...chosen.targets.values()];
  return {
    alpha_pattern: o.alpha_pattern,
    auto_mapping: null,
    base_model_name_or_path: context.base.path,
    bias: o.bias,
    // a pointer for readers that do not look at the class: the weight is (in, out)
    fan_in_fan_out: targets.some(({ site }) => site.layout === "NN"),
    inference_mode: true,
    init_lora_weights: o.init_lora_weights === "default"
      ? true
      : o.init_lora_weights,
    layer_replication: null,
    // the list of targets says already which blocks
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: o.lora_alpha,
    lora_dropout: o.lora_dropout,
    megatron_config: null,
    megatron_core: "megatron.core",
    modules_to_save: chosen.saved.length === 0 ? null : chosen.saved,
    peft_type: "LORA",
    r: o.r,
    rank_pattern: o.rank_pattern,
    revision: context.base.revision,
    target_modules: targetNames([...chosen.targets.keys()], context),
    task_type: "CAUSAL_LM",
    use_dora: o.use_dora,
    use_rslora: o.use_rslora,
    ...(context.tying === null ? {} : { ensure_weight_tying: context.tying }),
  };
}

/** The shortest list of ends that chooses exactly these layers: `q_proj, v_proj`, else whole names. */
function targetNames(
  targets: readonly string[],
  { linear, isPart }: { linear: readonly string[]; isPart: boolean },
): string[] {
  if (isPart) return [...targets];
  const chosen = new Set(targets);
  const ends = new Set(targets.map(lastPart));
  const exact = linear.every((name) =>
    chosen.has(name) === ends.has(lastPart(name))
  );
  return exact ? [...ends] : [...targets];
}

/** Keys that say nothing about the result. */
const NEUTRAL: readonly string[] = [
  "auto_mapping",
  "base_model_name_or_path",
  "eva_config", // how eva began; what it found is in the tensors
  "fan_in_fan_out",
  "inference_mode",
  "loftq_config",
  "megatron_core",
  "peft_type",
  "peft_version",
  "qalora_group_size",
  "revision",
  "task_type",
];

/** Starts that leave the base as it is: they do not matter once an adapter is trained. */
const PLAIN_STARTS: readonly unknown[] = [
  true,
  false,
  "default",
  "eva",
  "orthogonal",
  undefined,
];

/**
 * The options behind an `adapter_config.json`, or null where it is not LoRA's. Throws `ConfigError` for
 * settings that would change the result and are not known here.
 */
export function optionsOf(
  config: { readonly [key: string]: unknown },
): LoraOptions | null {
  if (config.peft_type !== "LORA") return null;
  const known: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    if (key in DEFAULTS && key !== "from") {
      if (value !== null) known[key] = value;
    } else if (!NEUTRAL.includes(key) && !isEmpty(value)) {
      throw new ConfigError(
        `adapter_config.json sets ${key} to ${
          JSON.stringify(value)
        }, which changes the result and is not supported: merge the adapter with PEFT first`,
      );
    }
  }
  const start = config.init_lora_weights;
  if (PLAIN_STARTS.includes(start)) known.init_lora_weights = "default";
  else if (start !== "gaussian" && start !== "pissa") {
    throw new ConfigError(
      `adapter_config.json has init_lora_weights ${
        JSON.stringify(start)
      }, which changes the base model and is not supported: merge the adapter with PEFT first`,
    );
  }
  // PEFT's own defaults, where an old file leaves keys out
  const read = savedOptions.safeParse({
    r: 8,
    lora_alpha: 8,
    ensure_weight_tying: false,
    ...known,
  });
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new ConfigError(
      `adapter_config.json: ${issue.path.join(".")}: ${issue.message}`,
    );
  }
  return read.data;
}

const DEFAULTS: LoraOptions = loraOptions.parse({});

function isEmpty(value: unknown): boolean {
  return value === null || value === false ||
    (Array.isArray(value) && value.length === 0) ||
    (typeof value === "object" && value !== null &&
      Object.keys(value).length === 0);
}
