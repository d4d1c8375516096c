/**
 * A model part without options, from what makes its architecture.
 * @module
 */
import {
  type Activations,
  activationsOf,
  type Architecture,
  definePart,
  type Part,
  type RawConfig,
} from "@denotune/denotune/core";
import { z } from "zod";
import { decoderSpec } from "./decoder/decoder.ts";
import type { DecoderConfig } from "./decoder/types.ts";

type NoOptions = Record<string, never>;

/** A part for a family. */
export type ModelPart = Part<"model", NoOptions, NoOptions>;

/** The architecture of one `model_type`, from what reads its config. */
export function decoderWith(
  modelType: string,
  read: (config: RawConfig, activations: Activations) => DecoderConfig,
): (activations: Activations) => Architecture {
  return (activations) => ({
    modelTypes: [modelType],
    describe: (config) => decoderSpec(read(config, activations)),
  });
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
