/**
 * Which layers are adapted, and with what rank and scale: PEFT's rules of names.
 * @module
 */
import {
  compileRegularExpression,
  ConfigError,
  type LinearSite,
  type RegularExpression,
  type SavedAdapter,
  type Site,
} from "@denotune/denotune/core";
import type { LoraOptions } from "./_options.ts";
import {
  endsWith,
  listed,
  moduleOf,
  modulesToSave,
  type SavableModel,
} from "./_saved_modules.ts";

/** A layer that is adapted. */
export interface Target {
  readonly site: LinearSite;
  readonly rank: number;
  /** Factor on the update. */
  readonly scale: number;
}

/** Everything that an adapter touches. */
export interface Chosen {
  readonly targets: ReadonlyMap<string, Target>;
  /** Modules that are trained whole, by their full names. */
  readonly saved: readonly string[];
}

/**
 * Chooses layers; `from` is the saved adapter that is loaded, or null for a new one. Throws `ConfigError`
 * that names what there is.
 */
export function chooseTargets(
  model: SavableModel & {
    readonly spec: { readonly adapterTargets?: readonly string[] };
    readonly grown?: readonly string[];
  },
  given: LoraOptions,
  from: SavedAdapter | null,
): Chosen {
  const o = given.target_modules === "default"
    ? { ...given, target_modules: model.spec.adapterTargets ?? "all-linear" }
    : given;
  const linear = new Map<string, LinearSite>();
  for (const s of model.sites) {
    if (s.kind === "linear") linear.set(s.site.name, s.site);
  }
  const saved = [
    ...new Set([
      ...modulesToSave(model, o, from),
      ...(model.grown ?? []).map(moduleOf),
    ]),
  ];
  const matches = matcher(o);
  const rank = byPattern(o.rank_pattern, "rank_pattern");
  const alpha = byPattern(o.alpha_pattern, "alpha_pattern");
  const targets = new Map<string, Target>();
  for (const [name, site] of linear) {
    if (saved.includes(name) || !matches(name)) continue;
    const own = { rank: rank(name) ?? o.r, alpha: alpha(name) ?? o.lora_alpha };
    const most = Math.min(site.in, site.out);
    if (from === null && own.rank > most) throw tooLarge(site, own.rank);
    const isPissa = o.init_lora_weights === "pissa";
    if (isPissa && own.alpha <= 0) {
      throw new ConfigError(
        `PiSSA cannot start with lora_alpha ${own.alpha} (${name}): it divides by the root of the scale`,
      );
    }
    const divisor = o.use_rslora ? Math.sqrt(own.rank) : own.rank;
    targets.set(name, {
      site,
      // there are no more singular vectors than that; the scale is that of the rank in the settings
      rank: isPissa ? Math.min(own.rank, most) : own.rank,
      scale: own.alpha / divisor,
    });
  }
  if (targets.size === 0) throw noTarget(model.sites, [...linear.keys()], o);
  return { targets, saved };
}

/** PEFT trains such adapters, and they are read; a new one would only be slower. */
function tooLarge({ name, in: n, out: m }: LinearSite, rank: number) {
  return new ConfigError(
    `Rank ${rank} is too large for ${name}, which is ${n} -> ${m}: a rank above ${
      Math.min(n, m)
    } adds nothing. Lower adapter.r, or give this layer its own in adapter.rank_pattern`,
  );
}

/** Whether a name is chosen by target_modules, exclude_modules and layers_to_transform. */
function matcher(o: LoraOptions): (name: string) => boolean {
  const { target_modules: wanted } = o;
  const included = wanted === "all-linear"
    ? () => true
    : selector(wanted, "target_modules");
  const excluded = o.exclude_modules === null
    ? () => false
    : selector(o.exclude_modules, "exclude_modules");
  const block = blockSelector(o);
  if (block === null) return (name) => included(name) && !excluded(name);
  if (typeof wanted === "string" && wanted !== "all-linear") {
    throw new ConfigError(
      "adapter.layers_to_transform works with target_modules as a list; it is a regular expression here: put the numbers of the blocks into it",
    );
  }
  // a layer that is listed by its full name is meant, whatever its block
  const isNamed = (name: string) =>
    typeof wanted !== "string" && wanted.includes(name);
  return (name) =>
    included(name) && !excluded(name) && (isNamed(name) || block(name));
}

function selector(
  wanted: string | readonly string[],
  key: string,
): (name: string) => boolean {
  if (typeof wanted !== "string") {
    return (name) => wanted.some((end) => endsWith(name, end));
  }
  const pattern = regularExpression(wanted, key);
  return (name) => pattern.matchesAll(name);
}

/** Whether a block is among layers_to_transform; null: all are. */
function blockSelector(o: LoraOptions): ((name: string) => boolean) | null {
  if (o.layers_to_transform === null) return null;
  const numbers = typeof o.layers_to_transform === "number"
    ? [o.layers_to_transform]
    : o.layers_to_transform;
  if (numbers.length === 0) return null;
  const lists = o.layers_pattern === null
    ? []
    : typeof o.layers_pattern === "string"
    ? [o.layers_pattern]
    : o.layers_pattern;
  const compiled = lists.map((list) =>
    regularExpression(`(?:.*\\.)?(?:${list})`, "layers_pattern")
  );
  return (name) => {
    const block = lists.length === 0
      ? /^.*?\.[^.]*\.(\d+)\./.exec(name)?.[1]
      : blockIn(name, compiled);
    return block !== undefined && numbers.includes(Number(block));
  };
}

/** The number behind the first of these lists that is in a name: `layers` in `model.layers.3.mlp`: 3. */
function blockIn(
  name: string,
  lists: readonly RegularExpression[],
): string | undefined {
  for (const list of lists) {
    // the first number whose list's name matches, as PEFT takes it
    for (const found of name.matchAll(/\.(\d+)(?=\.)/g)) {
      if (list.matchesAll(name.slice(0, found.index))) return found[1];
    }
  }
  return undefined;
}

/** Read as Python does, and matched in bounded time: a downloaded adapter brings these. */
function regularExpression(source: string, key: string): RegularExpression {
  try {
    return compileRegularExpression(source, {
      dialect: "python",
      where: `adapter.${key}`,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      `adapter.${key} is no regular expression: ${reason}`,
      { cause },
    );
  }
}

/** The value of the first pattern that fits the end of a name. */
function byPattern(
  patterns: Readonly<Record<string, number>>,
  key: string,
): (name: string) => number | undefined {
  const compiled = Object.entries(patterns).map(([pattern, value]) => ({
    end: regularExpression(`(.*\\.)?(${pattern})`, key),
    value,
  }));
  return (name) => compiled.find(({ end }) => end.matchesAll(name))?.value;
}

function noTarget(
  sites: readonly Site[],
  names: readonly string[],
  o: LoraOptions,
): ConfigError {
  const wanted = typeof o.target_modules === "string"
    ? [o.target_modules]
    : o.target_modules;
  const other = sites.flatMap((s) =>
    s.kind === "linear"
      ? []
      : [s.kind === "head" ? moduleOf(s.name) : s.site.name]
  ).find((name) => wanted.some((end) => endsWith(name, end)));
  const hint = other === undefined
    ? ""
    : `. ${other} can be trained whole: list it in adapter.modules_to_save`;
  return new ConfigError(
    `No linear layer is chosen by adapter.target_modules: ${wanted.join(", ")}${
      o.exclude_modules === null ? "" : " less exclude_modules"
    }${
      o.layers_to_transform === null ? "" : " in layers_to_transform"
    }. There are: ${listed(names)}${hint}`,
  );
}
