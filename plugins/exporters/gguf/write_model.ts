/**
 * Writes a whole model as a GGUF file.
 * @module
 */
import { ConfigError, type ExportRequest } from "@denotune/denotune/core";
import type { BlockType } from "./blocks/mod.ts";
import { f32 } from "./blocks/mod.ts";
import { roomForFigures } from "./file/annotate.ts";
import type { GgufMetadata } from "./file/value.ts";
import { type GgufTensorToWrite, writeGguf } from "./file/write_gguf.ts";
import {
  chooseTypes,
  type Quantization,
  QUANTIZATIONS,
} from "./model/choose_types.ts";
import {
  type Layout,
  layoutOf,
  rulesOf,
  type TensorRule,
} from "./model/layout.ts";
import { piecesOf, shapeInFile } from "./model/moves.ts";
import { textMetadata } from "./text/text_metadata.ts";
import { type Vocabulary, vocabularyOf } from "./text/vocabulary.ts";

/** A weight with its places in the file. */
export interface PlannedTensor {
  readonly source: ExportRequest["model"]["tensors"][number];
  /** The first place is read back; a head that llama.cpp needs beside the embedding is a second one. */
  readonly rules: readonly TensorRule[];
}

/** A file before it is written. */
export interface Plan {
  readonly layout: Layout;
  readonly vocabulary: Vocabulary;
  readonly tensors: readonly PlannedTensor[];
  /** By the names in the file. */
  readonly types: ReadonlyMap<string, BlockType>;
  readonly metadata: GgufMetadata;
}

/** Plans a file. Throws `ConfigError` for what llama.cpp computes or cuts otherwise. */
export function planOf(
  { name, model, text }: Omit<ExportRequest, "folder">,
  quantization: Quantization,
): Plan {
  refuseOtherDecoding(text);
  const layout = layoutOf(model.spec);
  const tensors = model.tensors.map((source): PlannedTensor => {
    const rules = rulesOf(layout, source.name);
    if (rules !== null) return { source, rules };
    throw new ConfigError(
      `Cannot export this ${model.spec.modelType} model as GGUF: llama.cpp's ${layout.architecture} has no place for the weight ${source.name}`,
    );
  });
  const vocabulary = vocabularyOf(text, model.spec.vocabSize);
  const { settings, architecture } = layout;
  const types = chooseTypes(
    tensors.flatMap(({ source, rules }) =>
      rules.map((rule) => ({
        name: rule.name,
        shape: shapeInFile(source.shape, rule),
        exact: rule.exact,
      }))
    ),
    {
      quantization,
      tied: !tensors.some(({ rules }) =>
        rules.some((rule) => rule.name === "output.weight")
      ),
      layers: model.spec.layers,
      isLarge: model.spec.layers === 80 &&
        ["llama", "qwen2"].includes(architecture),
    },
  );
  return {
    layout,
    vocabulary,
    tensors,
    types,
    metadata: {
      "general.architecture": { string: architecture },
      "general.type": { string: "model" },
      "general.name": {
        // by which llama.cpp knows that special tokens swallow spaces
        string: vocabulary.swallowsSpaces ? `phi-3 ${name}` : name,
      },
      "general.file_type": { u32: QUANTIZATIONS[quantization].id },
      "general.quantization_version": { u32: 2 },
      ...Object.fromEntries(
        Object.entries(settings).map(([key, value]) => [
          `${architecture}.${key}`,
          value,
        ]),
      ),
      ...textMetadata(text, vocabulary),
    },
  };
}

/** llama.cpp writes token by token. */
function refuseOtherDecoding({ generation }: ExportRequest["text"]): void {
  const objective = generation.denotune_objective;
  if (objective === undefined || objective === null) return;
  throw new ConfigError(
    `Cannot export this model as GGUF: it was trained with the objective ${
      JSON.stringify(objective)
    }, which does not write token by token, as llama.cpp does`,
  );
}

/** Writes the file. */
export async function writeModel(
  path: string,
  { request, quantization }: {
    readonly request: ExportRequest;
    readonly quantization: Quantization;
  },
): Promise<void> {
  const { layout, tensors, types, metadata } = planOf(request, quantization);
  const constants = Object.entries(layout.constants).map((
    [name, values],
  ): GgufTensorToWrite => ({
    name,
    shape: [values.length],
    type: f32,
    async *pieces() {
      yield await Promise.resolve(Float32Array.from(values));
    },
  }));
  const weights = tensors.flatMap(({ source, rules }) =>
    rules.map((rule): GgufTensorToWrite => ({
      name: rule.name,
      shape: shapeInFile(source.shape, rule),
      type: types.get(rule.name) ?? f32,
      pieces: () => piecesOf(source, rule),
    }))
  );
  await writeGguf(path, {
    metadata: { ...metadata, ...roomForFigures() },
    tensors: [...weights, ...constants],
  });
}
