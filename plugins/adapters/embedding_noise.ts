/**
 * NEFTune (arXiv:2310.05914): uniform noise on the embedded tokens, in training only.
 *
 * ```text
 * x := x + alpha / sqrt(L d) * u        u uniform in [-1, 1), L tokens of the example, d columns
 * ```
 *
 * L counts the example's own tokens: neither padding nor packing changes its noise. The numbers are keyed by
 * (seed, step, row, place, column), so that recomputation, accumulation and resuming draw the same ones.
 * @module
 */
import {
  type Adapter,
  addTo,
  type AttachedAdapter,
  type EmbeddingContext,
  input,
  random,
  rows,
  type Site,
  spaceOf,
  type Tensor,
  write,
} from "@denotune/denotune/core";

/** Noise beside another adapter, or with all weights trained (`of`: null). */
export function withNoise(of: Adapter | null, alpha: number): Adapter {
  return {
    untiesHead: (model) => of?.untiesHead?.(model) === true,
    attach(model) {
      const table = tokenTable(model.sites);
      const inner = of?.attach(model) ?? null;
      const embedding = (context: EmbeddingContext): Tensor | null => {
        const before = inner?.embedding?.(context) ?? null;
        if (!context.training || alpha === 0 || context.site.name !== table) {
          return before;
        }
        return noisy({ ...context, output: before ?? context.output }, alpha);
      };
      return inner === null ? allWeights(embedding) : beside(inner, embedding);
    },
  };
}

/** The table of tokens: the first that a model reads from. */
function tokenTable(sites: readonly Site[]): string | null {
  const site = sites.find((s) => s.kind === "embedding");
  return site?.kind === "embedding" ? site.site.name : null;
}

function noisy(
  { graph, output, rowKeys, lengths, stream, site }: EmbeddingContext,
  alpha: number,
): Tensor {
  const size = input(2).mul(site.columns).rsqrt().mul(alpha);
  const noise = random(1, stream).mul(2).sub(1).mul(size);
  return rows(graph, [output, rowKeys, lengths], spaceOf(output), {
    inputs: ["matrix", "column", "column"],
    stages: [write(0, input(0).add(noise))],
    outputs: ["matrix"],
  }, ({ dOutputs: [dOut], add }) => {
    if (dOut !== undefined) {
      add(0, (addend) => addTo(graph, addend, dOut));
    }
  })[0];
}

function allWeights(
  embedding: (context: EmbeddingContext) => Tensor | null,
): AttachedAdapter {
  return {
    parameters: [],
    savesModel: true,
    trainsBase: () => true,
    linear: () => null,
    embedding,
    merged: () => null,
    config: () => {
      throw new RangeError("A model is saved here, and no adapter");
    },
    savedName: (weight) => weight,
  };
}

function beside(
  inner: AttachedAdapter,
  embedding: (context: EmbeddingContext) => Tensor | null,
): AttachedAdapter {
  return {
    parameters: inner.parameters,
    constants: inner.constants,
    savesModel: inner.savesModel,
    initialise: (read) => inner.initialise?.(read) ?? new Map(),
    trainsBase: (name) => inner.trainsBase(name),
    learningRateFactor: (tensor) => inner.learningRateFactor?.(tensor) ?? 1,
    linear: (context) => inner.linear(context),
    switches: inner.switches,
    embedding,
    merged: (weight, read) => inner.merged(weight, read),
    config: (base) => inner.config(base),
    savedName: (weight) => inner.savedName(weight),
    savedCopies: (weight) => inner.savedCopies?.(weight) ?? [],
    ignores: (name) => inner.ignores?.(name) === true,
  };
}
