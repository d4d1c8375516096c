/**
 * Parts of a pipeline whose calls are kept with the row that is being built: a row that is built again, with one more
 * answer than before, calls none of them twice.
 * @module
 */
import { batchedCalls } from "../../config/isolated/part_members.ts";
import { type Check, CHECKED_PARTS } from "../../config/parts/checked_parts.ts";
import { guardPart } from "../../config/parts/guard_part.ts";
import { PART_SHAPES } from "../../config/parts/part_shapes.ts";
import type { Format } from "../../contracts/format.ts";
import type { Masker, Tokenized } from "../../contracts/masker.ts";
import type { KindMap } from "../../contracts/plugin.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { holdsOut } from "../content_hash.ts";
import { isRenderedAsGiven } from "../examples/tokenize_example.ts";
import type { RowPipeline } from "./row_pipeline.ts";
import { type RemoteMethod, remoteMethod, type RowCalls } from "./row_calls.ts";

/** Makes such parts. */
export class ReplayedParts {
  /** The calls of the row that is being built. */
  readonly #calls: () => RowCalls;

  constructor(calls: () => RowCalls) {
    this.#calls = calls;
  }

  /** The same pipeline, of parts whose calls are made once for a row. */
  of(pipeline: RowPipeline): RowPipeline {
    const { format, template, masker, tokenizer, options, side } = pipeline;
    const encode = tokenizer.encode.bind(tokenizer);
    const weights = remoteMethod(masker, "weights", { encode, next: null });
    const render = remoteMethod(template, "render", { encode, next: weights });
    // what the format gives is rendered as it is, and always
    const isRendered = isRenderedAsGiven(options) &&
      (side === "all" || !holdsOut(options));
    const parse = remoteMethod(format, "parse", {
      encode,
      next: isRendered ? render : null,
    });
    return {
      ...pipeline,
      format: this.#format(format, parse),
      template: this.#template(template, render),
      masker: this.#masker(masker, weights),
      tokenizer: this.#tokenizer(tokenizer),
    };
  }

  #format(format: Format, parse: RemoteMethod | null): Format {
    const { template } = format;
    const remote = this.#remote("format", format);
    return {
      template,
      recognises: (value) => format.recognises(value),
      parse: (record) =>
        parse === null
          ? this.#calls().own(() => format.parse(record))
          : remote(parse, [record]).parse(record),
    };
  }

  #template(template: Template, render: RemoteMethod | null): Template {
    const remote = this.#remote("template", template);
    const { stops, jinja, markers, addMissing } = template;
    return {
      stops,
      jinja,
      markers,
      addMissing,
      prompt: (request) => template.prompt(request),
      render: (example) =>
        render === null
          ? this.#calls().own(() => template.render(example))
          : remote(render, [example]).render(example),
    };
  }

  #masker(masker: Masker, weights: RemoteMethod | null): Masker {
    const remote = this.#remote("masker", masker);
    const { tokenWeights } = masker;
    if (weights === null) {
      return {
        weights: (tokenized) =>
          this.#calls().own(() => masker.weights(tokenized)),
        ...(tokenWeights === undefined ? {} : {
          tokenWeights: (tokenized: Tokenized, drawn: Float32Array) =>
            this.#calls().own(() =>
              tokenWeights.call(masker, tokenized, drawn)
            ),
        }),
      };
    }
    const of: RemoteMethod = { ...weights, method: "tokenWeights" };
    return {
      weights: (tokenized) => remote(weights, [tokenized]).weights(tokenized),
      ...(tokenWeights === undefined ? {} : {
        tokenWeights: (tokenized: Tokenized, drawn: Float32Array) =>
          remote(of, [tokenized, drawn]).tokenWeights?.(tokenized, drawn) ??
            drawn,
      }),
    };
  }

  /** Gives a part in another process whose next call gives the answer that has come, checked. */
  #remote<K extends "format" | "template" | "masker">(
    kind: K,
    part: KindMap[K],
  ): (method: RemoteMethod, args: readonly unknown[]) => KindMap[K] {
    const described = batchedCalls(part)?.described ?? "";
    let answer: () => unknown = () => undefined;
    const answering = Object.fromEntries(
      Object.keys(PART_SHAPES[kind]).map((name) => {
        const member: unknown = Reflect.get(part, name);
        return [name, typeof member === "function" ? () => answer() : member];
      }),
    ) as unknown as KindMap[K];
    const check: Check<K> = CHECKED_PARTS[kind];
    const guarded = guardPart(answering, PART_SHAPES[kind], { described });
    const checked = check(guarded, {
      described,
      isBuiltIn: false,
      isElsewhere: true,
    });
    return (method, args) => {
      answer = this.#calls().remote(method, args);
      return checked;
    };
  }

  #tokenizer(tokenizer: Tokenizer): Tokenizer {
    const encode: Tokenizer["encode"] = (text, options) =>
      this.#calls().own(() => tokenizer.encode(text, options));
    return new Proxy(tokenizer, {
      get: (target, key) => {
        if (key === "encode") return encode;
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
