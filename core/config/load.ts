/**
 * From a run file, an object or overrides to a checked run.
 * @module
 */
import { basename, dirname, extname, resolve } from "node:path";
import { Registry } from "../contracts/registry.ts";
import { checkRun } from "./check_run.ts";
import type { ResolvedChoice } from "./parts/choices.ts";
import type { HubOptions } from "../io/hub/access.ts";
import type { Environment } from "../io/hub/hub_cache.ts";
import { layoutOf } from "./parse/layout.ts";
import {
  applyOverride,
  type Override,
  parseOverrides,
  writtenMode,
} from "./parse/override.ts";
import type { CallWatch } from "./parts/guard_part.ts";
import { admitRunFile, type NamedBy } from "./trust/decide_trust.ts";
import { loadPlugins, pluginEntries } from "./parts/plugins.ts";
import { configError, type Problem } from "./parse/problem.ts";
import { groupOf } from "./parse/group.ts";
import { mergeTrees } from "./parse/merge.ts";
import { readRunFiles, readRunObject } from "./parse/read.ts";
import { absoluteOutputDir, type FileCheck } from "./run_paths.ts";
import { withStandardInput } from "./standard_input.ts";
import { inside, originAt, type Tree } from "./parse/tree.ts";
import { isUntrustedPlugins } from "./trust/trusted_list.ts";
import type { RunConfig, RunInput, UntrustedPlugins } from "./types.ts";

/** What is to be run: a file, or an object. */
export interface RunRequest {
  /** Run file in YAML, JSON or TypeScript, relative to `cwd`; of several, each is laid over those before it. */
  readonly file?: string | readonly string[];
  /** The run itself; its paths start from `base`. */
  readonly object?: RunInput | Readonly<Record<string, unknown>>;
  /** Folder that paths in `object` start from; `cwd` where absent. */
  readonly base?: string;
  /** `key=value`, laid over the run in order. */
  readonly overrides?: readonly string[];
  /** The working directory. */
  readonly cwd?: string;
  /** The parts that are known; not changed. */
  readonly registry: Registry;
  /** `ignore`: don't look whether model and data are there. */
  readonly files?: FileCheck;
  /** The environment; that of the process where absent. */
  readonly env?: Environment;
  /** How the Hub is asked for the commits of Hub ids. */
  readonly hub?: HubOptions;
  /** Called when a plugin of somebody else's host is used for the first time, and when one takes long to load. */
  readonly notice?: (what: string) => void;
  /** Is informed of which plugin is loaded, so that one that never returns can be named. */
  readonly calls?: CallWatch;
  /** What the path `-` reads; standard input where absent. */
  readonly stdin?: ReadableStream<Uint8Array>;
}

/** A checked run. */
export interface LoadedRun {
  /** Every default filled in. */
  readonly config: RunConfig;
  /** The known parts and those that the run's plugins brought. */
  readonly registry: Registry;
  /** The parts chosen, by key: `optimizer`, `data.train.0.format`. `auto` and null are not in it. */
  readonly choices: ReadonlyMap<string, ResolvedChoice>;
  /** Absolute path of the run file, the first of several, or null. */
  readonly file: string | null;
  /** Where a key was written, as shown to people: `run.yaml:3:5`. */
  whereIs(key: string): string;
}

/**
 * Reads, merges and checks a run. Throws one `ConfigError` with every problem, or the `PluginError`
 * of a plugin that cannot be loaded.
 */
export async function loadRun(request: RunRequest): Promise<LoadedRun> {
  const cwd = resolve(request.cwd ?? Deno.cwd());
  const files = request.file === undefined
    ? []
    : [request.file].flat().map((file) => resolve(cwd, file));
  const file = files.at(0) ?? null;
  const base = resolve(cwd, request.base ?? ".");
  const anyLayout = layoutOf("sft"); // keys and places of parts are the same in every mode
  const folders = [...new Set(files.map((path) => dirname(path)))];
  const named: NamedBy = {
    by: "run file",
    folders: file === null ? [base] : folders,
  };
  const reading = {
    cwd,
    layout: anyLayout,
    admit: (path: string, place: string) =>
      admitRunFile(path, { place, named, policy: request.registry.trust }),
  };
  const written = file !== null
    ? await readRunFiles(files, reading)
    : await readRunObject(request.object ?? {}, base, reading);

  const { overrides, problems } = parseOverrides(request.overrides ?? [], cwd);
  const mode = writtenMode(written, overrides) === "pretrain"
    ? "pretrain"
    : "sft";
  const layout = mode === "sft" ? anyLayout : layoutOf(mode);
  let run = written;
  const lay = (override: Override): void => {
    const changed = applyOverride(run, override, layout);
    if ("type" in changed) run = changed;
    else problems.push(changed);
  };
  // plugins first: the name of a part wins over a group
  const isOfPlugins = ({ path }: Override) =>
    path[0] === "plugins" || path[0] === "untrusted_plugins";
  overrides.filter(isOfPlugins).forEach(lay);
  const registry = copyOf(request.registry);
  await loadPlugins(run, {
    registry,
    named,
    untrusted: untrustedPlugins(run),
    notice: request.notice,
    calls: request.calls,
  });
  const groups = { folders, cwd, layout, registry };
  for (const override of overrides) {
    if (isOfPlugins(override)) continue;
    const group = await groupOf(override, groups);
    if (group === null) lay(override);
    else if ("type" in group) run = mergeTrees(run, group, layout);
    else problems.push(group);
  }

  const checked = await checkRun(run, {
    registry,
    layout,
    mode,
    cwd,
    files: request.files ?? "check",
    env: request.env,
    hub: request.hub,
  });
  const all: Problem[] = [...problems, ...checked.problems];
  if (checked.parsed === null || all.length > 0) throw configError(all);
  const data = request.files === "ignore"
    ? checked.parsed.data
    : await withStandardInput(checked.parsed.data, {
      run,
      env: request.env,
      stdin: request.stdin,
    });
  const name = files.map((path) => basename(path, extname(path))).join("-") ||
    "run";
  const config: RunConfig = {
    ...checked.parsed,
    data,
    output_dir: absoluteOutputDir(checked.parsed.output_dir, name, cwd),
    extends: null,
    plugins: pluginEntries(registry),
  };
  return {
    config,
    registry,
    choices: checked.choices,
    file,
    whereIs: (key) => placeOf(run, key),
  };
}

/** What a run says of plugins that are not trusted; what is not of its type is the schema's to refuse. */
export function untrustedPlugins(run: Tree): UntrustedPlugins | undefined {
  const found = inside(run, "untrusted_plugins");
  return found?.type === "leaf" && isUntrustedPlugins(found.value)
    ? found.value
    : undefined;
}

/** The same plugins in a registry of its own: a run's plugins are that run's alone. */
function copyOf(registry: Registry): Registry {
  const copy = new Registry(registry.trust);
  for (const { plugin, module, url, ...from } of registry.plugins()) {
    copy.add(plugin, module, url, from);
  }
  return copy;
}

function placeOf(run: Tree, key: string): string {
  return originAt(
    run,
    key.split(".").map((step) => /^\d+$/.test(step) ? Number(step) : step),
  ).place;
}
