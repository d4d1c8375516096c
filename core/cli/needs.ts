/**
 * What commands need of Deno, as plugins declare it: `read:/data`, `net:huggingface.co:443`, `ffi`. A command adds these
 * up in its `permissions`, which `--permissions` prints.
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { LoadedRun } from "../config/load.ts";
import { kindAt } from "../io/hub/local.ts";
import { STANDARD_INPUT } from "../config/standard_input.ts";
import type { CommandContext } from "../contracts/command.ts";
import type { Registry } from "../contracts/registry.ts";
import { cacheFolder } from "../io/cache_folder.ts";
import { hubAccess } from "../io/hub/access.ts";
import { isHubId } from "../io/hub/hub_cache.ts";
import { readJsonObject } from "../io/json_file.ts";
import { bundleUrl } from "../own_module.ts";
import { variables } from "../permissions.ts";
import { library } from "../library/mod.ts";
import { AUTO } from "../run/open/choose_backend.ts";
import { RESOLVED } from "../run/log/run_files.ts";
import { reads, writes } from "./path_needs.ts";
import { askedRegistry, loadAskedRun, splitRunArguments } from "./asked_run.ts";

/** What workers load, and the cache. */
function baseNeeds(): string[] {
  const code = new URL(bundleUrl() ?? new URL("../../", import.meta.url));
  return [
    ...(code.protocol === "file:" ? reads(fileURLToPath(code)) : []),
    ...writes(cacheFolder()),
    ...cacheVariables(),
  ];
}

/** The variables that say where the cache is, as far as they are looked at. */
function cacheVariables(): string[] {
  const own = variables("DENOTUNE_CACHE");
  if (own.length > 0) return own;
  const base = variables("XDG_CACHE_HOME");
  return base.length > 0 ? base : variables("HOME", "LOCALAPPDATA");
}

/** What the Hub needs: its hosts, its cache, its settings. */
export function hubNeeds(): string[] {
  const { endpoint, cacheDir, token, offline } = hubAccess();
  const { host, hostname, port, protocol } = new URL(endpoint);
  const usual = port === ""
    ? `${host}:${protocol === "http:" ? 80 : 443}`
    : host;
  const storage = hostname === "huggingface.co"
    ? ["*.huggingface.co:443", "*.hf.co:443"] // where files are redirected to
    : [];
  return [
    ...(offline ? [] : [usual, ...storage].map((name) => `net:${name}`)),
    ...writes(cacheDir, cacheFolder()),
    ...cacheVariables(),
    ...variables(
      "HF_TOKEN",
      "HUGGING_FACE_HUB_TOKEN",
      "HF_TOKEN_PATH",
      "HF_HOME",
      "HF_HUB_CACHE",
      "HUGGINGFACE_HUB_CACHE",
      "HF_ENDPOINT",
      "HF_HUB_OFFLINE",
    ),
    // the login that the hf command keeps
    ...(token === null || variables("HF_TOKEN").length > 0
      ? []
      : reads(join(dirname(cacheDir), "token"))),
  ];
}

/** What a path of a model or of data needs: the path, or the Hub. */
export async function pathNeeds(
  path: string | null | undefined,
): Promise<string[]> {
  if (path == null || path === STANDARD_INPUT) return [];
  if (await kindAt(resolve(path)) !== null || !isHubId(path)) {
    return reads(patternFolder(path));
  }
  return hubNeeds();
}

/** The folder that a pattern looks in: `data/*.jsonl` needs `data`. */
function patternFolder(path: string): string {
  const at = path.search(/[*?{[]/);
  return at < 0 ? path : dirname(`${path.slice(0, at)}x`);
}

/** What the backends of `auto` may use. */
function autoNeeds(registry: Registry): string[] {
  return AUTO.flatMap((name) => {
    const found = registry.find("backend", name)?.part;
    return found?.permissions?.({}) ?? [];
  });
}

/** What the plugins of a registry need; loading them is loaded with it. */
async function needsOfPlugins(registry: Registry): Promise<string[]> {
  const { pluginNeeds } = await import("./plugin_needs.ts");
  return await pluginNeeds(registry);
}

/** What a run needs that is read, prepared and trained. `trains`: its output_dir is written. */
export async function runNeeds(
  context: CommandContext,
  { trains }: { readonly trains: boolean },
): Promise<string[]> {
  const { run } = await loadAskedRun(context, {
    files: "ignore",
    notices: context.err,
  });
  const { files } = splitRunArguments(context.arguments);
  const needs = [
    ...baseNeeds(),
    // extended files and groups are beside the run file
    ...(files.length === 0
      ? reads("denotune.yaml")
      : reads(...files.map((file) => dirname(resolve(file))))),
    ...await configNeeds(run),
  ];
  if (trains) {
    const { rememberingNeeds } = await import("./plugin_needs.ts");
    needs.push(...rememberingNeeds(run.registry));
  }
  // the lock and an older run of the same name are beside the folder
  if (trains) needs.push(...writes(dirname(run.config.output_dir)));
  return needs;
}

/** What the settings of a run need: its files, its parts. */
export async function configNeeds(run: LoadedRun): Promise<string[]> {
  const { model, data, training } = run.config;
  const paths = [model, ...data.train, ...data.eval].map(({ path }) => path);
  const needs = [
    ...(await Promise.all(paths.map(pathNeeds))).flat(),
    ...await needsOfPlugins(run.registry),
  ];
  for (const { part, options } of run.choices.values()) {
    needs.push(...part.permissions?.(options) ?? [], ...pathsIn(options));
  }
  if (!run.choices.has("backend")) needs.push(...autoNeeds(run.registry));
  if (/[/\\]/.test(training.resume)) needs.push(...reads(training.resume));
  return needs;
}

/** The absolute paths in options: relative ones were made absolute when the run was loaded. */
function pathsIn(options: unknown): string[] {
  if (typeof options !== "object" || options === null) return [];
  return Object.entries(options).flatMap(([key, value]) =>
    typeof value === "string"
      ? key === "path" && /^([/\\]|\w:)/.test(value) ? reads(value) : []
      : pathsIn(value)
  );
}

/** What a saved model needs that is asked: its folder, its base, adapters beside it, a device. */
export async function modelNeeds(
  context: CommandContext,
  folders: readonly (string | undefined)[],
): Promise<string[]> {
  const registry = await askedRegistry(context);
  const needs = [
    ...baseNeeds(),
    ...autoNeeds(registry),
    ...await needsOfPlugins(registry),
  ];
  for (const folder of folders) {
    needs.push(...await pathNeeds(folder), ...await pathNeeds(baseOf(folder)));
  }
  return needs;
}

/** What the run in a folder needs to have its data and its parts again; nothing where there is no run. */
export async function savedRunNeeds(
  folder: string,
  context: CommandContext,
): Promise<string[]> {
  const file = join(folder, RESOLVED);
  if (await kindAt(resolve(file)) !== "file") return [];
  const registry = await askedRegistry(context);
  const load = library.loadRun({ file, registry, files: "ignore" });
  // what cannot be loaded is not needed: the command says why
  return await load.then(configNeeds, () => []);
}

/** The base that an adapter in a folder names; null: there is no adapter. */
function baseOf(folder: string | undefined): string | null {
  if (folder === undefined) return null;
  try {
    const config = readJsonObject(join(folder, "adapter_config.json"));
    const named = config?.base_model_name_or_path;
    return typeof named !== "string"
      ? null
      : isHubId(named)
      ? named
      : resolve(folder, named);
  } catch {
    return null; // a file that says nothing: opening it will complain
  }
}
