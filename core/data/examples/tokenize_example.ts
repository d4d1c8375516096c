/**
 * An example as text, as tokens and as weights: rendered once, encoded once, masked by character
 * offset. The ids are those that inference would feed for the same text.
 * @module
 */
import type { Example, ParsedExample } from "../../contracts/format.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import { renderedFault } from "../../config/parts/faults/text_faults.ts";
import type { Rendered, Template } from "../../contracts/template.ts";
import type { Encoding, Tokenizer } from "../../contracts/tokenizer.ts";
import {
  DataError,
  isDenotuneError,
  PluginError,
} from "../../contracts/errors.ts";
import {
  changesWithin,
  tokenWeights,
  type WeightedSpans,
} from "./token_weights.ts";
import { fillAnswer } from "./fill_answer.ts";
import { joinTexts } from "./group_example.ts";
import type { WeightedText } from "./weighted_text.ts";
import { documentsOf, givenTokens } from "./token_example.ts";
import type { ExampleOptions } from "../types.ts";

/** What examples are made with. */
export interface ExamplePipeline {
  /** Text to ids. */
  readonly tokenizer: Tokenizer;
  /** Example to text. */
  readonly template: Template;
  /** Spans to weights. */
  readonly masker: Masker;
  /** Lengths and policies. */
  readonly options: ExampleOptions;
}

/** The text's character spans could not be verified: the example is skipped and counted, not fatal. */
export class UnverifiedSpans extends DataError {}

/** Renders, encodes and masks an example. Throws `DataError` for what cannot be written or verified. */
export function tokenizeExample(
  example: ParsedExample,
  pipeline: ExamplePipeline,
): WeightedText {
  const { tokenizer, template, masker, options } = pipeline;
  if ("sequences" in example) {
    return joinTexts(
      example,
      example.sequences.map((own) => tokenizeExample(own, pipeline)),
    );
  }
  if ("ids" in example) {
    const tokenized = givenTokens(example, tokenizer);
    const drawn = tokenWeights(
      tokenized.encoding,
      weightSpans(masker, tokenized),
      "mask",
    );
    const weights = finish(tokenized, drawn.weights, pipeline);
    const text = { ...tokenized, example, addedBos: false, straddled: 0 };
    const documents = documentsOf(example);
    if (documents === null) return { ...text, weights };
    // what a document trains is a matter of the document alone
    const own = documents.map((d) => tokenizeExample(d, pipeline).weights);
    let at = 0;
    for (const part of own) {
      weights.set(part, at);
      at += part.length;
    }
    return { ...text, weights };
  }
  const kept = isRenderedAsGiven(options) ? example : withoutSystem(example);
  const rendered = template.render(kept);
  const fault = renderedFault(rendered);
  // wrong spans would train the wrong tokens
  if (fault !== null) throw new PluginError(`The template gave ${fault}`);
  let encoding = encode(tokenizer, rendered.text, rendered.addBos);
  let tokenized: Tokenized = {
    text: rendered.text,
    spans: rendered.spans,
    encoding,
  };
  const spans = weightSpans(masker, tokenized);
  let drawn = tokenWeights(encoding, spans, options.boundary_token);
  const straddled = drawn.straddling.length;
  if (straddled > 0 && options.boundary_token === "split") {
    encoding = encodeInPieces(tokenizer, rendered, {
      encoding,
      spans,
      straddling: drawn.straddling,
    });
    tokenized = { ...tokenized, encoding };
    drawn = tokenWeights(encoding, spans, "split");
  }
  const addedBos = rendered.addBos && startsWithAddedBos(tokenizer, encoding);
  const weights = finish(tokenized, drawn.weights, pipeline);
  return fillAnswer(
    { ...tokenized, example: kept, weights, addedBos, straddled },
    pipeline,
  );
}

/** Whether a template is given what the format gave, and not some turns of it. */
export function isRenderedAsGiven(
  { include_system_prompt }: Pick<ExampleOptions, "include_system_prompt">,
): boolean {
  return include_system_prompt;
}

/** The example without its system turns. */
export function withoutSystem(example: Example): Example {
  if ("prompt" in example) {
    const { system: _, ...rest } = example;
    return rest;
  }
  if (!("messages" in example)) return example;
  return {
    ...example,
    messages: example.messages.filter((message) => message.role !== "system"),
  };
}

function encode(tokenizer: Tokenizer, text: string, addBos: boolean): Encoding {
  try {
    return tokenizer.encode(text, { addBos });
  } catch (cause) {
    if (isDenotuneError(cause) && cause.name === "DataError") {
      throw new UnverifiedSpans(cause.message, { cause });
    }
    throw cause;
  }
}

function startsWithAddedBos(
  tokenizer: Tokenizer,
  { ids, starts, ends }: Encoding,
): boolean {
  return ids.length > 0 && ids[0] === tokenizer.specialIds.bos &&
    starts[0] === ends[0];
}

function weightSpans(masker: Masker, tokenized: Tokenized): WeightedSpans {
  const { spans } = tokenized;
  const given = masker.weights(tokenized);
  if (given.length !== spans.length) {
    throw new PluginError(
      `The masker gave ${given.length} weights for ${spans.length} spans; it must give one a span`,
    );
  }
  return {
    spans,
    weights: checkWeights(given.map((weight, k) => weight * spans[k].weight)),
  };
}

function checkWeights(weights: Float32Array): Float32Array {
  const bad = weights.find((weight) => !(weight >= 0 && weight < Infinity));
  if (bad !== undefined) {
    throw new PluginError(
      `The masker gave the weight ${bad}; weights must be finite and not negative`,
    );
  }
  return weights;
}

/** Applies the masker's token weights, then gives weight 0 to BOS and to a first token without context. */
function finish(
  tokenized: Tokenized,
  drawn: Float32Array,
  { tokenizer, masker, options }: ExamplePipeline,
): Float32Array {
  const { ids } = tokenized.encoding;
  let weights = drawn;
  if (masker.tokenWeights !== undefined) {
    weights = checkWeights(masker.tokenWeights(tokenized, drawn));
    if (weights.length !== ids.length) {
      throw new PluginError(
        `The masker gave ${weights.length} token weights for ${ids.length} tokens`,
      );
    }
  }
  if (
    ids.length > 0 &&
    (!options.train_first_token || ids[0] === tokenizer.specialIds.bos)
  ) weights[0] = 0;
  return weights;
}

/** Encodes the pieces between the places where a straddling token must part. */
function encodeInPieces(
  tokenizer: Tokenizer,
  { text, addBos }: Rendered,
  { encoding, spans, straddling }: {
    encoding: Encoding;
    spans: WeightedSpans;
    straddling: readonly number[];
  },
): Encoding {
  const cuts = new Set(
    straddling.flatMap((t) =>
      changesWithin(spans, encoding.starts[t], encoding.ends[t])
    ),
  );
  const borders = [0, ...[...cuts].sort((a, b) => a - b), text.length];
  const ids: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  for (let k = 0; k + 1 < borders.length; k++) {
    const piece = encode(
      tokenizer,
      text.slice(borders[k], borders[k + 1]),
      k === 0 && addBos,
    );
    for (let t = 0; t < piece.ids.length; t++) {
      // a blank that the tokenizer puts before every text belongs to the first piece alone
      if (k > 0 && piece.starts[t] === piece.ends[t]) continue;
      ids.push(piece.ids[t]);
      starts.push(borders[k] + piece.starts[t]);
      ends.push(borders[k] + piece.ends[t]);
    }
  }
  return {
    ids: Int32Array.from(ids),
    starts: Int32Array.from(starts),
    ends: Int32Array.from(ends),
  };
}
