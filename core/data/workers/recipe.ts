/**
 * How parts are made again in workers, as plain data: (module, name, options), and what the host answered
 * when the part was made on the main thread.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import {
  createPart,
  createResolved,
  type Creating,
  creatingWith,
} from "../../config/parts/create_part.ts";
import type { ResolvedChoice } from "../../config/parts/choices.ts";
import { isData } from "../../config/schema/options_schema.ts";
import { isPlainObject } from "../../config/parse/tree.ts";
import { PluginError } from "../../contracts/errors.ts";
import type { Choice, Kind, KindMap } from "../../contracts/plugin.ts";
import type { Isolation, Registry } from "../../contracts/registry.ts";

/** A part as a worker makes it. */
export type PartRecipe =
  | {
    /** What it is one of. */
    readonly kind: Kind;
    /** As the registry knows it. */
    readonly name: string;
    /** As checked on the main thread. */
    readonly options: unknown;
    /** Texts of the options as paths: written, and absolute. */
    readonly paths: readonly (readonly [string, string])[];
  }
  /** Chosen by denotune itself, or by a format: options are checked again. */
  | {
    /** What it is one of. */
    readonly kind: Kind;
    /** Its name, or `{use, ...options}`. */
    readonly choice: Choice;
  };

/** What parts are made with in a worker. */
export interface HostRecipe {
  /** What each plugin is imported by, and the module that people are shown. */
  readonly plugins: readonly {
    readonly url: string;
    readonly module: string;
    /** How it is isolated; null: the worker imports it. */
    readonly isolation: Isolation | null;
    /** Hash of the code that the main thread has; null where it knows none. */
    readonly hash: string | null;
  }[];
  /** Folder of the run's model. */
  readonly modelDir: string | null;
  /** The model's config. */
  readonly modelConfig: Readonly<Record<string, unknown>> | null;
  /** The run's seed. */
  readonly seed: number;
  /** Folder that paths start from. */
  readonly base: string;
}

/** A part, how it is made again, and what it read. */
export interface Recorded<K extends Kind> {
  readonly value: KindMap[K];
  /** Null where only this thread can hold it. */
  readonly recipe: PartRecipe | null;
  /** Absolute paths that it asked for. */
  readonly files: readonly string[];
}

/** How a run's choice is made again; null for parts and options that only this thread can hold. */
export function recipeOf(
  choice: ResolvedChoice,
  registry: Registry,
): PartRecipe | null {
  const { kind, part, module, options } = choice;
  if (!isLoadable(module, registry) || !isPlain(options)) return null;
  // parts resolve paths in their options; parts that they create start from "."
  const written = [".", ...textsIn(options)];
  const paths = written.map((path) =>
    [path, choice.resolvePath(path)] as const
  );
  return { kind, name: part.name, options, paths };
}

/** Makes the part of a run's choice. */
export async function makeRecorded<K extends Kind>(
  choice: ResolvedChoice<K>,
  creating: Creating,
): Promise<Recorded<K>> {
  const files = new Set<string>();
  const recorded: ResolvedChoice<K> = {
    ...choice,
    resolvePath(path) {
      const resolved = choice.resolvePath(path);
      if (path !== ".") files.add(resolved);
      return resolved;
    },
  };
  const value = await createResolved(recorded, creating);
  const recipe = recipeOf(choice, creating.registry);
  return { value, recipe, files: [...files] };
}

/** Makes a part by its name or choice. */
export async function makeByName<K extends Kind>(
  kind: K,
  choice: Choice,
  creating: Creating,
): Promise<Recorded<K>> {
  const value = await createPart(kind, choice, creating);
  const name = typeof choice === "string" ? choice : choice.use;
  const found = typeof name === "string"
    ? creating.registry.find(kind, name)
    : undefined;
  const isRebuilt = found !== undefined && isData(choice) &&
    isLoadable(found.module, creating.registry);
  return { value, recipe: isRebuilt ? { kind, choice } : null, files: [] };
}

/** Makes the part of a recipe in a worker. */
export async function remake<K extends Kind>(
  kind: K,
  recipe: PartRecipe,
  { registry, host }: Creating,
): Promise<KindMap[K]> {
  if ("choice" in recipe) {
    return await createPart(kind, recipe.choice, { registry, host });
  }
  const { name, options, paths } = recipe;
  const found = registry.find(kind, name);
  if (found === undefined) {
    throw new PluginError(
      `The ${kind} "${name}" is not among the parts of a worker: a module gives other parts when it is loaded again; set data.workers=1`,
    );
  }
  const known = new Map(paths);
  return await createResolved<K>({
    kind,
    key: kind,
    part: found.part,
    plugin: found.plugin,
    module: found.module,
    options,
    choice: name,
    resolvePath: (path) =>
      known.get(path) ??
        (isAbsolute(path) ? path : resolve(known.get(".") ?? ".", path)),
  }, { registry, host });
}

/** The values that build a worker's host. The main thread has reported the notices already. */
export function hostRecipe({ registry, host }: Creating): HostRecipe {
  return {
    plugins: registry.plugins().flatMap(
      ({ url, module, isolation, identity }) =>
        url === null
          ? []
          : [{ url, module, isolation, hash: identity?.hash ?? null }],
    ),
    modelDir: host.modelDir,
    modelConfig: host.modelConfig,
    seed: host.seed,
    base: host.resolvePath("."),
  };
}

/** What a worker creates parts with. */
export function remakeHost(
  { modelDir, modelConfig, seed, base }: HostRecipe,
  registry: Registry,
): Creating {
  return creatingWith(registry, { modelDir, modelConfig, seed, base });
}

/** Whether a worker can load a plugin's module. */
export function isLoadable(module: string, registry: Registry): boolean {
  const found = registry.plugins().find((p) => p.module === module);
  return found !== undefined && found.url !== null;
}

/** Whether a value arrives in a worker as it is here. */
function isPlain(value: unknown): boolean {
  if (value === undefined || isData(value)) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  return isPlainObject(value) && Object.values(value).every(isPlain);
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isPlainObject(value) ? Object.values(value).flatMap(textsIn) : [];
}
