/**
 * Which layers are adapted, and with what rank and scale: PEFT's rules of names.
 * @module
 */
import {
  compileRegularExpression,
  ConfigError,
  type LinearSite,
  type RegularExpression,
  type Site,
  type WeightSpec,
} from "@denotune/denotune/core";
import type { LoraOptions } from "./_options.ts";

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

/** Chooses layers. Throws `ConfigError` that names what there is. */
export function chooseTargets(
  model: {
    sites: readonly Site[];
    weights: readonly WeightSpec[];
    grown?: readonly string[];
  },
  o: LoraOptions,
): Chosen {
  const linear = new Map<string, LinearSite>();
  for (const s of model.sites) {
    if (s.kind === "linear") linear.set(s.site.name, s.site);
  }
  const saved = [
    ...new Set([
      ...modulesToSave(model, o.modules_to_save),
      ...(model.grown ?? []).map(moduleOf),
    ]),
  ];
  const matches = matcher(o);
  const targets = new Map<string, Target>();
  for (const [name, site] of linear) {
    if (saved.includes(name) || !matches(name)) continue;
    targets.set(name, target(site, o));
  }
  if (targets.size === 0) throw noTarget(model.sites, [...linear.keys()], o);
  return { targets, saved };
}

function target(site: LinearSite, o: LoraOptions): Target {
  const rank = byPattern(o.rank_pattern, site.name) ?? o.r;
  const alpha = byPattern(o.alpha_pattern, site.name) ?? o.lora_alpha;
  const most = Math.min(site.in, site.out);
  if (rank > most) {
    throw new ConfigError(
      `Rank ${rank} is too large for ${site.name}, which is ${site.in} -> ${site.out}: a rank above ${most} adds nothing. Lower adapter.r, or give this layer its own in adapter.rank_pattern`,
    );
  }
  return { site, rank, scale: alpha / (o.use_rslora ? Math.sqrt(rank) : rank) };
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
  return (name) => included(name) && !excluded(name) && block(name);
}

function selector(
  wanted: string | readonly string[],
  key: string,
): (name: string) => boolean {
  if (typeof wanted !== "string") {
    return (name) => wanted.some((end) => endsWith(name, end));
  }
  const whole = regularExpression(wanted, key);
  return (name) => whole.matchesAll(name);
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
  const patterns = lists.length === 0
    ? [regularExpression(".*\\.[^.]*", "layers_pattern")]
    : lists.map((list) =>
      regularExpression(`(?:|.*\\.)(?:${list})`, "layers_pattern")
    );
  return (name) => {
    for (const pattern of patterns) {
      const number = numberBehind(name, pattern);
      if (number !== null) return numbers.includes(number);
    }
    return false;
  };
}

/** The first number in a name that stands behind what the pattern means: 3 in `model.layers.3.mlp`. */
function numberBehind(
  name: string,
  pattern: RegularExpression,
): number | null {
  const parts = name.split(".");
  for (let i = 1; i + 1 < parts.length; i++) {
    if (!/^\d+$/.test(parts[i])) continue;
    if (pattern.matchesAll(parts.slice(0, i).join("."))) {
      return Number(parts[i]);
    }
  }
  return null;
}

/** The value of the first pattern that fits the end of a name. */
function byPattern(
  patterns: Readonly<Record<string, number>>,
  name: string,
): number | undefined {
  for (const [pattern, value] of Object.entries(patterns)) {
    const end = regularExpression(
      `(.*\\.)?(${pattern})`,
      "rank_pattern or alpha_pattern",
    );
    if (end.matchesAll(name)) return value;
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

/** Whether `end` is a name or its last parts: `q_proj`, `self_attn.q_proj`. */
function endsWith(name: string, end: string): boolean {
  return name === end || name.endsWith(`.${end}`);
}

function modulesToSave(
  model: { sites: readonly Site[]; weights: readonly WeightSpec[] },
  wanted: readonly string[],
): string[] {
  const modules = new Set(model.weights.map(({ name }) => moduleOf(name)));
  const saved = new Set<string>();
  for (const end of wanted) {
    const found = [...modules].filter((name) => endsWith(name, end));
    if (found.length === 0) throw noModule(model.sites, [...modules], end);
    for (const name of found) saved.add(name);
  }
  return [...saved];
}

/** The module that a weight belongs to: `lm_head.weight` -> `lm_head`. */
export function moduleOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf("."));
}

function noModule(
  sites: readonly Site[],
  modules: readonly string[],
  end: string,
): ConfigError {
  const tied = sites.find((s) => s.kind === "head" && s.tied);
  if (tied?.kind === "head" && /head/.test(end)) {
    const table = moduleOf(tied.name);
    return new ConfigError(
      `adapter.modules_to_save has ${end}, but this model's head is its embedding ${table} (tied): list ${
        lastPart(table)
      }, which trains both uses`,
    );
  }
  return new ConfigError(
    `adapter.modules_to_save has ${end}, which no module of the model is called. There are: ${
      listed(modules)
    }`,
  );
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

/** Names with the numbers of blocks left out, each once. */
function listed(names: readonly string[]): string {
  return [
    ...new Set(names.map((name) => name.replaceAll(/\.\d+(?=\.|$)/g, ".*"))),
  ]
    .join(", ");
}

/** The last part of a name: `model.layers.0.mlp.up_proj` -> `up_proj`. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
