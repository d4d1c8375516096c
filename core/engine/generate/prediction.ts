/**
 * The program of decoders of their own: `predict` runs the model over whole rows and chooses a token at each place
 * that is asked for, with the decoder's statistics of its logits.
 *
 * ```text
 * tokens (B, T) ─► model ─► places (R) ─► logits (R, V) ─► sample ─► ids (R)
 *                                             └─► statistics (R), the chosen id as target
 * ```
 *
 * With guidance each row is followed by itself without its prompt, and the logits are made of both.
 * @module
 */
import type { Decoder } from "../../contracts/decoder.ts";
import type { ModelSpec } from "../../contracts/model.ts";
import { dim } from "../../graph/dims.ts";
import { statisticStages } from "../../graph/loss/row_statistic.ts";
import type { Memory } from "../../graph/memory.ts";
import { selectRows } from "../../graph/ops/embedding.ts";
import { elementwise } from "../../graph/ops/elementwise.ts";
import { projectLogits } from "../../graph/ops/head.ts";
import { rows } from "../../graph/ops/rows.ts";
import { sample } from "../../graph/ops/sampling.ts";
import { wordsOfBits } from "../../graph/kernels/sample.ts";
import { type PlannedProgram, planProgram } from "../../graph/planner.ts";
import { buildModel, type BuildOptions } from "../model/build_model.ts";
import { programInput } from "../inputs/program_inputs.ts";
import type { GenerationLimits } from "./programs.ts";

/** The variable of tokens that were seen, which the kernel `sample` reads; nothing is marked in it. */
const SEEN = "predict.seen";

/** Elements of the logits that exist at a time: 64 MB. */
const LOGIT_ELEMENTS = 16 * 1024 * 1024;

/** Tokens of all rows that are run at a time, where one row is not longer. */
const BATCH_TOKENS = 4096;

/** Rows, and places in them, that are run at a time. */
export interface PredictionLimits {
  readonly rows: number;
  readonly places: number;
}

/** How much `predict` takes at a time. With guidance each row is run twice. */
export function predictionLimits(
  { rows, capacity }: GenerationLimits,
  { vocabSize, guided }: { vocabSize: number; guided: boolean },
): PredictionLimits {
  const perRow = guided ? 2 * capacity : capacity;
  const together = Math.max(
    1,
    Math.min(rows, Math.floor(BATCH_TOKENS / perRow)),
  );
  const places = Math.max(1, Math.floor(LOGIT_ELEMENTS / vocabSize));
  return { rows: together, places: Math.min(places, together * capacity) };
}

/** Places what `predict` keeps. */
export function placePrediction(memory: Memory, spec: ModelSpec): void {
  memory.variable(SEEN, [1, wordsOfBits(spec.vocabSize)], {
    role: "cache",
    dtype: "i32",
  });
}

/** Plans `predict`. */
export function planPrediction(
  spec: ModelSpec,
  build: BuildOptions,
  { memory, limits, decoder }: {
    readonly memory: Memory;
    readonly limits: GenerationLimits;
    readonly decoder: Decoder;
  },
): PlannedProgram {
  const { graph, hidden, head } = buildModel(spec, build);
  const { vocabSize } = spec;
  const R = dim("R");
  const logitsAt = (rows: "rows" | "unguided_rows") =>
    graph.scope(
      "head",
      () =>
        projectLogits(
          graph,
          selectRows(graph, hidden, programInput(graph, rows)),
          head,
        ),
    );
  const { guidance } = decoder;
  const logits = guidance === undefined ? logitsAt("rows") : elementwise(
    graph,
    [logitsAt("rows"), logitsAt("unguided_rows")],
    (own, other) => other.add(own.sub(other).mul(1 + guidance)),
  );
  const ids = sample(graph, {
    logits,
    options: programInput(graph, "place_sampling"),
    keys: programInput(graph, "place_keys"),
    places: programInput(graph, "place_numbers"),
    index: programInput(graph, "place_slots"),
    seen: graph.variable(SEEN, [1, wordsOfBits(vocabSize)], "i32"),
  });
  graph.output("ids", ids);
  const names = Object.keys(decoder.statistics);
  if (names.length > 0) {
    const measured = rows(graph, [logits, ids], {
      rows: R,
      columns: vocabSize,
    }, {
      inputs: ["matrix", "column"],
      stages: statisticStages({
        statistics: decoder.statistics,
        columns: vocabSize,
        logits: null, // the projection has had the model's function
      }),
      outputs: names.map(() => "column" as const),
    });
    names.forEach((name, k) => graph.output(name, measured[k]));
  }
  const guided = guidance !== undefined;
  const { rows: together, places } = predictionLimits(limits, {
    vocabSize,
    guided,
  });
  const B = guided ? 2 * together : together;
  return planProgram(graph, {
    name: "predict",
    memory,
    capacities: { B, T: limits.capacity, R: places },
  });
}
