/**
 * Rules about several keys of a run at once. They read what is written and say nothing about values
 * of a wrong type: those are the schema's to refuse.
 * @module
 */
import type { Problem } from "./parse/problem.ts";
import { show } from "./parse/problem.ts";
import {
  at,
  inside,
  keyOf,
  keyOriginAt,
  originAt,
  type Path,
  plain,
  type Tree,
} from "./parse/tree.ts";

/** What is wrong with a run although every key has a value that it may have. */
export function ruleProblems(run: Tree): Problem[] {
  return [
    ...modelRules(run),
    ...entryRules(run),
    ...weightRules(run),
    ...streamingRules(run),
    ...bestModelRules(run),
  ];
}

function modelRules(run: Tree): Problem[] {
  const model = inside(run, "model");
  if (model?.type !== "map") return [];
  const problems: Problem[] = [];
  const fromConfig = at(run, ["model", "from_config"]);
  const hasPath = isGiven(run, ["model", "path"]);
  const hasConfig = isGiven(run, ["model", "from_config"]);
  if (hasPath && hasConfig && fromConfig !== undefined) {
    problems.push({
      origin: keyOriginAt(run, ["model", "from_config"]),
      message: `\`model\` has both \`path\` (${
        originAt(run, ["model", "path"]).place
      }) and \`from_config\`; remove one`,
    });
  }
  if (!hasPath && !hasConfig) {
    problems.push({
      origin: model.origin,
      message:
        "`model` needs `path` (a folder or Hub id), or `from_config` for random weights",
    });
  }
  const dtype = at(run, ["model", "dtype"]);
  if (
    dtype?.type === "leaf" &&
    (dtype.value === "bfloat16" || dtype.value === "float16") &&
    !isGiven(run, ["adapter"]) && !isGiven(run, ["model", "freeze", 0])
  ) {
    problems.push({
      origin: dtype.origin,
      message: `\`model.dtype\` is ${
        show(dtype.value)
      }, which only frozen weights may have, but without an adapter all weights are trained; set an \`adapter\` or \`model.freeze\`, or float32`,
    });
  }
  const patterns = at(run, ["model", "quantization_pattern"]);
  const quantized = [
    ["model", "quantization"],
    ...(patterns?.type === "map"
      ? [...patterns.entries.keys()].map((
        pattern,
      ) => ["model", "quantization_pattern", pattern])
      : []),
  ];
  for (const key of quantized) {
    const leaf = at(run, key);
    if (
      leaf?.type !== "leaf" || typeof leaf.value !== "string" ||
      isGiven(run, ["adapter"]) || isGiven(run, ["model", "freeze", 0])
    ) continue;
    problems.push({
      origin: leaf.origin,
      message: `\`${keyOf(key)}\` is ${
        show(leaf.value)
      }, which only frozen weights may have, but without an adapter all weights are trained; set an \`adapter\` or \`model.freeze\`, or null`,
    });
  }
  return problems;
}

function entryRules(run: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const path of entryPaths(run)) {
    const entry = at(run, path);
    if (entry?.type !== "map") continue;
    const key = keyOf(path);
    const hasPath = isGiven(run, [...path, "path"]);
    const rows = at(run, [...path, "rows"]);
    const hasRows = isGiven(run, [...path, "rows"]);
    if (hasPath && hasRows) {
      problems.push({
        origin: entry.origin,
        message: `\`${key}\` has both \`path\` and \`rows\`; remove one`,
      });
    }
    if (!hasPath && !hasRows) {
      problems.push({
        origin: entry.origin,
        message: `\`${key}\` needs \`path\`, a file or a Hub id`,
      });
    }
    if (hasRows && rows?.origin.code !== true) {
      problems.push({
        origin: keyOriginAt(run, [...path, "rows"]),
        message:
          `\`${key}.rows\` can only be given in TypeScript; write the rows to a JSON Lines file and give its \`path\``,
      });
    }
    const source = at(run, [...path, "source"]);
    if (hasRows && source !== undefined && plain(source) !== "auto") {
      problems.push({
        origin: keyOriginAt(run, [...path, "source"]),
        message:
          `\`${key}.source\` says how files are read; \`${key}\` has rows in memory`,
      });
    }
    for (const name of ["name", "split", "data_files"]) {
      if (hasRows && isGiven(run, [...path, name])) {
        problems.push({
          origin: keyOriginAt(run, [...path, name]),
          message:
            `\`${key}.${name}\` belongs to a Hub data set; \`${key}\` has rows in memory`,
        });
      }
    }
  }
  return problems;
}

function weightRules(run: Tree): Problem[] {
  const train = at(run, ["data", "train"]);
  if (train?.type !== "list") return [];
  const isWeighted = train.items.map((_, i) =>
    isGiven(run, ["data", "train", i, "weight"])
  );
  const without = isWeighted.indexOf(false);
  if (without < 0 || !isWeighted.includes(true)) return [];
  return [{
    origin: train.items[without].origin,
    message: `\`data.train.${without}\` has no \`weight\`, but \`data.train.${
      isWeighted.indexOf(true)
    }\` has; give a weight to every entry, or to none`,
  }];
}

/** What needs the whole set cannot be had of a stream. */
function streamingRules(run: Tree): Problem[] {
  const streaming = at(run, ["data", "streaming"]);
  if (streaming === undefined || plain(streaming) !== true) return [];
  const problems: Problem[] = [];
  const refuse = (path: Path, message: string) =>
    problems.push({ origin: keyOriginAt(run, path), message });
  if (!isGiven(run, ["training", "max_steps"])) {
    refuse(
      ["data", "streaming"],
      "`data.streaming` needs `training.max_steps`: how many steps the data give is not known, and the schedule follows them",
    );
  }
  const fraction = at(run, ["data", "eval_fraction"]);
  if (fraction !== undefined && Number(plain(fraction)) > 0) {
    refuse(
      ["data", "eval_fraction"],
      "`data.eval_fraction` needs all rows before training, which `data.streaming` does not read; give rows to evaluate on in `data.eval`",
    );
  }
  const holdout = at(run, ["data", "eval_holdout"]);
  if (holdout !== undefined && plain(holdout) !== null) {
    refuse(
      ["data", "eval_holdout"],
      "`data.eval_holdout` needs all rows before training, which `data.streaming` does not read; give rows to evaluate on in `data.eval`",
    );
  }
  const weightBy = at(run, ["data", "weight_by"]);
  if (weightBy !== undefined && plain(weightBy) === "tokens") {
    refuse(
      ["data", "weight_by"],
      "`data.weight_by` is tokens, which needs all rows before training; under `data.streaming` weigh by rows",
    );
  }
  const train = at(run, ["data", "train"]);
  for (let i = 0; train?.type === "list" && i < train.items.length; i++) {
    const path = ["data", "train", i, "epochs"];
    const epochs = at(run, path);
    if (epochs === undefined || plain(epochs) === null) continue;
    if (Number.isInteger(plain(epochs))) continue;
    refuse(
      path,
      `\`${keyOf(path)}\` is ${
        show(plain(epochs))
      }: under \`data.streaming\` passes are whole, because the number of rows is not known; give a whole number, or \`max_rows\``,
    );
  }
  return problems;
}

/** The best model is chosen among evaluations. */
function bestModelRules(run: Tree): Problem[] {
  const every = at(run, ["training", "eval_steps"]);
  if (every === undefined || plain(every) !== null) return [];
  return ["load_best_model_at_end", "early_stopping_patience"].flatMap(
    (name) => {
      const path = ["training", name];
      const value = at(run, path);
      if (value === undefined || !isGiven(run, path)) return [];
      if (plain(value) === false) return [];
      return [{
        origin: keyOriginAt(run, path),
        message: `\`${
          keyOf(path)
        }\` needs evaluations, and \`training.eval_steps\` is null (${every.origin.place}); set it to a number of steps or to epoch`,
      }];
    },
  );
}

/** Paths of all entries of `data.train` and `data.eval`. */
export function entryPaths(run: Tree): Path[] {
  return ["train", "eval"].flatMap((name) => {
    const list = at(run, ["data", name]);
    return list?.type === "list"
      ? list.items.map((_, i) => ["data", name, i])
      : [];
  });
}

/** Whether a key has a value other than null. */
function isGiven(run: Tree, path: Path): boolean {
  const tree = at(run, path);
  return tree !== undefined && !(tree.type === "leaf" && plain(tree) === null);
}
