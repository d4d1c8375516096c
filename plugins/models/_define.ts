/**
 * A model part without options, from what makes its architecture.
 * @module
 */
import {
  type Activations,
  activationsOf,
  type Architecture,
  definePart,
  type ModelFamily,
  type ModelSpec,
  type Part,
  type RawConfig,
} from "@denotune/denotune/core";
import { z } from "zod";
import { decoderSpec } from "./decoder/decoder.ts";
import type { DecoderConfig } from "./decoder/types.ts";

type NoOptions = Record<string, never>;

/** A part for a family. */
export type ModelPart = Part<"model", NoOptions, NoOptions>;

/** The architecture of these types, from what describes a model of them. */
export function architectureOf(
  families: readonly ModelFamily[],
  describe: (config: RawConfig) => ModelSpec,
): Architecture {
  const targets = new Map(families.map((f) => [f.modelType, f.adapterTargets]));
  return {
    modelTypes: families.map(({ modelType }) => modelType),
    families,
    describe(config) {
      const spec = describe(config);
      return { ...spec, adapterTargets: targets.get(spec.modelType) };
    },
  };
}

/** The architecture of one `model_type`, from what reads its config. */
export function decoderWith(
  family: ModelFamily,
  read: (config: RawConfig, activations: Activations) => DecoderConfig,
): (activations: Activations) => Architecture {
  return (activations) =>
    architectureOf(
      [family],
      (config) => decoderSpec(read(config, activations)),
    );
}

/** The part of an architecture that looks activations up by name. */
export function defineModel(
  name: string,
  description: string,
  make: (activations: Activations) => Architecture,
): ModelPart {
  return definePart({
    kind: "model",
    name,
    description,
    options: z.strictObject({}),
    create: async (_, host) => make(await activationsOf(host)),
  });
}
