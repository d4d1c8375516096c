/**
 * From a run to what its engine is planned for: how large batches, contexts and caches get.
 * @module
 */
import { decodingOf } from "../../engine/generate/decoding.ts";
import type { Adapter, AttachedAdapter } from "../../contracts/adapter.ts";
import type { Objective } from "../../contracts/objective.ts";
import type { Optimizer } from "../../contracts/optimizer.ts";
import type { RunConfig } from "../../config/types.ts";
import type { PreparedDataset } from "../../data/prepared/prepared_dataset.ts";
import type { GenerationLimits } from "../../engine/generate/programs.ts";
import { ConfigError, PluginError } from "../../contracts/errors.ts";
import type { Template } from "../../contracts/template.ts";
import type { Tokenizer } from "../../contracts/tokenizer.ts";
import { tokenizeText } from "../../engine/score.ts";
import { tokensOf } from "../../engine/generate/ask.ts";
import type { OpenedEvaluator } from "../evaluation/evaluators.ts";
import { stateElements } from "../../engine/model/layer_states.ts";
import { inventoryOf } from "../../engine/model/build_model.ts";
import type { EngineRequest } from "../../engine/engine_request.ts";
import { FEWEST_SUMMED } from "../../engine/ranks/gradient_pieces.ts";
import type { Shard } from "../../engine/ranks/shard.ts";
import { frozenWeights } from "../../engine/trainables.ts";
import { dropoutOf } from "./model_dropout.ts";
import type { OpenedData } from "./open_data.ts";
import type { OpenedModel } from "./opened_model.ts";

/** Bytes that the key/value cache of evaluation and samples may take. */
const CACHE_BYTES = 256 * 2 ** 20;
const MOST_ROWS = 64;
const PREFILL = 256;

/** The engine request of a run. */
export function planRequest(of: {
  readonly config: RunConfig;
  readonly model: OpenedModel;
  readonly data: OpenedData;
  readonly objective: Objective;
  /** The objective's part and plugin, for messages. */
  readonly describedObjective: string;
  readonly optimizer: Optimizer;
  readonly adapter: Adapter | null;
  readonly tokenizer: Tokenizer;
  readonly evaluators: readonly OpenedEvaluator[];
  /** How many processes train together. */
  readonly world: number;
  /** This process's share of the optimizer; null: all of it. */
  readonly shard: Shard | null;
}): EngineRequest {
  const { config, model, data } = of;
  const { spec } = model;
  const { attention } = of.objective;
  if (spec.attention !== undefined && attention !== spec.attention) {
    throw new ConfigError(
      `The tokens of ${model.name} see later ones (model_type ${spec.modelType}), and the ${of.describedObjective} trains ${attention} attention; choose an objective that sees both sides, as masked-diffusion`,
    );
  }
  if (spec.attention !== undefined && of.objective.startsCausal === true) {
    throw new ConfigError(
      `The tokens of ${model.name} see later ones from the start (model_type ${spec.modelType}): the ${of.describedObjective} cannot begin with causal attention; leave objective.anneal_steps out`,
    );
  }
  const B = config.training.batch_size;
  const { sites, weights } = inventoryOf(spec, config.data.max_length);
  const grown = [...model.fresh?.tables ?? []];
  const adapter = of.adapter?.attach({ spec, sites, weights, grown }) ?? null;
  const frozen = frozenWeights(config.model.freeze, weights);
  if (adapter !== null && !adapter.savesModel) {
    checkGrown(adapter, grown, frozen);
  }
  const { head } = of.objective;
  if (
    head !== undefined && adapter !== null && !adapter.savesModel &&
    !adapter.trainsBase(head.name)
  ) {
    throw new ConfigError(
      `The adapter does not train ${head.name}, the head of the ${of.describedObjective}, which starts from random numbers; add it to adapter.modules_to_save, or train all weights`,
    );
  }
  if (head !== undefined && of.objective.loss?.second !== undefined) {
    throw new PluginError(
      `The loss of the ${of.describedObjective} reads logits of the base, which has no ${head.name}: take statistics of the vocabulary's logits (no \`head\`), or none of a second row`,
    );
  }
  checkAsking(of);
  const { ask } = of.objective;
  // what is made of answers may be as long as a row may be
  const most = ask === undefined ? 0 : config.data.max_length;
  const T = Math.max(data.feed.widest, most);
  const evaluationT = data.evaluation === null
    ? 0
    : Math.max(data.evaluation.widest, most);
  const asks = ask !== undefined ||
    of.evaluators.some(({ asked }) => (asked.questions ?? []).length > 0);
  const generates = asks || config.samples.prompts.length > 0;
  const decoding = decodingOf(of.objective);
  if (generates && decoding === null) {
    throw new ConfigError(
      `\`samples.prompts\` cannot be answered: the ${of.describedObjective} trains a model that sees later tokens too, and says no way to write with it; remove samples.prompts`,
    );
  }
  return {
    spec,
    adapter,
    frozen,
    frozenDtype: STORAGE[config.model.dtype],
    quantization: config.model.quantization,
    quantizationPattern: config.model.quantization_pattern,
    precision: config.training.precision,
    causal: of.objective.attention === "causal",
    startsCausal: of.objective.startsCausal,
    loss: of.objective.loss ?? null,
    objective: of.describedObjective,
    decoding,
    train: {
      B,
      T,
      optimizer: of.optimizer,
      maxGradNorm: config.training.max_grad_norm,
      checkpointing: config.training.gradient_checkpointing,
      dropout: dropoutOf(config.model.dropout, model),
      shard: of.shard,
      fewestSummed: of.world > 1 ? FEWEST_SUMMED : null,
    },
    evaluate: data.evaluation === null ? null : { B, T: evaluationT },
    generate: generates
      ? generationLimits(spec, {
        capacity: Math.max(
          Math.max(T, evaluationT, 64) + config.generation.max_new_tokens,
          longestQuestion({ ...of, template: data.template }),
        ),
        rows: asks ? MOST_ROWS : Math.max(1, config.samples.prompts.length),
      })
      : null,
    score: ask?.scores === true
      ? Math.max(most, longestText({ ...of, template: data.template }) ?? 0)
      : longestText({ ...of, template: data.template }),
    sources: Math.max(
      data.feed.sourceNames.length,
      data.evaluation?.sourceNames.length ?? 0,
    ),
  };
}

/** Throws for an objective that asks what its model cannot answer, or what several processes would answer apart. */
function checkAsking(
  { objective, describedObjective, world }: {
    readonly objective: Objective;
    readonly describedObjective: string;
    readonly world: number;
  },
): void {
  if (objective.ask === undefined) return;
  if (decodingOf(objective) === null) {
    throw new PluginError(
      `The ${describedObjective} asks for answers before each step, and a model trained with it writes none: it needs causal attention or a \`decoding\` of its own, and no \`head\``,
    );
  }
  if (objective.ask.scores === true && objective.attention !== "causal") {
    throw new PluginError(
      `The ${describedObjective} asks for texts to be scored token by token, which a model that sees later tokens cannot do: remove \`ask.scores\``,
    );
  }
  if (world > 1) {
    throw new ConfigError(
      `The ${describedObjective} asks before each step, which ${world} processes would answer each on its own; set parallel to single`,
    );
  }
}

/** What evaluators ask, and of which model. */
export interface AskedOf {
  readonly evaluators: readonly Pick<OpenedEvaluator, "name" | "asked">[];
  readonly tokenizer: Tokenizer;
  readonly template: Template;
  readonly model: OpenedModel;
}

/**
 * Tokens of the longest question of the evaluators, its answer included. Throws `ConfigError` for a prompt that
 * leaves no room in the model's context.
 */
export function longestQuestion(
  { evaluators, tokenizer, template, model }: AskedOf,
): number {
  const { maxPositions, positionsAreBounded } = model.spec;
  const most = positionsAreBounded ? maxPositions ?? Infinity : Infinity;
  let longest = 0;
  for (const { name, asked } of evaluators) {
    for (const [i, question] of (asked.questions ?? []).entries()) {
      const { prompt, total } = tokensOf(question, { tokenizer, template });
      if (prompt === 0) {
        throw new ConfigError(
          `Question ${i} of the evaluator ${name} is empty`,
        );
      }
      if (prompt >= most) {
        throw new ConfigError(
          `Question ${i} of the evaluator ${name} has ${prompt} tokens; ${model.name} has ${most} positions, the answer included`,
        );
      }
      longest = Math.max(longest, total);
    }
  }
  return longest;
}

/** Tokens of the longest text that evaluators score; null: they score none. Throws `ConfigError` as above. */
export function longestText(
  { evaluators, tokenizer, template, model }: AskedOf,
): number | null {
  const { maxPositions, positionsAreBounded } = model.spec;
  let longest: number | null = null;
  for (const { name, asked } of evaluators) {
    for (const [i, text] of (asked.texts ?? []).entries()) {
      const { ids } = tokenizeText(text, { tokenizer, template });
      if (positionsAreBounded && ids.length > (maxPositions ?? Infinity)) {
        throw new ConfigError(
          `Text ${i} of the evaluator ${name} has ${ids.length} tokens; ${model.name} has ${maxPositions} positions`,
        );
      }
      longest = Math.max(longest ?? 0, ids.length);
    }
  }
  return longest;
}

/** An adapter that leaves new rows untrained would save tokens that mean nothing. */
function checkGrown(
  adapter: AttachedAdapter,
  grown: readonly string[],
  frozen: ReadonlySet<string>,
): void {
  for (const name of grown) {
    if (frozen.has(name)) {
      throw new ConfigError(
        `model.freeze keeps ${name} as it is, but it has rows for added tokens, which the adapter must train and save; leave it out`,
      );
    }
    if (!adapter.trainsBase(name)) {
      throw new ConfigError(
        `The adapter does not train ${name}, which has rows for added tokens; use lora or dora, or train all weights`,
      );
    }
  }
}

/** What the names of storage in a run file mean on the device. */
export const STORAGE = {
  float32: "f32",
  bfloat16: "bf16",
  float16: "f16",
} as const;

/** Rows and context of generation: as many rows as the cache's budget holds. */
export function generationLimits(
  spec: OpenedModel["spec"],
  wanted: { capacity: number; rows: number },
): GenerationLimits {
  const capacity = spec.positionsAreBounded && spec.maxPositions !== null
    ? Math.min(wanted.capacity, spec.maxPositions)
    : wanted.capacity;
  const perRow = 4 * inventoryOf(spec, capacity).states.reduce(
    (sum, state) => sum + stateElements(state, capacity),
    0,
  );
  const rows = Math.max(
    1,
    Math.min(MOST_ROWS, wanted.rows, Math.floor(CACHE_BYTES / perRow)),
  );
  return { rows, capacity, prefill: Math.min(PREFILL, capacity) };
}

/** Batches of a prepared set, in order: for evaluation. */
export function* allBatches(set: PreparedDataset) {
  for (let step = 0; step < set.stepsInEpoch(0); step++) {
    yield* set.batches(0, step);
  }
}
