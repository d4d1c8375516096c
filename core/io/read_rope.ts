/**
 * Rotary settings as a config describes them, in either spelling: `rope_theta` with `rope_scaling` (transformers
 * 4), or `rope_parameters` (transformers 5).
 * @module
 */
import {
  type ConfigReader,
  type RawConfig,
  showValue,
} from "./config_reader.ts";
import { isObject } from "./json_file.ts";
import type { RopeScaling } from "./rotary.ts";

/** What a family says of its rotary settings. */
export interface RopeReading {
  /** Positions that the model was made for. */
  readonly maxPositions: number;
  /** Columns of a head. */
  readonly headDim: number;
  /** Base of the frequencies where the config has none; default 10000. */
  readonly theta?: number;
  /** Key of the base beside the settings, null where there is none; default `rope_theta`. */
  readonly thetaKey?: string | null;
  /** The key of the share of columns that turn, and its default. Absent: all columns turn. */
  readonly partial?: { readonly key: string; readonly share: number };
  /**
   * The settings and what errors call them, for families that have some for each type of layer. Absent: those of
   * the config.
   */
  readonly settings?: { readonly name: string; readonly value: unknown };
  /** Further keys of the settings, which the family reads itself. */
  readonly keys?: readonly string[];
  /** The types that the family has, by the names that its configs write. Absent: all, by their own. */
  readonly types?: { readonly [name: string]: RopeScaling["type"] };
  /** Positions of the first training, for families that have them beside the settings. */
  readonly originalPositions?: number;
  /** The settings of a config that has none. */
  readonly absent?: RawConfig;
}

/** Keys of every type: what is not used by a type is left where another type was before. */
const COMMON = [
  "rope_type",
  "type",
  "rope_theta",
  "factor",
  "low_freq_factor",
  "high_freq_factor",
  "original_max_position_embeddings",
  "partial_rotary_factor",
];

const ALL_TYPES: readonly RopeScaling["type"][] = [
  "default",
  "linear",
  "dynamic",
  "llama3",
  "yarn",
  "longrope",
  "proportional",
];

/** Keys that a type has besides. */
const KEYS: { readonly [type in RopeScaling["type"]]: readonly string[] } = {
  default: [],
  linear: [],
  dynamic: [],
  llama3: [],
  yarn: [
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
  ],
  longrope: ["attention_factor", "short_factor", "long_factor"],
  proportional: [],
};

/** Reads the rotary settings of a config; problems go to the reader. */
export function readRope(
  reader: ConfigReader,
  options: RopeReading,
): RopeScaling {
  const { maxPositions, headDim, partial } = options;
  const { thetaKey = "rope_theta", theta: usual = 10000 } = options;
  const base = thetaKey === null ? usual : reader.number(thetaKey, usual);
  const { name, value } = options.settings ?? settingsOf(reader, options);
  const fallback = { type: "default", theta: base } as const;
  if (!isObject(value)) {
    reader.problem(`${name} is ${showValue(value)}; an object is needed`);
    return fallback;
  }
  const settings = new Settings(options, reader, { name, value });
  const theta = settings.number("rope_theta", base);
  const written = value.rope_type ?? value.type ?? "default";
  const type = types(options).get(written);
  settings.refuseOthers([
    ...COMMON,
    ...type === undefined ? [] : KEYS[type],
    ...options.keys ?? [],
  ]);
  if (type === undefined) {
    reader.problem(
      `${name}.${value.rope_type === undefined ? "type" : "rope_type"} is ${
        showValue(written)
      }; supported: ${
        [...types(options).keys()].join(", ")
      }. With positions beyond what the model was first trained on, other scalings give other numbers`,
    );
    return fallback;
  }

  const share = settings.share(partial);
  if (partial === undefined && type !== "proportional" && share !== 1) {
    reader.problem(
      `${name}.partial_rotary_factor is ${
        showValue(share)
      }; only 1 is supported for ${reader.modelType}`,
    );
  }
  const rotaryDim = Math.floor(headDim * share);
  const shareName = settings.shareName(partial);
  const head =
    `a head's ${headDim} (head_dim, else hidden_size by num_attention_heads)`;
  if (rotaryDim < 1) {
    reader.problem(
      `${shareName} is ${share}, which leaves no column of ${head} to turn`,
    );
  }
  // the ramp of transformers has a value a pair, its frequencies one more where a column is left over
  if (type === "yarn" && rotaryDim % 2 !== 0) {
    reader.problem(
      `${shareName} is ${share}, which leaves ${rotaryDim} columns of ${head} to turn; yarn needs an even number`,
    );
  }
  const common = {
    theta,
    ...(partial === undefined || share === 1 || type === "proportional"
      ? {}
      : { rotaryDim }),
  };
  switch (type) {
    case "linear":
      return { type, ...common, factor: settings.number("factor") };
    case "dynamic":
      settings.number("factor");
      return { type, ...common, maxPositions };
    case "llama3": {
      const llama3 = {
        type,
        ...common,
        factor: settings.number("factor"),
        lowFrequency: settings.number("low_freq_factor"),
        highFrequency: settings.number("high_freq_factor"),
        originalPositions: settings.originalPositions(),
      } as const;
      if (llama3.highFrequency <= llama3.lowFrequency) {
        reader.problem(
          `${name}.high_freq_factor ${llama3.highFrequency} must be above low_freq_factor ${llama3.lowFrequency}`,
        );
      }
      return llama3;
    }
    case "yarn":
      return { type, ...common, ...readYarn(settings, options) };
    case "longrope":
      return {
        type,
        ...common,
        ...readLongrope(settings, {
          maxPositions,
          pairs: Math.ceil((common.rotaryDim ?? headDim) / 2),
        }),
      };
    case "proportional":
      return {
        type,
        theta,
        factor: settings.number("factor", 1),
        pairs: Math.floor(share * headDim / 2),
      };
    default:
      return { type: "default", ...common };
  }
}

/** The types of rotary frequencies by the names that configs write. */
function types(
  { types }: RopeReading,
): ReadonlyMap<unknown, RopeScaling["type"]> {
  const own: [string, RopeScaling["type"]][] = types === undefined
    ? ALL_TYPES.map((type) => [type, type])
    : Object.entries(types);
  return new Map<unknown, RopeScaling["type"]>(own);
}

/** The settings that hold for every layer; an empty `rope_scaling` is none, as in transformers. */
function settingsOf(
  reader: ConfigReader,
  { absent = {} }: RopeReading,
): { readonly name: string; readonly value: unknown } {
  const given = reader.raw("rope_scaling") ?? null;
  const isNone = isObject(given) && Object.keys(given).length === 0;
  const scaling = isNone ? null : given;
  const parameters = reader.raw("rope_parameters") ?? null;
  if (
    scaling !== null && parameters !== null &&
    showValue(scaling) !== showValue(parameters)
  ) {
    reader.problem(
      "rope_scaling and rope_parameters are both given and differ; remove one",
    );
  }
  return scaling !== null
    ? { name: "rope_scaling", value: scaling }
    : { name: "rope_parameters", value: parameters ?? absent };
}

function readYarn(
  settings: Settings,
  { maxPositions, settings: own }: RopeReading,
) {
  const originalPositions = settings.originalPositions();
  const factor = settings.number("factor", maxPositions / originalPositions);
  // transformers looks for it beside the types of layers, where it is never found
  if (own !== undefined && settings.flag("truncate", true) === false) {
    settings.problem("truncate", "is false, which has no effect by layer type");
  }
  const scaleOf = (multiplier: number) =>
    factor <= 1 ? 1 : 0.1 * multiplier * Math.log(factor) + 1;
  const all = settings.numberOrNull("mscale_all_dim");
  const mscale = settings.numberOrNull("mscale");
  return {
    factor,
    originalPositions,
    betaFast: settings.numberOrNull("beta_fast") ?? 32,
    betaSlow: settings.numberOrNull("beta_slow") ?? 1,
    truncate: settings.flag("truncate", true),
    attentionFactor: settings.numberOrNull("attention_factor") ??
      (mscale !== null && all !== null
        ? scaleOf(mscale) / scaleOf(all)
        : scaleOf(1)),
  };
}

function readLongrope(
  settings: Settings,
  { maxPositions, pairs }: { maxPositions: number; pairs: number },
) {
  const originalPositions = settings.originalPositions();
  const factor = settings.number("factor", maxPositions / originalPositions);
  return {
    originalPositions,
    shortFactors: settings.list("short_factor", pairs),
    longFactors: settings.list("long_factor", pairs),
    attentionFactor: settings.numberOrNull("attention_factor") ??
      (factor <= 1
        ? 1
        : Math.sqrt(1 + Math.log(factor) / Math.log(originalPositions))),
  };
}

/** One object of settings, read strictly. */
class Settings {
  readonly name: string;
  readonly value: RawConfig;

  constructor(
    readonly options: RopeReading,
    readonly reader: ConfigReader,
    { name, value }: { readonly name: string; readonly value: RawConfig },
  ) {
    this.name = name;
    this.value = value;
  }

  problem(key: string, text: string): void {
    this.reader.problem(`${this.name}.${key} ${text}`);
  }

  refuseOthers(known: readonly string[]): void {
    for (const [key, value] of Object.entries(this.value)) {
      if (known.includes(key) || value === null) continue;
      this.reader.problem(
        isObject(value)
          ? `${this.name} has settings by layer type (${key}), which is not supported for ${this.reader.modelType}`
          : `${this.name}.${key} is ${
            showValue(value)
          }, which is not supported`,
      );
    }
  }

  /** A number above 0; without `fallback` it is required. */
  number(key: string, fallback?: number): number {
    const value = this.value[key] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) {
      return value;
    }
    this.problem(
      key,
      value === undefined
        ? "is missing"
        : `is ${showValue(value)}; a number above 0 is needed`,
    );
    return 1;
  }

  /** As {@linkcode number}; null where there is none. */
  numberOrNull(key: string): number | null {
    return (this.value[key] ?? null) === null ? null : this.number(key);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.value[key] ?? fallback;
    if (typeof value === "boolean") return value;
    this.problem(key, `is ${showValue(value)}; true or false is needed`);
    return fallback;
  }

  /** A list of so many numbers above 0. */
  list(key: string, length: number): readonly number[] {
    const value = this.value[key];
    if (
      Array.isArray(value) && value.length === length &&
      value.every((v) => typeof v === "number" && v > 0)
    ) return value;
    this.problem(
      key,
      `is ${showValue(value)}; ${length} numbers above 0 are needed`,
    );
    return Array.from({ length }, () => 1);
  }

  /** A value beside the settings wins over one inside, as in transformers; settings by layer have none beside. */
  originalPositions(): number {
    const key = "original_max_position_embeddings";
    const { maxPositions, settings, originalPositions } = this.options;
    if (originalPositions !== undefined) return originalPositions;
    return settings === undefined && (this.reader.raw(key) ?? null) !== null
      ? this.reader.count(key)
      : this.number(key, maxPositions);
  }

  /** Where the share of columns that turn was written. */
  shareName(partial: RopeReading["partial"]): string {
    const key = "partial_rotary_factor";
    const isInside = partial === undefined ||
      (this.value[key] ?? null) !== null;
    return isInside ? `${this.name}.${key}` : partial.key;
  }

  /** The share of columns that turn: inside the settings, beside them, or the family's own. */
  share(partial: RopeReading["partial"]): number {
    const key = "partial_rotary_factor";
    const beside = partial === undefined
      ? 1
      : this.reader.number(partial.key, partial.share);
    const share = this.numberOrNull(key) ?? beside;
    if (share > 1) this.problem(key, `is ${share}; at most 1 is possible`);
    return Math.min(share, 1);
  }
}
