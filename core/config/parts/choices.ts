/**
 * From what is written where a part is chosen to the part and its checked options.
 * @module
 */
import type {
  OptionsSchema,
  ValidationResult,
} from "../../contracts/options.ts";
import { isAbsolute, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { PluginError } from "../../contracts/errors.ts";
import {
  type AnyPart,
  type Choice,
  type Kind,
  KINDS,
} from "../../contracts/plugin.ts";
import {
  partFault,
  type Registered,
  type Registry,
} from "../../contracts/registry.ts";
import { type Explained, explainIssue } from "../schema/explain.ts";
import { UNNAMED } from "../schema/part_field.ts";
import { asChoiceMap, isChosenInCode } from "../parse/merge.ts";
import { nearest } from "../parse/nearest.ts";
import {
  describePart,
  isData,
  optionsJsonSchema,
  withAbsolutePaths,
} from "../schema/options_schema.ts";
import {
  didYouMean,
  listed,
  messageOf,
  type Problem,
  show,
} from "../parse/problem.ts";
import {
  at,
  isPlainObject,
  keyOf,
  type MapTree,
  originAt,
  type Path,
  plain,
  type Tree,
} from "../parse/tree.ts";

/** A part that a run chose, its options checked. */
export interface ResolvedChoice<K extends Kind = Kind> {
  /** The kind that was asked for. */
  readonly kind: K;
  /** Where it was chosen: `optimizer`, `data.train.0.format`. */
  readonly key: string;
  /** The part itself. */
  readonly part: AnyPart;
  /** Name of the plugin that brought it. */
  readonly plugin: string;
  /** The module of that plugin; `inline` for a part chosen in code. */
  readonly module: string;
  /** What `create` gets. */
  readonly options: unknown;
  /** The choice as a resolved run file writes it, defaults filled in. */
  readonly choice: Choice;
  /** Makes a path in the options absolute, relative to where it was written. */
  resolvePath(path: string): string;
}

/** Where options are checked. */
export interface Choosing {
  /** Where parts are found. */
  readonly registry: Registry;
  /** Other places where a key of that name is valid. */
  elsewhere?(key: string): readonly string[];
}

/** The part of that kind chosen at a path of a run, or what is wrong with the choice. */
export async function resolveChoice<K extends Kind>(
  run: Tree,
  path: Path,
  kind: K,
  choosing: Choosing,
): Promise<ResolvedChoice<K> | Problem[]> {
  const written = at(run, path) ??
    { type: "leaf", value: undefined, origin: originAt(run, path) };
  const tree = asChoiceMap(written);
  const key = keyOf(path);
  const fail = (
    message: string,
    place: Tree = written,
  ): Problem[] => [{ origin: place.origin, message }];
  if (tree.type !== "map") {
    return fail(
      `\`${key}\` is ${show(plain(tree))}; expected the name of ${
        a(kind)
      } or {use: NAME, ...options}`,
    );
  }
  if (isChosenInCode(tree)) {
    return await resolveChosen(run, path, kind, tree, choosing);
  }
  const unnamed = UNNAMED[kind];
  const use: Tree | undefined = tree.entries.get("use")?.tree ??
    (unnamed === undefined || tree.entries.size === 0
      ? undefined
      : { type: "leaf", value: unnamed, origin: tree.origin });
  if (use === undefined) {
    return fail(
      `\`${key}\` does not say which ${kind}: add \`use: NAME\`; known: ${
        listed(choosing.registry.names(kind))
      }`,
    );
  }
  if (use.type !== "leaf" || typeof use.value !== "string") {
    return fail(
      `\`${key}.use\` is ${show(plain(use))}; expected the name of ${a(kind)}`,
      use,
    );
  }
  const registered = choosing.registry.find(kind, use.value);
  if (registered === undefined) {
    return fail(unknownPart(kind, use.value, choosing.registry), use);
  }
  const entries = new Map(tree.entries);
  entries.delete("use");
  const options: MapTree = { ...tree, entries };
  return await checkOptions({
    run,
    path,
    optionsPath: path,
    kind,
    registered,
    options,
    isNamed: true,
    choosing,
  });
}

/** Says that there is no such part: the nearest name, and all that are known. */
export function unknownPart(
  kind: Kind,
  name: string,
  registry: Registry,
): string {
  const known = registry.names(kind);
  const other = KINDS.find((other) =>
    other !== kind && registry.find(other, name) !== undefined
  );
  const near = nearest(name, known);
  const hint = near === null && other !== undefined
    ? `; \`${name}\` is ${a(other)}`
    : didYouMean(near);
  return `there is no ${kind} \`${name}\`${hint}${
    hint.endsWith("?") ? "" : ";"
  } known: ${listed(known)}${
    near === null && other === undefined
      ? "; for a plugin's, name its module under `plugins`, or with --plugin"
      : ""
  }`;
}

async function resolveChosen<K extends Kind>(
  run: Tree,
  path: Path,
  kind: K,
  tree: MapTree,
  choosing: Choosing,
): Promise<ResolvedChoice<K> | Problem[]> {
  const key = keyOf(path);
  const part = plain(tree.entries.get("use")?.tree ?? tree);
  const fail = (
    message: string,
  ): Problem[] => [{ origin: tree.origin, message }];
  const surplus = [...tree.entries.keys()].filter((name) =>
    name !== "use" && name !== "options"
  );
  if (surplus.length > 0) {
    return fail(
      `\`${key}\` was chosen in code as {use: part, options}; \`${
        surplus[0]
      }\` belongs into its options`,
    );
  }
  if (!isPart(part)) return fail(`\`${key}.use\` ${partFault(part)}`);
  if (part.kind !== kind) {
    return fail(
      `\`${key}\` is the ${part.kind} "${part.name}"; expected ${a(kind)}`,
    );
  }
  const known = choosing.registry.find(kind, part.name);
  const registered = known?.part === part
    ? known
    : { part, plugin: part.name, module: "inline" };
  const options = tree.entries.get("options")?.tree ??
    { type: "map", entries: new Map(), origin: tree.origin };
  return await checkOptions({
    run,
    path,
    optionsPath: [...path, "options"],
    kind,
    registered,
    options,
    isNamed: known?.part === part,
    choosing,
  });
}

interface Check<K extends Kind> {
  readonly run: Tree;
  readonly path: Path;
  readonly optionsPath: Path;
  readonly kind: K;
  readonly registered: Registered;
  readonly options: Tree;
  /** Whether the registry finds the part by its name. */
  readonly isNamed: boolean;
  readonly choosing: Choosing;
}

async function checkOptions<K extends Kind>(
  check: Check<K>,
): Promise<ResolvedChoice<K> | Problem[]> {
  const { registered, kind, choosing } = check;
  const { part } = registered;
  const schema = optionsJsonSchema(registered);
  const input = plain(await withAbsolutePaths(check.options, schema));
  const result = await validate(registered, input);
  if (result.issues !== undefined) {
    const about: Explained = {
      tree: check.run,
      at: check.optionsPath,
      unknown: `${kind} ${part.name} has no option`,
      schema,
      elsewhere: choosing.elsewhere,
    };
    return result.issues.flatMap((issue) => explainIssue(issue, about));
  }
  const filled = await filledOptions(registered, input, result.value);
  const isWritable = check.isNamed && isData(filled) &&
    typeof filled === "object" && !Array.isArray(filled);
  return {
    kind,
    key: keyOf(check.path),
    part,
    plugin: registered.plugin,
    module: registered.module,
    options: result.value,
    choice: isWritable
      ? { use: part.name, ...filled }
      : { use: part, options: filled },
    resolvePath: pathResolver(check.options),
  };
}

/** How long a schema may take to validate options. */
const LONG_SECONDS = 10;

/** Validates options. Throws `PluginError` where the schema itself fails. */
async function validate(
  registered: Registered,
  input: unknown,
): Promise<ValidationResult<unknown>> {
  const options: OptionsSchema = registered.part.options;
  let result: ValidationResult<unknown>;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`it did not answer within ${LONG_SECONDS} s`)),
    LONG_SECONDS * 1000,
  );
  try {
    result = await Promise.race([
      options["~standard"].validate(input),
      late,
    ]);
  } catch (error) {
    throw new PluginError(
      `The options schema of ${describePart(registered)} threw: ${
        messageOf(error)
      }`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
  const isResult = typeof result === "object" && result !== null &&
    (Array.isArray(result.issues) ||
      result.issues === undefined && "value" in result);
  if (!isResult) {
    throw new PluginError(
      `The options schema of ${
        describePart(registered)
      } gave neither a value nor issues`,
    );
  }
  return result;
}

/**
 * Options as they are written down: with defaults where what the schema gives may be written as it
 * is (it validates to itself), else what the user wrote.
 */
async function filledOptions(
  registered: Registered,
  input: unknown,
  output: unknown,
): Promise<unknown> {
  const data = withoutUndefined(output);
  if (!isData(data)) return input;
  const again = await validate(registered, data);
  return again.issues === undefined &&
      isDeepStrictEqual(withoutUndefined(again.value), data)
    ? data
    : input;
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (!isPlainObject(value)) return value;
  const entries = Object.entries(value).filter(([, inner]) =>
    inner !== undefined
  );
  return Object.fromEntries(
    entries.map(([key, inner]) => [key, withoutUndefined(inner)]),
  );
}

/** Paths start from where the option that holds them was written, others from where the choice was. */
function pathResolver(options: Tree): (path: string) => string {
  const bases = new Map<string, string>();
  const visit = (tree: Tree): void => {
    if (tree.type === "map") {
      for (const entry of tree.entries.values()) visit(entry.tree);
    } else if (tree.type === "list") tree.items.forEach(visit);
    else if (typeof tree.value === "string") {
      bases.set(tree.value, tree.origin.base);
    }
  };
  visit(options);
  return (path) =>
    isAbsolute(path)
      ? path
      : resolve(bases.get(path) ?? options.origin.base, path);
}

function isPart(value: unknown): value is AnyPart {
  return partFault(value) === null;
}

function a(kind: Kind): string {
  return /^[aeo]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}
