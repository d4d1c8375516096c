/**
 * Checks a run as a whole: parts and their options, the schema, the rules, the paths. Every problem
 * is found before any is reported.
 * @module
 */
import type { HubOptions } from "../io/hub/access.ts";
import type { Registry } from "../contracts/registry.ts";
import { resolveChoice, type ResolvedChoice } from "./parts/choices.ts";
import { explainIssue } from "./schema/explain.ts";
import type { Environment } from "../io/hub/hub_cache.ts";
import type { Layout } from "./parse/layout.ts";
import { propertiesAt } from "./parse/layout.ts";
import { usedPart } from "./parse/merge.ts";
import { optionsJsonSchema } from "./schema/options_schema.ts";
import type { PartField } from "./schema/part_field.ts";
import type { Problem } from "./parse/problem.ts";
import { ruleProblems } from "./rules.ts";
import { type FileCheck, withAbsoluteRunPaths } from "./run_paths.ts";
import { type ParsedRun, runSchema } from "./schema/schema.ts";
import {
  at,
  keyOf,
  type Path,
  plain,
  replaceAt,
  type Tree,
  treeOf,
} from "./parse/tree.ts";
import type { TrainingMode } from "./types.ts";

/** What a run is checked against. */
export interface Checking {
  readonly registry: Registry;
  readonly layout: Layout;
  readonly mode: TrainingMode;
  readonly cwd: string;
  readonly files: FileCheck;
  readonly env?: Environment;
  readonly hub?: HubOptions;
}

/** A checked run, or what is wrong with it. */
export interface Checked {
  readonly problems: readonly Problem[];
  /** Null where there are problems. */
  readonly parsed: ParsedRun | null;
  /** The parts chosen, by key. */
  readonly choices: ReadonlyMap<string, ResolvedChoice>;
}

/** Checks a run whose plugins are in the registry. */
export async function checkRun(
  written: Tree,
  checking: Checking,
): Promise<Checked> {
  const { layout, registry } = checking;
  const run = withDefaultParts(written, checking);
  const problems: Problem[] = [];
  const choices = new Map<string, ResolvedChoice>();
  // every part has `use`: where else it could be says nothing
  const elsewhere = (key: string) =>
    key === "use"
      ? []
      : [...layout.keysNamed(key), ...optionsNamed(key, run, checking)];

  const paths = await withAbsoluteRunPaths(run, checking);
  problems.push(...paths.problems);
  let normal = paths.run;
  for (const { path, field } of partPaths(run, layout)) {
    const tree = at(run, path);
    if (tree?.type === "leaf" && tree.value === null && field.nullable) {
      continue;
    }
    if (tree?.type === "leaf" && tree.value === "auto" && field.auto) continue;
    const resolved = await resolveChoice(run, path, field.kind, {
      registry,
      elsewhere,
    });
    if (Array.isArray(resolved)) {
      problems.push(...resolved);
      continue;
    }
    choices.set(resolved.key, resolved);
    normal = replaceAt(normal, path, {
      type: "leaf",
      value: resolved.choice,
      origin: tree?.origin ?? run.origin,
    });
  }

  const result = runSchema(checking.mode).safeParse(plain(normal));
  for (const issue of result.error?.issues ?? []) {
    const about = {
      tree: run,
      at: [],
      unknown: "unknown key",
      schema: layout.schema,
      elsewhere,
    };
    problems.push(...explainIssue(issue, about));
  }
  problems.push(...ruleProblems(run));
  const parsed = result.success && problems.length === 0 ? result.data : null;
  return { problems, parsed, choices };
}

/** Fills in the parts that a run does not choose, so that their options are checked and written too. */
function withDefaultParts(run: Tree, { layout, cwd }: Checking): Tree {
  const origin = { place: "default", base: cwd };
  for (const { pattern } of layout.places) {
    // a list of parts has its default as a whole
    const holder = pattern.at(-1) === "*" ? pattern.slice(0, -1) : pattern;
    for (const path of expand(run, holder)) {
      const byDefault = layout.defaultAt(path);
      if (byDefault !== undefined && at(run, path) === undefined) {
        run = replaceAt(run, path, treeOf(byDefault, origin));
      }
    }
  }
  return run;
}

/** Every place of a run where a part is chosen. */
function partPaths(
  run: Tree,
  layout: Layout,
): { path: Path; field: PartField }[] {
  return layout.places.flatMap(({ pattern, field }) =>
    expand(run, pattern).filter((path) => at(run, path) !== undefined).map((
      path,
    ) => ({ path, field }))
  );
}

/** The paths that a pattern matches; the parent of the last step exists. */
function expand(run: Tree, pattern: readonly string[]): Path[] {
  let paths: (string | number)[][] = [[]];
  for (const step of pattern) {
    paths = paths.flatMap((path) => {
      const holder = at(run, path);
      if (step !== "*") return holder?.type === "map" ? [[...path, step]] : [];
      return holder?.type === "list"
        ? holder.items.map((_, i) => [...path, i])
        : [];
    });
  }
  return paths;
}

/** Full paths of the options of that name of the parts that a run chooses (lists aside). */
function optionsNamed(
  name: string,
  run: Tree,
  { layout, registry }: Checking,
): string[] {
  return layout.places.filter(({ pattern }) => !pattern.includes("*")).flatMap(
    ({ pattern, field }) => {
      const tree = at(run, pattern);
      const used = tree === undefined ? undefined : usedPart(tree);
      const registered = typeof used === "string"
        ? registry.find(field.kind, used)
        : undefined;
      if (registered === undefined) return [];
      return propertiesAt(optionsJsonSchema(registered), []).includes(name)
        ? [keyOf([...pattern, name])]
        : [];
    },
  );
}
