/**
 * One part by itself, for programs that want a format, a template, a masker or a collator without a run.
 * @module
 */
import {
  createPart as create,
  creatingWith,
} from "../../config/parts/create_part.ts";
import {
  openRegistry,
  type RegistryOptions,
} from "../../config/parts/open_registry.ts";
import type { BuiltIn } from "../../contracts/built_in.ts";
import type { WeightedExample } from "../../contracts/collator.ts";
import { DataError } from "../../contracts/errors.ts";
import type { ParsedExample } from "../../contracts/format.ts";
import type { Masker } from "../../contracts/masker.ts";
import type { Choice, Kind, KindMap } from "../../contracts/plugin.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { buildExamples } from "../../data/examples/build_examples.ts";
import { DATA_DEFAULTS, type Truncation } from "../../data/types.ts";

/** What a part is made beside. */
export interface CreatePartOptions extends RegistryOptions {
  /** For templates and maskers, which ask for its special tokens. */
  readonly tokenizer?: Tokenizer;
  /** Folder of a model: where the tokenizer `huggingface` finds its files. */
  readonly model?: string;
  /** Key of everything random (default 0). */
  readonly seed?: number;
}

/** `createPart` of the library. */
export async function createPart<K extends Kind>(
  builtIn: BuiltIn,
  kind: K,
  choice: Choice,
  options: CreatePartOptions = {},
): Promise<KindMap[K]> {
  const registry = await openRegistry(builtIn, options);
  return await create(
    kind,
    choice,
    creatingWith(registry, {
      modelDir: options.model,
      tokenizer: options.tokenizer,
      seed: options.seed,
    }),
  );
}

/** How an example becomes tokens. */
export interface EncodeOptions {
  /** Text to ids. */
  readonly tokenizer: Tokenizer;
  /** How its turns are written. */
  readonly template: Template;
  /** Which tokens are trained. */
  readonly masker: Masker;
  /** Tokens it may have (default 1024). */
  readonly maxLength?: number;
  /** What happens where it has more (default `drop-oldest-turns`). */
  readonly truncation?: Truncation;
}

/**
 * The tokens of an example and the weight of each as a target, ready for a collator: several under `split`, none
 * where it is dropped. Throws `DataError` for text whose tokens cannot be traced.
 */
export function encodeExample(
  example: ParsedExample,
  { maxLength, truncation, ...parts }: EncodeOptions,
): WeightedExample[] {
  const options = {
    ...DATA_DEFAULTS,
    max_length: maxLength ?? DATA_DEFAULTS.max_length,
    truncation: truncation ?? DATA_DEFAULTS.truncation,
  };
  const where = { path: "example", index: 0 };
  const built = buildExamples(
    example,
    { value: example, where },
    { ...parts, options },
  );
  if (built.refused !== null) throw new DataError(built.refused);
  return built.pieces.map(({ ids, weights }, row) => ({
    ids,
    weights,
    source: 0,
    row,
  }));
}
