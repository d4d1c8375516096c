/**
 * What a model makes of texts that are given: the log-probability of each token after those before it, and the entropy
 * of the choice it was one of. One program, one text at a time; the logits are never kept.
 * @module
 */
import type { ScoredText, TextScore } from "../contracts/evaluator.ts";
import type { ModelSpec } from "../contracts/model.ts";
import { ConfigError } from "../contracts/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { entropy, logProbability } from "../graph/loss/row_statistic.ts";
import { selectRows } from "../graph/ops/embedding.ts";
import { rowStatistics } from "../graph/ops/row_statistics.ts";
import { buildModel, type BuildOptions } from "./model/build_model.ts";
import { type Answering, writtenPrompt } from "./generate/answer.ts";
import { programInput } from "./inputs/program_inputs.ts";
import type { Session } from "./session.ts";

/** The program `score`. R rows: those before each token that is scored. */
export function scoreProgram(spec: ModelSpec, options: BuildOptions): Graph {
  const { graph, hidden, head } = buildModel(spec, options);
  const { values } = graph.scope("score", () =>
    rowStatistics(graph, {
      hidden: selectRows(graph, hidden, programInput(graph, "rows")),
      ...head,
      targets: programInput(graph, "targets"),
      statistics: { logProbability, entropy },
    }));
  graph.output("logProbability", values.logProbability);
  graph.output("entropy", values.entropy);
  return graph;
}

/** A text as tokens; those from `from` on are scored. */
export interface TokenizedText {
  readonly ids: Int32Array; // (T)
  readonly from: number;
}

/**
 * The tokens of a text behind what it follows, encoded as one. A token over the border belongs to the text; the first
 * token of all follows nothing, and is not scored. Throws `ConfigError` where no token is left.
 */
export function tokenizeText(
  { after, text }: ScoredText,
  writing: Omit<Answering, "generator">,
): TokenizedText {
  if (after !== undefined && "ids" in after) {
    const { ids } = writing.tokenizer.encode(text, { addBos: false });
    return scored([...after.ids, ...ids], Math.max(1, after.ids.length), text);
  }
  const { text: before, addBos } = after === undefined
    ? { text: "", addBos: writing.tokenizer.addsBos }
    : writtenPrompt(after, writing);
  const { ids, ends } = writing.tokenizer.encode(before + text, { addBos });
  // without anything before it all of the text counts, the space too that some tokenizers put in front of its first word
  const first = after === undefined
    ? 1
    : ends.findIndex((end) => end > before.length);
  return scored(ids, Math.max(1, first < 0 ? ids.length : first), text);
}

function scored(
  ids: ArrayLike<number>,
  from: number,
  text: string,
): TokenizedText {
  if (from >= ids.length) {
    throw new ConfigError(
      `${
        JSON.stringify(text.slice(0, 40))
      } has no token to score: nothing comes before its only one`,
    );
  }
  return { ids: Int32Array.from(ids), from };
}

/** Scores texts on a session that holds the program `score`, in order. */
export async function scoreTexts(
  texts: readonly TokenizedText[],
  session: Session,
  signal?: AbortSignal,
): Promise<TextScore[]> {
  const scores: TextScore[] = [];
  for (const { ids, from } of texts) {
    signal?.throwIfAborted();
    const T = ids.length;
    const rows = Int32Array.from({ length: T - from }, (_, i) => from - 1 + i);
    const extents = {
      B: 1,
      T,
      R: rows.length,
      "tokens.unique": 0,
      "tokens.unique+1": 1,
      "positions.unique": 0,
      "positions.unique+1": 1,
    };
    session.run("score", extents, {
      tokens: ids,
      positions: Int32Array.from(ids.keys()),
      segments: new Int32Array(T).fill(1),
      row_keys: new Int32Array(T),
      rows,
      targets: ids.slice(from),
    });
    const read = async (name: string) =>
      Float32Array.from(await session.output("score", name, extents));
    scores.push({
      ids: [...ids],
      from,
      logProbabilities: await read("logProbability"),
      entropies: await read("entropy"),
    });
  }
  return scores;
}
