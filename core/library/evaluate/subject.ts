/**
 * A saved model with the rows of a run and what its evaluators ask: all that is known without a device.
 * @module
 */
import { chosenAt } from "../../config/chosen_at.ts";
import { createResolved } from "../../config/parts/create_part.ts";
import type { LoadedRun } from "../../config/load.ts";
import type { Asked, EvaluationRow } from "../../contracts/evaluator.ts";
import { isDenotuneError } from "../../contracts/errors.ts";
import type { PromptRequest, Template } from "../../contracts/template.ts";
import { isOnSide } from "../../data/content_hash.ts";
import { parseRecord } from "../../data/examples/build_examples.ts";
import { firstSequence } from "../../data/examples/group_example.ts";
import { cacheFolder } from "../../io/cache_folder.ts";
import {
  type OpenedEvaluator,
  openEvaluators,
} from "../../run/evaluation/evaluators.ts";
import { evaluationRow, requestLike } from "../../run/evaluation/rows.ts";
import { wordingOf } from "../../run/evaluation/wording.ts";
import { type OpenedSource, openSources } from "../../run/open/open_sources.ts";
import { type OpenedSaved, openSaved } from "../open_saved.ts";
import type { SavedFolder } from "../saved_folder.ts";
import { templatesOf } from "../templates.ts";

/** A saved model and what it is asked. Dispose of it to close its files. */
export interface Subject extends OpenedSaved {
  readonly rows: readonly EvaluationRow[];
  /** How its prompts are written. */
  readonly template: Template;
  readonly evaluators: readonly OpenedEvaluator[];
  /** What they ask. */
  readonly asked: readonly Asked[];
}

/** How a subject is opened. */
export interface SubjectOptions {
  /** Folder that paths start from; absent: the working directory. */
  readonly cwd?: string;
  /** Seed of drawn answers; absent: the run's. */
  readonly seed?: number;
  /** Aborts it. */
  readonly signal?: AbortSignal;
  /** Receives messages for the user. */
  readonly onNotice?: (message: string) => void;
}

/** Opens a saved model, the rows that a run evaluates on, and its evaluators. Throws our errors. */
export async function openSubject(
  run: LoadedRun,
  folder: SavedFolder,
  { cwd = Deno.cwd(), seed, signal, onNotice }: SubjectOptions,
): Promise<Subject> {
  using held = new DisposableStack();
  const opened = held.use(
    await openSaved(folder, {
      registry: run.registry,
      base: cwd,
      seed: seed ?? run.config.seed,
      notice: (message) => onNotice?.(message),
    }),
  );
  const { tokenizer, creating, decoding } = opened;
  const { held: sources } = await openSources(run, {
    tokenizer,
    creating,
    cacheDir: cacheFolder(),
    signal,
  }, { streaming: false, heldOnly: true });
  try {
    const { template, request } = await templateOf(run, sources, opened);
    const rows = sources.flatMap((source) => rowsOf(source, run));
    const evaluators = await openEvaluators(run, creating, {
      rows,
      wording: wordingOf(template, request),
      decoding: decoding.decoding,
      causal: decoding.causal,
    });
    const owned = held.move();
    return {
      ...opened,
      rows,
      template,
      evaluators,
      asked: evaluators.map(({ asked }) => asked),
      [Symbol.dispose]: () => owned.dispose(),
    };
  } finally {
    for (const { store } of sources) store[Symbol.dispose]();
  }
}

/** The template of the first source; without rows that of the run, else the model's own. */
async function templateOf(
  run: LoadedRun,
  sources: readonly OpenedSource[],
  { tokenizer, model, creating }: OpenedSaved,
): Promise<{
  readonly template: Template;
  readonly request: (prompt: string) => PromptRequest;
}> {
  const [first] = sources;
  if (first !== undefined) {
    const shape = firstSequence(first.format.parse(first.store.at(0)));
    return {
      template: first.template,
      request: (prompt) => requestLike(shape, prompt),
    };
  }
  const asTurn = (content: string): PromptRequest => ({
    messages: [{ role: "user", content }],
  });
  const chosen = chosenAt(run, "template", "data.template");
  if (chosen !== null) {
    return {
      template: await createResolved(chosen, creating),
      request: asTurn,
    };
  }
  const { chat, raw } = await templatesOf(tokenizer, model, creating);
  return chat === null
    ? { template: raw, request: (prompt) => ({ prompt }) }
    : { template: chat, request: asTurn };
}

/** The rows of a source that have an answer to compare with. */
function rowsOf(
  { store, format, side = "all", max_rows = null }: OpenedSource,
  { config: { data, seed } }: LoadedRun,
): EvaluationRow[] {
  const rows: EvaluationRow[] = [];
  for (let i = 0; i < Math.min(store.length, max_rows ?? Infinity); i++) {
    try {
      const example = parseRecord(store.at(i), format);
      if (!isOnSide(example, side, { ...data, seed })) continue;
      const row = evaluationRow(example);
      if (row !== null) rows.push(row);
    } catch (error) {
      if (data.on_bad_row !== "skip" || !isDenotuneError(error)) throw error;
    }
  }
  return rows;
}
