/**
 * Rotary settings and windows by type of layer: `full_attention` and `sliding_attention`.
 * @module
 */
import {
  type ConfigReader,
  isPlainObject,
  type RawConfig,
  readRope,
  type RopeScaling,
  showValue,
} from "@denotune/denotune/core";
import type { DecoderSizes } from "./config.ts";

/** The types, as `layer_types` writes them. */
export const LAYER_TYPES = ["full_attention", "sliding_attention"] as const;

/** A type of layer. */
export type LayerType = typeof LAYER_TYPES[number];

/** The type of each layer: as the config says, else by the family's own rule. */
export function readLayerTypes(
  reader: ConfigReader,
  { layers }: DecoderSizes,
  usual: (layer: number) => LayerType,
): readonly LayerType[] {
  const given = reader.layerTypes(layers, LAYER_TYPES);
  return Array.from({ length: layers }, (_, i) => {
    if (given === null) return usual(i);
    return given[i] === "sliding_attention"
      ? "sliding_attention"
      : "full_attention";
  });
}

/** The window of each layer. */
export function windowsOf(
  types: readonly LayerType[],
  window: number | null,
): (number | null)[] {
  return types.map((type) => type === "sliding_attention" ? window : null);
}

/** Base of the frequencies of a type of layer: its key beside the settings (null: none) and its default. */
export interface LayerBase {
  readonly key: string | null;
  readonly theta: number;
}

/**
 * Rotary settings of each layer: `rope_parameters` by type of layer, or one `rope_scaling`, which is that of the
 * layers with full attention (transformers 4).
 */
export function readLayerRopes(
  reader: ConfigReader,
  sizes: DecoderSizes,
  { types, bases }: {
    readonly types: readonly LayerType[];
    readonly bases: { readonly [type in LayerType]: LayerBase };
  },
): RopeScaling[] {
  const { maxPositions, headDim } = sizes;
  const given = objectAt(reader, "rope_parameters");
  for (const key of Object.keys(given)) {
    if (LAYER_TYPES.some((type) => type === key)) continue;
    reader.problem(
      `rope_parameters.${key} is ${
        showValue(given[key])
      }; a ${reader.modelType} has them by type of layer: ${
        LAYER_TYPES.join(", ")
      }`,
    );
  }
  const scaling = objectAt(reader, "rope_scaling");
  // transformers lays it over {rope_type: default}, so that an older `type` is never followed
  if (scaling.type !== undefined && scaling.rope_type === undefined) {
    reader.problem(
      `rope_scaling.type is ${
        showValue(scaling.type)
      }; a ${reader.modelType} has it as rope_scaling.rope_type`,
    );
  }
  const read = (type: LayerType): RopeScaling => {
    const own = given[type] ?? {};
    const value = type === "full_attention" && isPlainObject(own)
      ? { ...own, ...scaling }
      : own;
    const { key: thetaKey, theta } = bases[type];
    return readRope(reader, {
      maxPositions,
      headDim,
      theta,
      thetaKey,
      settings: {
        name: type === "full_attention" && Object.keys(scaling).length > 0
          ? "rope_scaling"
          : `rope_parameters.${type}`,
        value,
      },
    });
  };
  const ropes = {
    full_attention: read("full_attention"),
    sliding_attention: read("sliding_attention"),
  };
  return types.map((type) => ropes[type]);
}

/** An object of a config; empty where there is none. */
function objectAt(reader: ConfigReader, key: string): RawConfig {
  const value = reader.raw(key) ?? {};
  if (isPlainObject(value)) return value;
  reader.problem(`${key} is ${showValue(value)}; an object is needed`);
  return {};
}
