/**
 * Overrides of the command line: `training.epochs=1`, `data.train.0.path=x.jsonl`, `optimizer=lion`,
 * `optimizer.learning_rate=1e-4`. They are laid over the run file one after the other.
 * @module
 */
import { isDenotuneError } from "../../contracts/errors.ts";
import type { Layout } from "./layout.ts";
import { asChoiceMap, isChosenInCode } from "./merge.ts";
import { type Problem, show } from "./problem.ts";
import {
  inside,
  keyOf,
  type Origin,
  type Path,
  type Tree,
  treeOf,
  withEntry,
} from "./tree.ts";
import { parseYamlValue } from "./yaml.ts";

/** One override, taken apart. */
export interface Override {
  readonly path: Path;
  readonly value: Tree;
  readonly origin: Origin;
}

/** Takes overrides apart. `base`: the working directory, from which their paths start. */
export function parseOverrides(
  texts: readonly string[],
  base: string,
): { overrides: Override[]; problems: Problem[] } {
  const overrides: Override[] = [];
  const problems: Problem[] = [];
  for (const text of texts) {
    const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
    const origin: Origin = { place: `override \`${shown}\``, base };
    const fail = (message: string) => problems.push({ origin, message });
    const split = text.indexOf("=");
    if (split < 0) {
      fail("an override is `key=value`, for example `training.epochs=1`");
      continue;
    }
    const key = text.slice(0, split).trim();
    const written = text.slice(split + 1);
    const path = key.split(".").map((step) =>
      /^\d+$/.test(step) ? Number(step) : step
    );
    if (path.includes("")) {
      fail(
        `\`${key}\` is not a key; keys are names joined by dots, as in \`training.epochs\``,
      );
    } else if (key === "extends") {
      fail(
        "run files are merged before overrides: write `extends` in the run file",
      );
    } else if (written.trim() === "") {
      fail(
        `has no value; write \`${key}=null\` for none, \`${key}=""\` for an empty text`,
      );
    } else {
      try {
        overrides.push({
          path,
          value: valueOf(written.trim(), origin),
          origin,
        });
      } catch (error) {
        if (!isDenotuneError(error)) throw error;
        fail(
          `its value is not YAML: ${
            error.message.slice(origin.place.length + 2)
          }`,
        );
      }
    }
  }
  return { overrides, problems };
}

/**
 * The value of an override: YAML where it looks like it (`[...]`, `{...}`, a quoted text, a number, `true`, `null`),
 * else the text as it is: `./out #dir` is a path, `Question: why` no mapping, `-` standard input.
 */
function valueOf(written: string, origin: Origin): Tree {
  const text: Tree = { type: "leaf", value: written, origin };
  if (/^[[{"']/.test(written)) return parseYamlValue(written, origin);
  if (/\s#|[\n\r]/.test(written) || /^[-?:&*!|>%@`#]/.test(written)) {
    return isNumber(written) ? parseYamlValue(written, origin) : text;
  }
  try {
    const value = parseYamlValue(written, origin);
    return value.type === "leaf" && typeof value.value !== "string"
      ? value
      : text;
  } catch (error) {
    if (!isDenotuneError(error)) throw error;
    return text;
  }
}

function isNumber(text: string): boolean {
  return /^[-+]?(\.?\d[\w.+-]*|\.(inf|nan))$/i.test(text);
}

/** The tree with one override laid over it, or what is wrong with it. */
export function applyOverride(
  tree: Tree,
  override: Override,
  layout: Layout,
): Tree | Problem {
  const { origin } = override;
  const fail = (message: string): Problem => ({ origin, message });

  const set = (
    node: Tree | undefined,
    path: Path,
    rest: Path,
  ): Tree | Problem => {
    if (rest.length === 0) return override.value;
    const field = layout.partFieldAt(path);
    if (node === undefined) node = startingPoint(path, rest[0], origin, layout);
    if (field !== undefined && node.type === "leaf") {
      if (node.value === null) {
        return fail(
          `\`${
            keyOf(path)
          }\` is null, there is no ${field.kind} to set an option of; choose one first: \`${
            keyOf(path)
          }=NAME\``,
        );
      }
      if (field.auto && node.value === "auto") {
        return fail(
          `\`${
            keyOf(path)
          }\` is auto, which has no options; choose a ${field.kind} first: \`${
            keyOf(path)
          }=NAME\``,
        );
      }
      node = asChoiceMap(node);
    }
    const [step, ...further] = rest;
    if (node.type === "leaf") {
      return fail(
        `\`${keyOf(path)}\` is ${
          show(node.value)
        } (${node.origin.place}): there is nothing inside it to set`,
      );
    }
    if (node.type === "list") {
      if (typeof step !== "number" || step > node.items.length) {
        return fail(
          `\`${
            keyOf(path)
          }\` is a list of ${node.items.length}: write an index from 0 to ${node.items.length}, not \`${step}\``,
        );
      }
      const item = set(node.items[step], [...path, step], further);
      if (!isTree(item)) return item;
      return {
        ...node,
        items: [
          ...node.items.slice(0, step),
          item,
          ...node.items.slice(step + 1),
        ],
      };
    }
    if (field !== undefined && isChosenInCode(node) && step !== "use") {
      // options of a part chosen in code are one level further in
      const options = node.entries.get("options")?.tree ??
        { type: "map", entries: new Map(), origin };
      const changed = set(options, [...path, "options"], rest);
      return isTree(changed) ? withEntry(node, "options", changed) : changed;
    }
    const name = String(step);
    const inner = set(inside(node, name), [...path, step], further);
    return isTree(inner)
      ? withEntry(node, name, inner, node.entries.get(name)?.key ?? origin)
      : inner;
  };

  return set(tree, [], override.path);
}

/** What an override sets inside of where nothing is written: the default, else an empty list or map. */
function startingPoint(
  path: Path,
  next: string | number,
  origin: Origin,
  layout: Layout,
): Tree {
  const byDefault = layout.defaultAt(path);
  // null means "none": a part must be chosen first, a map may be begun
  if (
    byDefault !== undefined &&
    (byDefault !== null || layout.partFieldAt(path) !== undefined)
  ) {
    return treeOf(byDefault, { ...origin, place: "default" });
  }
  if (typeof next === "number") return { type: "list", items: [], origin };
  return { type: "map", entries: new Map(), origin };
}

function isTree(value: Tree | Problem): value is Tree {
  return "type" in value;
}

/** The training mode that a run will have: overrides win over what is written. */
export function writtenMode(
  tree: Tree,
  overrides: readonly Override[],
): unknown {
  const last =
    overrides.findLast(({ path }) => keyOf(path) === "training_mode")?.value ??
      inside(tree, "training_mode");
  return last?.type === "leaf" ? last.value : undefined;
}
