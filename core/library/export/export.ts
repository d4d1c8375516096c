/**
 * Exports a saved model: written beside, read back, compared with what was trained, and kept only if it is the same.
 * @module
 */
import { basename, dirname, join, relative, resolve } from "node:path";
import { kindAt } from "../../config/paths.ts";
import {
  openRegistry,
  type RegistryOptions,
} from "../../config/parts/open_registry.ts";
import type { BuiltIn } from "../../contracts/built_in.ts";
import { ConfigError } from "../../contracts/errors.ts";
import type {
  ClientPrompt,
  Exporter,
  ExportReadBack,
  ExportRequest,
  ExportTensor,
} from "../../contracts/exporter.ts";
import type { Choice } from "../../contracts/plugin.ts";
import { inventoryOf } from "../../engine/build_model.ts";
import type { Session } from "../../engine/session.ts";
import {
  beginFolder,
  commitFolder,
  recover,
  userError,
  writeFileAtomic,
} from "../../io/atomic.ts";
import { isObject, showJson } from "../../io/json_file.ts";
import { openChosen } from "../../run/open/choose_backend.ts";
import { PLAIN_STORAGE } from "../base_storage.ts";
import { findSaved } from "../saved_folder.ts";
import { VERSION } from "../../version.ts";
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
import { type OpenedExport, openExport } from "./open_export.ts";
import { trainedPrompts } from "./trained_prompts.ts";

/** How a model is exported. */
export interface ExportOptions extends RegistryOptions {
  /** The layout: an exporter by its name, or with options. */
  readonly to: Choice;
  /** Folder that is written; default `NAME` (and its quantisation) in the model's folder. */
  readonly output?: string;
  /** Replace what is at `output`. */
  readonly force?: boolean;
  /** An older export to compare again, instead of writing one. */
  readonly check?: string;
  /** What computes the answers: `auto` (the default), or a backend. */
  readonly backend?: Choice;
  /** Tokens of an answer that are compared (default 32). */
  readonly maxNewTokens?: number;
  /** Aborts it: the promise rejects with the signal's reason, and nothing is left. */
  readonly signal?: AbortSignal;
  /** Receives messages for the user. */
  readonly onNotice?: (message: string) => void;
  /** Receives what is being done. */
  readonly onProgress?: (task: string) => void;
}

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
  readonly faults: readonly string[];
  /** Every weight against what was trained. */
  readonly weights: TensorFigures;
  /** Tokenizer, template, ends and settings. */
  readonly text: TextFigures;
  /** Absent: weights or text differ already. */
  readonly answers?: AnswerFigures & {
    /** `the training data`, or `built-in prompts`. */
    readonly from: string;
  };
  /** What a client answered; absent: none was asked. */
  readonly client?: { readonly name: string; readonly equal_answers: number };
}

/** What was exported. */
export interface ExportResult {
  /** The folder that was written or checked. */
  readonly path: string;
  /** Whether the files are as trained: else nothing was kept. */
  readonly passed: boolean;
  /** The figures. */
  readonly report: ExportReport;
}

/** Name of the report. */
export const REPORT = "export.json";

/** `exportModel` of the library. */
export async function exportModel(
  builtIn: BuiltIn,
  folder: string,
  options: ExportOptions,
): Promise<ExportResult> {
  const { signal, check } = options;
  const base = options.cwd ?? Deno.cwd();
  const saved = await findSaved(folder, base);
  if (saved.notice !== null) options.onNotice?.(saved.notice);
  const registry = await openRegistry(builtIn, options);
  using source = await openExport(saved, {
    registry,
    exporter: options.to,
    base,
    notice: (message) => options.onNotice?.(message),
    signal,
  });
  const { exporter, request } = source;
  const name = nameOf(options.to);
  if (check !== undefined) {
    const path = resolve(base, check);
    if (await kindAt(path) !== "folder") {
      throw new ConfigError(`Cannot check ${path}: there is no such folder`);
    }
    const report = await compare(source, { ...request, folder: path }, {
      name,
      options,
      files: filesIn(path),
    });
    return { path, passed: report.faults.length === 0, report };
  }
  const to = resolve(
    base,
    options.output ?? join(saved.path, suffixed(options.to)),
  );
  await refuseExisting(to, {
    force: options.force ?? false,
    source: saved.path,
  });
  await exporter.check(request);
  recover(dirname(to), basename(to));
  const temporary = beginFolder(to);
  try {
    options.onProgress?.(`writing ${name}`);
    const writing: ExportRequest = { ...request, folder: temporary };
    const files = await exporter.write(writing).catch((error) => {
      throw userError(`write ${to}`, error);
    });
    signal?.throwIfAborted();
    const report = await compare(source, writing, { name, options, files });
    if (report.faults.length === 0) {
      writeFileAtomic(join(temporary, REPORT), showJson(report));
      await exporter.annotate?.(writing, JSON.stringify(report));
      signal?.throwIfAborted();
      commitFolder(temporary, to);
      return { path: to, passed: true, report };
    }
    await Deno.remove(temporary, { recursive: true });
    return { path: to, passed: false, report };
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw error;
  }
}

/** Reads the files of a folder back and compares them with what was trained. */
async function compare(
  source: OpenedExport,
  request: ExportRequest,
  { name, options, files }: {
    readonly name: string;
    readonly options: ExportOptions;
    readonly files: readonly string[];
  },
): Promise<ExportReport> {
  const { exporter, opened, template } = source;
  const { signal, onProgress } = options;
  const faults: string[] = [];
  using back = await exporter.read(request);
  onProgress?.("comparing weights");
  const weights = await compareTensors(
    (request.adapter ?? request.model).tensors,
    back.tensors,
    { exporter, faults, signal },
  );
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
  onProgress?.("comparing tokens and template");
  const text = await compareText(back, {
    text: request.text,
    config: request.model.spec.config,
    texts: prompts.map((p) => p.text).filter((t) => t !== ""),
    creating: opened.creating,
    faults,
  });
  const found = {
    denotune: VERSION,
    exporter: name,
    model: request.name,
    files: files.filter((f) => f !== REPORT).map((file) => ({
      name: file,
      bytes: Deno.statSync(join(request.folder, file)).size,
    })),
    faults,
    weights,
    text,
  };
  if (faults.length > 0) return found;
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
    answers: { from, ...answers },
    ...(client === null ? {} : { client }),
  };
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
  const found = await client?.(request, prompts) ?? null;
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
    else if (exact) {
      faults.push(
        `${found.client} answers prompt ${i + 1} with the id ${
          a[at] ?? "(end)"
        } as token ${at + 1}, where ${b[at] ?? "(end)"} was trained`,
      );
    }
  }
  return { name: found.client, equal_answers: equal };
}

function filesIn(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory
      ? filesIn(join(folder, entry.name), `${prefix}${entry.name}/`)
      : [`${prefix}${entry.name}`]
  ).sort();
}

/** Name of the exporter that was chosen. */
function nameOf(choice: Choice): string {
  if (typeof choice === "string") return choice;
  return typeof choice.use === "string" ? choice.use : choice.use.name;
}

/** `gguf-q4_k_m`: the exporter, and its quantisation where one was chosen. */
function suffixed(choice: Choice): string {
  const options: unknown = typeof choice === "string"
    ? {}
    : typeof choice.use === "string"
    ? choice
    : choice.options;
  const found = isObject(options) ? options.quantization : undefined;
  return typeof found === "string"
    ? `${nameOf(choice)}-${found}`
    : nameOf(choice);
}

/** Refuses to write over what is there, and over a run in any case. */
async function refuseExisting(
  to: string,
  { force, source }: { readonly force: boolean; readonly source: string },
): Promise<void> {
  const kind = await kindAt(to);
  if (kind === null) return;
  const isEmpty = kind === "folder" &&
    Deno.readDirSync(to)[Symbol.iterator]().next().done === true;
  if (isEmpty) return;
  const isExport = kind === "folder" &&
    await kindAt(join(to, REPORT)) === "file";
  if (force && isExport) return;
  const inside = !relative(to, resolve(source)).startsWith("..");
  throw new ConfigError(
    `Cannot export to ${to}: ${
      inside
        ? "the model itself is there; choose another folder (--output)"
        : isExport
        ? "an export is there already; replace it with --force, or choose another folder (--output)"
        : "there is something of that name, which is no export; choose another folder (--output), or remove it"
    }`,
  );
}
