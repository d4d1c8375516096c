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
import type { ExportRequest } from "../../contracts/exporter.ts";
import type { Choice } from "../../contracts/plugin.ts";
import {
  beginFolder,
  commitFolder,
  recover,
  userError,
  writeFileAtomic,
} from "../../io/atomic.ts";
import { isObject, showJson } from "../../io/json_file.ts";
import { findSaved } from "../saved_folder.ts";
import {
  annotate,
  compareExport,
  type ExportReport,
  REPORT,
} from "./compare_export.ts";
import { openExport } from "./open_export.ts";

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

/** What was exported. */
export interface ExportResult {
  /** The folder that was written or checked. */
  readonly path: string;
  /** Whether the files are as trained: else nothing was kept. */
  readonly passed: boolean;
  /** The figures. */
  readonly report: ExportReport;
}

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
    const report = await compareExport(source, { ...request, folder: path }, {
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
    const report = await compareExport(source, writing, {
      name,
      options,
      files,
    });
    if (report.faults.length === 0) {
      await annotate(source, writing, report);
    }
    const passed = report.faults.length === 0;
    if (passed) {
      writeFileAtomic(join(temporary, REPORT), showJson(report));
      signal?.throwIfAborted();
      commitFolder(temporary, to);
    } else await Deno.remove(temporary, { recursive: true });
    return { path: to, passed, report };
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw error;
  }
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
