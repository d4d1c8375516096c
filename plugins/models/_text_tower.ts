/**
 * A checkpoint of text and images, opened by its text model: a config within a config, names behind a prefix, and
 * every other tensor carried through to what is saved. Images are no input: where rows have none, transformers
 * computes the same.
 *
 * ```text
 * config.json        {model_type: gemma3, text_config: {...}, vision_config: {...}}
 * transformers       model.language_model.layers.0 ...       lm_head
 * files              language_model.model.layers.0 ...       language_model.lm_head       vision_tower. ...
 * ```
 *
 * @module
 */
import {
  type Architecture,
  ConfigReader,
  isPlainObject,
  type Json,
  type ModelBuilder,
  type ModelFamily,
  type ModelSpec,
  type RawConfig,
  showValue,
} from "@denotune/denotune/core";
import { architectureOf } from "./_define.ts";

/** A type whose text model is another type. */
export interface TowerOptions {
  readonly family: ModelFamily;
  /** Text models by their own `model_type`. */
  readonly texts: { readonly [modelType: string]: Architecture };
  /** The text model of a config that does not say. */
  readonly usual: string;
  /** Keys that are about images. */
  readonly images: readonly string[];
  /** Settings of the text model that transformers does not follow here: they must be off. */
  readonly unread?: readonly string[];
}

/** Keys that a run changes in the config of a model: the text model has them. */
const TEXT_KEYS = ["vocab_size"] as const;

/** The architecture of a type of text and images, in its text model. */
export function textTower(options: TowerOptions): Architecture {
  const { family } = options;
  const { modelType } = family;
  return architectureOf([family], (config) => {
    const { text, json } = readTower(config, options);
    const inner = options.texts[String(text.model_type)].describe(text);
    const { head } = inner;
    return {
      ...inner,
      modelType,
      config: {
        ...json,
        text_config: { ...inner.config },
        tie_word_embeddings: head.tied,
      },
      head: { ...head, name: moduleName(head.name) },
      forward: (builder) => inner.forward(renamed(builder)),
      ignores: (name) => inner.ignores(name),
      aliases: (name) =>
        [
          fileName(name),
          // a tied model may have been saved under the head's name alone
          ...(head.tied && name === moduleName(head.name)
            ? ["lm_head.weight", "language_model.lm_head.weight"]
            : []),
        ].filter((alias) => alias !== name),
      fileName,
      carries: () => true,
      ...(inner.exports === undefined
        ? {}
        : { exports: renamedExports(inner.exports) }),
    };
  });
}

/** The config of the text model, and the whole one as it is saved. */
function readTower(
  config: RawConfig,
  { family: { modelType }, texts, usual, images, unread = [] }: TowerOptions,
): { text: RawConfig; json: { readonly [key: string]: Json } } {
  const reader = new ConfigReader(config, modelType);
  if (reader.raw("model_type") !== modelType) {
    throw reader.last(
      `model_type is ${
        showValue(config.model_type)
      }; supported here: ${modelType}`,
    );
  }
  const given = reader.raw("text_config");
  if (!isPlainObject(given)) {
    throw reader.last(
      `text_config is ${showValue(given)}; an object is needed`,
    );
  }
  const type = given.model_type ?? usual;
  if (typeof type !== "string" || texts[type] === undefined) {
    throw reader.last(
      `text_config.model_type is ${showValue(type)}; supported: ${
        Object.keys(texts).join(", ")
      }`,
    );
  }
  reader.ignore(...images);
  for (const key of unread) {
    if ((given[key] ?? null) === null) continue;
    reader.problem(
      `text_config.${key} is ${
        showValue(given[key])
      }, which is not supported for ${modelType}: transformers follows it in the text model alone`,
    );
  }
  const own: Record<string, unknown> = {};
  for (const key of TEXT_KEYS) {
    const value = reader.raw(key);
    if (value !== undefined) own[key] = value;
  }
  // the outer model ties its head, whatever the text model says
  const tied = reader.flag("tie_word_embeddings", true);
  reader.done();
  const { vocab_size: _, ...json }: { [key: string]: Json } = JSON.parse(
    JSON.stringify(config),
  );
  return {
    text: { ...given, ...own, model_type: type, tie_word_embeddings: tied },
    json,
  };
}

/** A weight of the text model as transformers' modules call it. */
function moduleName(name: string): string {
  return name.replace(/^model\./, "model.language_model.");
}

/** What other layouts must know of the text model, with the names of the whole model's weights. */
function renamedExports(
  exports: NonNullable<ModelSpec["exports"]>,
): NonNullable<ModelSpec["exports"]> {
  const { gguf } = exports;
  if (!isObject(gguf) || !isObject(gguf.tensors)) return exports;
  const tensors = Object.fromEntries(
    Object.entries(gguf.tensors).map(([name, to]) => [moduleName(name), to]),
  );
  return { ...exports, gguf: { ...gguf, tensors } };
}

function isObject(
  value: Json | undefined,
): value is { readonly [key: string]: Json } {
  return isPlainObject(value);
}

/** As files call it. */
function fileName(name: string): string {
  return name.replace(/^model\.language_model\./, "language_model.model.")
    .replace(/^lm_head\./, "language_model.lm_head.");
}

/** A builder whose sites have the names of the whole model's modules. */
function renamed(builder: ModelBuilder): ModelBuilder {
  const named = <T extends { readonly name: string }>(site: T): T => ({
    ...site,
    name: moduleName(site.name),
  });
  return {
    ...builder,
    embedding: (index, site) => builder.embedding(index, named(site)),
    linear: (x, site, addend) => builder.linear(x, named(site), addend),
    norm: (x, site) => builder.norm(x, named(site)),
    parameter: (weight) => builder.parameter(named(weight)),
  };
}
