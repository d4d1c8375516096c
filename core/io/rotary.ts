/**
 * Rotary frequencies as a config describes them, in either spelling: `rope_theta` with `rope_scaling`
 * (transformers 4), or `rope_parameters` (transformers 5). Frequencies and angles are rounded to float32
 * where transformers rounds them: at position 100,000 the last bit of a frequency is a hundredth of a
 * turn.
 *
 * - `default`: theta^(-2i/D) (arXiv:2104.09864)
 * - `linear`: every frequency divided by `factor` (arXiv:2306.15595)
 * - `llama3`: long waves divided by `factor`, short ones left, those between smoothed (Llama 3.1)
 * @module
 */
import {
  type ConfigReader,
  type RawConfig,
  showValue,
} from "./config_reader.ts";

/** How rotary frequencies are made. */
export type RopeScaling =
  & { readonly theta: number }
  & (
    | { readonly type: "default" }
    | { readonly type: "linear"; readonly factor: number }
    | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequency: number;
      readonly highFrequency: number;
      readonly originalPositions: number;
    }
  );

const KNOWN_KEYS = [
  "rope_type",
  "type",
  "rope_theta",
  "factor",
  "low_freq_factor",
  "high_freq_factor",
  "original_max_position_embeddings",
  "partial_rotary_factor",
];

/** Reads the rotary settings of a config; problems go to the reader. */
export function readRope(
  reader: ConfigReader,
  maxPositions: number,
): RopeScaling {
  const scaling = reader.raw("rope_scaling") ?? null;
  const parameters = reader.raw("rope_parameters") ?? null;
  const original = reader.raw("original_max_position_embeddings") ?? null;
  const spelling = scaling !== null ? "rope_scaling" : "rope_parameters";
  const settings = scaling ?? parameters ?? {};
  const theta = { theta: reader.number("rope_theta", 10000) };
  if (!isObject(settings)) {
    reader.problem(
      `${spelling} is ${showValue(settings)}; an object is needed`,
    );
    return { type: "default", ...theta };
  }
  if (
    scaling !== null && parameters !== null &&
    showValue(scaling) !== showValue(parameters)
  ) {
    reader.problem(
      "rope_scaling and rope_parameters are both given and differ; remove one",
    );
  }
  for (const [key, value] of Object.entries(settings)) {
    if (KNOWN_KEYS.includes(key) || value === null) continue;
    reader.problem(
      isObject(value)
        ? `${spelling} has settings by layer type (${key}), which is not supported`
        : `${spelling}.${key} is ${showValue(value)}, which is not supported`,
    );
  }
  const partial = settings.partial_rotary_factor ?? 1;
  if (partial !== 1) {
    reader.problem(
      `${spelling}.partial_rotary_factor is ${
        showValue(partial)
      }; only 1 is supported for ${reader.modelType}`,
    );
  }
  const number = (key: string, fallback?: number): number => {
    const value = settings[key] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) {
      return value;
    }
    reader.problem(
      value === undefined
        ? `${spelling}.${key} is missing`
        : `${spelling}.${key} is ${
          showValue(value)
        }; a number above 0 is needed`,
    );
    return 1;
  };
  const base = { theta: number("rope_theta", theta.theta) };
  const type = settings.rope_type ?? settings.type ?? "default";
  if (type === "default") return { type, ...base };
  if (type === "linear") return { type, ...base, factor: number("factor") };
  if (type === "llama3") {
    const llama3 = {
      type,
      ...base,
      factor: number("factor"),
      lowFrequency: number("low_freq_factor"),
      highFrequency: number("high_freq_factor"),
      // a value beside the settings wins over one inside, as in transformers
      originalPositions: original !== null
        ? reader.count("original_max_position_embeddings")
        : number("original_max_position_embeddings", maxPositions),
    } as const;
    if (llama3.highFrequency <= llama3.lowFrequency) {
      reader.problem(
        `${spelling}.high_freq_factor ${llama3.highFrequency} must be above low_freq_factor ${llama3.lowFrequency}`,
      );
    }
    return llama3;
  }
  const name = settings.rope_type === undefined ? "type" : "rope_type";
  reader.problem(
    `${spelling}.${name} is ${
      showValue(type)
    }; supported: default, linear, llama3. With positions beyond what the model was first trained on, other scalings give other numbers`,
  );
  return { type: "default", ...base };
}

/** Angles a position turns by, one for each pair of columns (headDim / 2), in float32. */
export function rotaryFrequencies(
  scaling: RopeScaling,
  headDim: number,
): Float32Array {
  const f = Math.fround;
  const theta = f(scaling.theta);
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = f(1 / f(Math.pow(theta, f((2 * i) / headDim))));
    if (scaling.type === "default") return frequency;
    const factor = f(scaling.factor);
    if (scaling.type === "linear") return f(frequency / factor);
    const { lowFrequency, highFrequency, originalPositions } = scaling;
    const wave = f(f(2 * Math.PI) / frequency);
    if (wave < f(originalPositions / highFrequency)) return frequency;
    if (wave > f(originalPositions / lowFrequency)) {
      return f(frequency / factor);
    }
    const smooth = f(
      f(f(originalPositions / wave) - f(lowFrequency)) /
        f(highFrequency - lowFrequency),
    );
    return f(
      f(f(f(1 - smooth) * frequency) / factor) + f(smooth * frequency),
    );
  });
}

/** The table of `ops/rope.ts`: (positions, headDim), cosines then sines of headDim / 2 angles. */
export function rotaryTable(
  scaling: RopeScaling,
  { positions, headDim }: { positions: number; headDim: number },
): Float32Array {
  const frequencies = rotaryFrequencies(scaling, headDim);
  const half = frequencies.length;
  const table = new Float32Array(positions * headDim);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(p * frequencies[i]);
      table[p * headDim + i] = Math.cos(angle);
      table[p * headDim + half + i] = Math.sin(angle);
    }
  }
  return table;
}

function isObject(value: unknown): value is RawConfig {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
