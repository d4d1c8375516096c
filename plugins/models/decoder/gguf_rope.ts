/**
 * Rotary frequencies as llama.cpp reads them: by name of the scaling, or as a divisor for each pair of columns, which
 * says any of them exactly.
 * @module
 */
import { type RopeScaling, rotaryFrequencies } from "@denotune/denotune/core";
import { gguf, type GgufLayout, type Refusals } from "./gguf_layout.ts";

/** Settings and constants of rotary frequencies. */
export type GgufRope = Pick<GgufLayout, "settings" | "constants">;

/** What cosines and sines are multiplied by, where llama.cpp does not do so by itself. */
function attention(factor: number): GgufLayout["settings"] {
  return Math.abs(factor - 1) < 1e-7
    ? {}
    : { "rope.scaling.attn_factor": gguf.f32(factor) };
}

function base(rope: RopeScaling): GgufLayout["settings"] {
  return {
    "rope.freq_base": gguf.f32(rope.theta),
    ...(rope.rotaryDim === undefined
      ? {}
      : { "rope.dimension_count": gguf.u32(rope.rotaryDim) }),
  };
}

/** By name: `linear` and `yarn`. */
export function fromSettings(rope: RopeScaling, refused: Refusals): GgufRope {
  const settings = base(rope);
  switch (rope.type) {
    case "default":
    case "dynamic":
      return { settings, constants: {} };
    case "linear":
      return {
        settings: {
          ...settings,
          "rope.scaling.type": gguf.string("linear"),
          "rope.scaling.factor": gguf.f32(rope.factor),
        },
        constants: {},
      };
    case "yarn":
      refused.unless(
        rope.truncate,
        "a yarn whose ramp is not whole (truncate)",
      );
      return {
        settings: {
          ...settings,
          "rope.scaling.type": gguf.string("yarn"),
          "rope.scaling.factor": gguf.f32(rope.factor),
          "rope.scaling.original_context_length": gguf.u32(
            rope.originalPositions,
          ),
          "rope.scaling.yarn_beta_fast": gguf.f32(rope.betaFast),
          "rope.scaling.yarn_beta_slow": gguf.f32(rope.betaSlow),
          // llama.cpp multiplies by 0.1 ln(factor) + 1 by itself
          ...attention(
            rope.attentionFactor /
              (rope.factor <= 1 ? 1 : 0.1 * Math.log(rope.factor) + 1),
          ),
        },
        constants: {},
      };
    default:
      refused.unless(false, `rotary frequencies of the type ${rope.type}`);
      return { settings, constants: {} };
  }
}

/** By a divisor for each pair: the plain frequency over the one that turns. */
export function fromFrequencies(
  rope: RopeScaling,
  { headDim, lists, refused }: {
    readonly headDim: number;
    readonly lists: "one" | "long";
    readonly refused: Refusals;
  },
): GgufRope {
  const settings = base(rope);
  if (rope.type === "default" || rope.type === "dynamic") {
    return { settings, constants: {} };
  }
  const divisors = (positions: number): number[] => {
    const plain = rotaryFrequencies(
      { type: "default", theta: rope.theta, rotaryDim: rope.rotaryDim },
      { headDim, positions },
    );
    const own = rotaryFrequencies(rope, { headDim, positions });
    // what does not turn at all is divided by more than any position
    return Array.from(own, (f, i) => f === 0 ? 1e30 : plain[i] / f);
  };
  if (rope.type === "longrope") {
    refused.unless(lists === "long", "rotary frequencies of the type longrope");
    return {
      settings: {
        ...settings,
        "rope.scaling.original_context_length": gguf.u32(
          rope.originalPositions,
        ),
        ...attention(rope.attentionFactor),
      },
      constants: {
        "rope_factors_long.weight": [...rope.longFactors],
        "rope_factors_short.weight": [...rope.shortFactors],
      },
    };
  }
  refused.unless(
    lists === "one",
    `rotary frequencies of the type ${rope.type}`,
  );
  return {
    settings: {
      ...settings,
      ...("attentionFactor" in rope ? attention(rope.attentionFactor) : {}),
    },
    constants: { "rope_freqs.weight": divisors(1) },
  };
}
