/**
 * `evaluate`: evaluators on saved models, without training. Everything is checked and every question known before
 * a device wakes; the models then answer one after the other.
 *
 * ```text
 * folders ─► openSaved, rows, asks ─►│ device │─► base: answers ─► each model: answers, score ─► results by model
 * ```
 * @module
 */
import { type LoadedRun, loadRun } from "../../config/load.ts";
import type { WithTrust } from "../../config/trust/trust_option.ts";
import { openRegistry } from "../../config/parts/open_registry.ts";
import type { RunInput } from "../../config/types.ts";
import type { BuiltIn } from "../../contracts/built_in.ts";
import type { Device } from "../../contracts/backend.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type { Asked } from "../../contracts/evaluator.ts";
import type { Choice } from "../../contracts/plugin.ts";
import { scoreTexts } from "../../engine/score.ts";
import {
  type Evaluated,
  Evaluations,
} from "../../run/evaluation/evaluations.ts";
import type { Answerer, Said } from "../../run/ask/said.ts";
import { openChosen } from "../../run/open/choose_backend.ts";
import {
  generationLimits,
  longestQuestion,
  longestText,
} from "../../run/open/plan_request.ts";
import { bindAdapter, type BoundAdapter } from "../adapters.ts";
import type { LoadModelOptions } from "../load_options.ts";
import { storageOf } from "../open_saved.ts";
import { findSaved, type SavedFolder } from "../saved_folder.ts";
import { openSubject, type Subject } from "./subject.ts";
import { Switching } from "../switching.ts";

/** How saved models are evaluated. */
export interface EvaluateOptions
  extends
    Pick<LoadModelOptions, "dtype" | "quantization" | "onNotice">,
    WithTrust {
  /** A backend by name, or with options; absent: the fastest that is there. */
  readonly backend?: Choice;
  /**
   * What the models are compared with, and what evaluators get for `of: "base"`: a folder, a Hub id, or `base`, the
   * model as it was before training. Null or absent: nothing; evaluators still reach the base where it is known.
   */
  readonly compare?: string | null;
  /** Seed of drawn answers; absent: the run's. */
  readonly seed?: number;
  /** Folder that paths start from; absent: the working directory. */
  readonly cwd?: string;
  /** Aborts it. */
  readonly signal?: AbortSignal;
  /** Receives how many models have answered. */
  readonly onProgress?: (
    done: { task: string; done: number; of: number },
  ) => void;
}

/** What was found of one model. */
export interface EvaluatedModel {
  /** As it was named. */
  readonly name: string;
  /** Its folder. */
  readonly path: string;
  /** `model_type` of its config. */
  readonly modelType: string;
  /** Whether the others are compared with it. */
  readonly isBase: boolean;
  /** Rows that evaluators were asked about. */
  readonly rows: number;
  /** What each evaluator gave, in their order. */
  readonly results: readonly Evaluated[];
}

/** A model of a comparison. */
interface Compared {
  readonly name: string;
  readonly subject: Subject;
  readonly isBase: boolean;
}

/** `evaluate` of the library. */
export async function evaluate(
  builtIn: BuiltIn,
  run: RunInput | string,
  folders: readonly string[],
  options: EvaluateOptions = {},
): Promise<EvaluatedModel[]> {
  const loaded = await loadRun({
    ...(typeof run === "string" ? { file: run } : { object: run }),
    registry: await openRegistry(builtIn, { trust: options.trust }),
  });
  return await evaluateRun(loaded, folders, options);
}

/** The same, by a loaded run: the evaluators, rows and template are its own. */
export async function evaluateRun(
  run: LoadedRun,
  folders: readonly string[],
  options: EvaluateOptions = {},
): Promise<EvaluatedModel[]> {
  const { signal, onProgress } = options;
  await using held = new AsyncDisposableStack();
  const compared: Compared[] = [];
  const add = async (name: string, saved: SavedFolder, isBase: boolean) => {
    const subject = held.use(await openSubject(run, saved, options));
    compared.push({ name, subject, isBase });
  };
  const tuned = await Promise.all(
    folders.map(async (name) => ({ name, saved: await found(name, options) })),
  );
  if (options.compare != null) {
    await add(...await baseNamed(options.compare, { run, tuned, options }));
  }
  for (const { name, saved } of tuned) await add(name, saved, false);
  const { device } = await openChosen(
    options.backend ?? "auto",
    compared[0].subject.creating,
  );
  held.use(device);
  const context = { run, device, options };
  const models: EvaluatedModel[] = [];
  let said: Said | undefined;
  for (const [i, { name, subject, isBase }] of compared.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ task: `evaluating ${name}`, done: i, of: compared.length });
    await using open = await openAnswering(subject, context, {
      also: isBase ? compared.map((c) => asBase(c.subject.asked)) : [],
    });
    const evaluations = new Evaluations({
      ...open.answerer,
      evaluators: subject.evaluators,
      rows: subject.rows,
      base: isBase ? "itself" : said === undefined ? open.base : null,
      said,
      also: isBase ? compared.map((c) => asBase(c.subject.asked)) : [],
    });
    const results = await evaluations.run();
    if (isBase) said = evaluations.said;
    models.push({
      name,
      path: subject.saved.path,
      modelType: subject.model.spec.modelType,
      isBase,
      rows: subject.rows.length,
      results,
    });
  }
  return models;
}

/** What is asked of the base only. */
function asBase(asked: readonly Asked[]): Asked {
  return {
    questions: asked.flatMap(({ questions = [] }) => questions)
      .filter(({ of }) => of === "base"),
    texts: asked.flatMap(({ texts = [] }) => texts)
      .filter(({ of }) => of === "base"),
  };
}

async function found(
  folder: string,
  { cwd, onNotice }: EvaluateOptions,
): Promise<SavedFolder> {
  const saved = await findSaved(folder, cwd);
  if (saved.notice !== null) onNotice?.(saved.notice);
  return saved;
}

/** The model that others are compared with: its name, where it is, and that it is the base. */
async function baseNamed(
  compare: string,
  { run, tuned, options }: {
    readonly run: LoadedRun;
    readonly tuned: readonly { readonly saved: SavedFolder }[];
    readonly options: EvaluateOptions;
  },
): Promise<[string, SavedFolder, true]> {
  if (compare !== "base") return [compare, await found(compare, options), true];
  const bases = await Promise.all(
    tuned.map(({ saved }) => baseOf(saved, { run, options })),
  );
  const [first] = bases;
  if (first === null) throw unknownBase(tuned[0].saved);
  const other = bases.find((base) => base?.base !== first.base);
  if (other !== undefined) {
    throw new ConfigError(
      `The models have different bases, ${first.base} and ${
        other?.base ?? "one that is not known"
      }: name the one to compare with (--compare FOLDER), or evaluate one model at a time`,
    );
  }
  return ["base", first, true];
}

/** The model that training began with; null where it is not known. */
async function baseOf(
  { path, base, adapter }: SavedFolder,
  { run, options }: { run: LoadedRun; options: EvaluateOptions },
): Promise<SavedFolder | null> {
  if (adapter !== null) {
    // the tokenizer of the adapter's folder: it may have more tokens
    return { path, base, adapter: null, notice: null };
  }
  const started = run.config.model.path;
  if (started === null) return null;
  const found = await findSaved(started, options.cwd).catch(() => null);
  if (found === null || found.path === path) return null;
  return found;
}

function unknownBase({ path }: SavedFolder): ConfigError {
  return new ConfigError(
    `The model that ${path} was trained from is not known: all weights were trained, and its run names no folder that is still there; name it with --compare FOLDER`,
  );
}

/** A model on a device. */
interface Answering extends AsyncDisposable {
  readonly answerer: Answerer;
  readonly base:
    | (<T>(body: (base: Answerer) => Promise<T>) => Promise<T>)
    | null;
}

interface AnsweringContext {
  readonly run: LoadedRun;
  readonly device: Device;
  readonly options: EvaluateOptions;
}

/** Opens the engine of a model, sized for what is asked. */
async function openAnswering(
  subject: Subject,
  context: AnsweringContext,
  { also }: { readonly also: readonly Asked[] },
): Promise<Answering> {
  const { run, device, options } = context;
  const { saved, model, decoding, tokenizer, template, creating } = subject;
  const asked = [
    ...subject.evaluators.map(({ name, asked }) => ({ name, asked })),
    ...also.map((asked) => ({ name: "of another model", asked })),
  ];
  await using held = new AsyncDisposableStack();
  const switching = held.use(
    new Switching({
      model,
      device,
      storage: await storageOf(saved, options),
      decoding,
      limits: (model) => {
        const of = { evaluators: asked, tokenizer, template, model };
        const capacity = longestQuestion(of);
        const score = longestText(of);
        const generate = generationLimits(model.spec, {
          capacity: Math.max(64, capacity),
          rows: capacity === 0 ? 1 : MOST_ROWS,
        });
        // an engine answers or scores: without either there is nothing to open
        return {
          generate: capacity === 0 && score !== null ? null : generate,
          score,
        };
      },
    }),
  );
  const bound: BoundAdapter | null = saved.adapter === null
    ? null
    : await bindAdapter(
      { path: saved.path, config: saved.adapter.config },
      model,
      creating,
    );
  await switching.to(bound);
  const { signal } = options;
  const seed = options.seed ?? run.config.seed;
  const answerer: Answerer = {
    // the engine is another one where switching made the programs anew
    get asking() {
      const { generator } = switching.engine;
      return { generator, tokenizer, template, seed, signal };
    },
    score: (texts) => scoreTexts(texts, switching.engine.session, signal),
  };
  const own = held.move();
  return {
    answerer,
    base: bound !== null
      ? async (body) => {
        await switching.to(null);
        try {
          return await body(answerer);
        } finally {
          await switching.to(bound);
        }
      }
      : await otherBase(subject, context),
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  };
}

/** The base of a model all of whose weights were trained: another engine, opened while it answers. */
async function otherBase(
  { saved, evaluators }: Subject,
  context: AnsweringContext,
): Promise<Answering["base"]> {
  const { run, options } = context;
  const base = await baseOf(saved, context);
  if (base === null) return null;
  return async (body) => {
    using subject = await openSubject(run, base, options);
    await using open = await openAnswering(
      { ...subject, evaluators: [] },
      context,
      { also: [asBase(evaluators.map(({ asked }) => asked))] },
    );
    return await body(open.answerer);
  };
}

/** Answers that are written at the same time, where memory allows. */
const MOST_ROWS = 64;
