/**
 * An export against the model that was trained: its weights, its text, its answers.
 * @module
 */
import { join } from "node:path";
import type { Choice } from "../../contracts/plugin.ts";
import { isDenotuneError } from "../../contracts/errors.ts";
import type {
  ClientAnswers,
  ClientPrompt,
  Exporter,
  ExportReadBack,
  ExportRequest,
  ExportTensor,
} from "../../contracts/exporter.ts";
import { inventoryOf } from "../../engine/model/build_model.ts";
import type { Session } from "../../engine/session.ts";
import { openChosen } from "../../run/open/choose_backend.ts";
import { VERSION } from "../../version.ts";
import { PLAIN_STORAGE } from "../base_storage.ts";
import {
  type AnswerFigures,
  type Asking,
  compareAnswers,
  firstDifference,
  type ModelState,
  trainedAnswers,
} from "./compare_answers.ts";
import { compareTensors, type TensorFigures } from "./compare_tensors.ts";
import { compareText, type TextFigures } from "./compare_text.ts";
import type { OpenedExport } from "./open_export.ts";
import { trainedPrompts } from "./trained_prompts.ts";

/** Name of the report. */
export const REPORT = "export.json";

/** The figures of a comparison: `export.json` beside the files. */
export interface ExportReport {
  /** The version that wrote it. */
  readonly denotune: string;
  /** Name of the exporter. */
  readonly exporter: string;
  /** Name of the run or model. */
  readonly model: string;
  /** What was written. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** Everything that is not as it was trained; none: the export was kept. */
  readonly faults: string[];
  /** Every weight against what was trained; absent: the files cannot be read. */
  readonly weights?: TensorFigures;
  /** Tokenizer, template, ends and settings; absent: the files cannot be read. */
  readonly text?: TextFigures;
  /** Absent: weights or text differ already. */
  readonly answers?: AnswerFigures & {
    /** `the training data`, `the run's samples` or `a built-in list`. */
    readonly from: string;
  };
  /** What a client answered; absent: none was asked. */
  readonly client?: { readonly name: string; readonly equal_answers: number };
}

/** How an export is compared. */
export interface CompareOptions {
  readonly backend?: Choice;
  readonly maxNewTokens?: number;
  readonly signal?: AbortSignal;
  readonly onNotice?: (message: string) => void;
  readonly onProgress?: (task: string) => void;
}

/** Reads the files of `request.folder` back and compares them with what was trained. */
export async function compareExport(
  source: OpenedExport,
  request: ExportRequest,
  { name, options, files }: {
    readonly name: string;
    readonly options: CompareOptions;
    readonly files: readonly string[];
  },
): Promise<ExportReport> {
  const { exporter, opened, template } = source;
  const { signal, onProgress } = options;
  const faults: string[] = [];
  const found = {
    denotune: VERSION,
    exporter: name,
    model: request.name,
    files: files.filter((f) => f !== REPORT).map((file) => ({
      name: file,
      bytes: Deno.statSync(join(request.folder, file)).size,
    })),
    faults,
  };
  using back = await readBack(exporter, request, faults);
  if (back === null) return found;
  const maxNewTokens = options.maxNewTokens ?? 32;
  const most = (request.model.spec.maxPositions ?? Infinity) - maxNewTokens - 1;
  const { prompts, from } = await trainedPrompts(opened.saved.path, {
    tokenizer: opened.tokenizer,
    template,
    creating: opened.creating,
    most: Math.max(1, most),
    notice: (message) => options.onNotice?.(message),
    signal,
  });
  onProgress?.("comparing weights, tokens and template");
  const compared = await compareFiles(source, request, {
    back,
    texts: prompts.map((p) => p.text).filter((t) => t !== ""),
    faults,
  });
  if (faults.length > 0) return { ...found, ...compared };
  const chosen = await openChosen(options.backend ?? "auto", opened.creating);
  await using device = chosen.device;
  const asking: Asking = {
    prompts,
    maxNewTokens,
    ends: new Set(request.text.stopIds),
    decoding: opened.decoding,
    device,
    signal,
  };
  onProgress?.("asking the trained model");
  const trained = await trainedAnswers({
    model: opened.model,
    adapter: source.adapter,
    storage: source.storage,
  }, asking);
  onProgress?.("asking the exported model");
  const answers = await compareAnswers(
    stateOf(source, request, back),
    asking,
    { trained, exporter, faults },
  );
  const client = faults.length > 0 ? null : await askClient(exporter, request, {
    prompts: prompts.map(({ text, ids }) => ({
      text,
      ids: [...ids],
      maxNewTokens,
    })),
    wanted: trained.answers,
    ends: asking.ends,
    exact: answers.allowed <= 1e-3,
    faults,
  });
  return {
    ...found,
    ...compared,
    answers: { from, ...answers },
    ...(client === null ? {} : { client }),
  };
}

/** Writes the figures into the files, and compares weights and text of what they are then. */
export async function annotate(
  source: OpenedExport,
  request: ExportRequest,
  report: ExportReport,
): Promise<void> {
  const { exporter } = source;
  if (exporter.annotate === undefined) return;
  const { faults } = report;
  await exporter.annotate(request, JSON.stringify(report));
  using back = await readBack(exporter, request, faults);
  if (back !== null) {
    await compareFiles(source, request, { back, texts: [], faults });
  }
}

/** Weights and text. */
async function compareFiles(
  { exporter, opened }: OpenedExport,
  request: ExportRequest,
  { back, texts, faults }: {
    readonly back: ExportReadBack;
    readonly texts: readonly string[];
    readonly faults: string[];
  },
): Promise<{ weights: TensorFigures; text: TextFigures }> {
  return {
    weights: await compareTensors(
      (request.adapter ?? request.model).tensors,
      back.tensors,
      { exporter, faults, signal: request.signal },
    ),
    text: await compareText(back, {
      text: request.text,
      config: request.model.spec.config,
      texts,
      creating: opened.creating,
      faults,
    }),
  };
}

/** What was written, opened again; a file that cannot be read is a fault. */
async function readBack(
  exporter: Exporter,
  request: ExportRequest,
  faults: string[],
): Promise<ExportReadBack | null> {
  try {
    return await exporter.read(request);
  } catch (error) {
    request.signal?.throwIfAborted();
    if (!isDenotuneError(error)) throw error;
    faults.push(`the files cannot be read back: ${error.message}`);
    return null;
  }
}

/** The model that a file holds, as our engine runs it. */
function stateOf(
  { opened, adapter, storage }: OpenedExport,
  request: ExportRequest,
  back: ExportReadBack,
): ModelState {
  const tensors = new Map(back.tensors.map((t) => [t.name, t]));
  const write = async (
    session: Session,
    variable: string,
    tensor: ExportTensor | undefined,
  ) => {
    if (tensor === undefined) throw new RangeError(`No tensor ${variable}`);
    const total = tensor.shape.reduce((a, b) => a * b, 1);
    for (let start = 0; start < total; start += CHUNK) {
      const count = Math.min(CHUNK, total - start);
      session.write(variable, await tensor.read(start, count), start);
      await session.drain();
    }
  };
  if (request.adapter !== null && adapter !== null) {
    const { attached } = adapter;
    const own = inventoryOf(adapter.model.spec, 2).weights
      .filter((w) => attached.trainsBase(w.name));
    return {
      model: opened.model,
      adapter,
      storage,
      async overwrite(session) {
        for (const { name } of attached.parameters) {
          await write(session, name, tensors.get(name));
        }
        for (const { name } of own) {
          await write(session, name, tensors.get(attached.savedName(name)));
        }
      },
    };
  }
  const { architecture } = opened.model;
  return {
    model: {
      spec: back.config === null
        ? request.model.spec
        : architecture.describe(back.config),
      architecture,
      fresh: null,
      folder: null,
      name: "the exported model",
      hub: null,
      [Symbol.dispose]: () => {},
    },
    adapter: null,
    storage: PLAIN_STORAGE,
    async load(weights, session) {
      for (const { name } of weights) {
        await write(session, name, tensors.get(name));
      }
    },
  };
}

/** Numbers that are read at a time. */
const CHUNK = 1 << 22;

async function askClient(
  { client }: Exporter,
  request: ExportRequest,
  { prompts, wanted, ends, exact, faults }: {
    readonly prompts: readonly ClientPrompt[];
    readonly wanted: readonly (readonly number[])[];
    readonly ends: ReadonlySet<number>;
    /** Whether the answers must be equal: rounding changes none of them. */
    readonly exact: boolean;
    readonly faults: string[];
  },
): Promise<{ name: string; equal_answers: number } | null> {
  let found: ClientAnswers | null = null;
  try {
    found = await client?.(request, prompts) ?? null;
  } catch (error) {
    request.signal?.throwIfAborted();
    if (!isDenotuneError(error)) throw error;
    faults.push(error.message);
  }
  if (found === null) return null;
  const withoutEnd = (ids: readonly number[]) => {
    const end = ids.findIndex((id) => ends.has(id));
    return end < 0 ? ids : ids.slice(0, end);
  };
  let equal = 0;
  for (const [i, ids] of found.answers.entries()) {
    const [a, b] = [withoutEnd(ids), withoutEnd(wanted[i])];
    const at = firstDifference(a, b);
    if (at < 0) equal++;
    else if (exact && found.approximate !== true) {
      faults.push(
        `${found.client} answers prompt ${i + 1} with the id ${
          a[at] ?? "(end)"
        } as token ${at + 1}, where ${b[at] ?? "(end)"} was trained`,
      );
    }
  }
  return { name: found.client, equal_answers: equal };
}
