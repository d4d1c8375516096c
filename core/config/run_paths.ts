/**
 * The paths of a run made absolute, Hub ids pinned to their commit: the one in the cache, else the one
 * that the Hub names. Models and data are not downloaded here.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { DataError, isDenotuneError } from "../contracts/errors.ts";
import { type Environment, isHubId } from "../io/hub/hub_cache.ts";
import type { HubOptions } from "../io/hub/access.ts";
import { locateData } from "../io/hub/locate_data.ts";
import { kindAt, locateModel } from "./paths.ts";
import { lowerFirst, type Problem } from "./parse/problem.ts";
import { entryPaths } from "./rules.ts";
import { isKeptInput, STANDARD_INPUT } from "./standard_input.ts";
import {
  at,
  keyOf,
  keyOriginAt,
  type Leaf,
  type Path,
  replaceAt,
  type Tree,
} from "./parse/tree.ts";

/** Whether files must exist (`check`), or only the run file is looked at (`ignore`). */
export type FileCheck = "check" | "ignore";

interface Place extends HubOptions {
  readonly base: string;
  readonly revision: string | undefined;
}

interface Found {
  readonly hub: { readonly commit: string } | null;
}

/** A run with absolute paths, and what is wrong with them. */
export async function withAbsoluteRunPaths(
  run: Tree,
  options: {
    readonly files: FileCheck;
    readonly env?: Environment;
    readonly hub?: HubOptions;
  },
): Promise<{ run: Tree; problems: Problem[] }> {
  const problems: Problem[] = [];
  const failures: Failure[] = [];
  let changed = run;

  const place = async <F extends Found>(
    holder: Path,
    find: (written: string, at: Place) => Promise<F>,
  ): Promise<F | null> => {
    const path = [...holder, "path"];
    const leaf = textAt(run, path);
    if (leaf === null) return null;
    const written = leaf.value;
    // read when all else is right: it can be read only once
    if (written === STANDARD_INPUT && holder[0] === "data") return null;
    const absolute = resolve(leaf.origin.base, written);
    const found = await attempt(
      leaf,
      path,
      { problems, failures },
      async () => {
        if (options.files === "ignore") return null;
        if (
          isKeptInput(absolute, options.env) && await kindAt(absolute) === null
        ) {
          throw new DataError(
            `The rows came from standard input, and ${absolute}, where they were kept, is gone; pipe the same rows in again, with \`path: "-"\``,
          );
        }
        const revision = textAt(run, [...holder, "revision"])?.value;
        return await find(written, {
          env: options.env,
          ...options.hub,
          base: leaf.origin.base,
          revision,
        });
      },
    );
    const isLocal = found === null
      ? !isHubId(written) || await kindAt(absolute) !== null
      : found.hub === null;
    if (isLocal) {
      changed = replaceAt(changed, path, { ...leaf, value: absolute });
    }
    if (found?.hub) {
      const pinned: Leaf = {
        type: "leaf",
        value: found.hub.commit,
        origin: leaf.origin,
      };
      changed = replaceAt(changed, [...holder, "revision"], pinned);
    }
    return found;
  };

  await place(["model"], locateModel);
  for (const entry of entryPaths(run)) {
    const value = (key: string) => textAt(run, [...entry, key])?.value ?? null;
    const found = await place(
      entry,
      (path, { base, revision, ...hub }) =>
        locateData({
          path,
          base,
          revision: revision ?? "main",
          name: value("name"),
          split: value("split"),
          dataFiles: textsAt(run, [...entry, "data_files"]),
          side: entry[1] === "eval" ? "eval" : "train",
        }, hub),
    );
    const isInput = value("path") === STANDARD_INPUT;
    const kind = isInput ? "stream" : found?.kind;
    if (kind !== "file" && kind !== "pattern" && kind !== "stream") continue;
    for (const name of ["name", "split", "data_files"]) {
      if (textsAt(run, [...entry, name]) === null) continue;
      problems.push({
        origin: keyOriginAt(run, [...entry, name]),
        message: `\`${
          keyOf([...entry, name])
        }\` belongs to a Hub data set or a folder; \`${
          keyOf(entry)
        }.path\` is a ${kind}`,
      });
    }
  }

  // a network or disk that fails is no fault of the run file, but does not hide what is
  if (problems.length === 0 && failures.length > 0) throw failures[0].error;
  problems.push(...failures.map(({ problem }) => problem));

  const resume = textAt(run, ["training", "resume"]);
  if (resume !== null && resume.value !== "auto" && resume.value !== "never") {
    const absolute = resolve(resume.origin.base, resume.value);
    changed = replaceAt(changed, ["training", "resume"], {
      ...resume,
      value: absolute,
    });
    if (options.files === "check" && await kindAt(absolute) !== "folder") {
      problems.push({
        origin: resume.origin,
        message:
          `\`training.resume\` is "${resume.value}"; expected auto, never or a checkpoint's folder, and there is none at ${absolute}`,
      });
    }
  }
  return { run: changed, problems };
}

/** The folder of a run's results, relative to the working directory. */
export function absoluteOutputDir(
  written: string | null,
  name: string,
  cwd: string,
): string {
  const path = written ?? `outputs/${name}`;
  return isAbsolute(path) ? resolve(path) : resolve(cwd, path);
}

/** A path that could not be looked for. */
interface Failure {
  readonly problem: Problem;
  readonly error: Error;
}

async function attempt<T>(
  leaf: Leaf,
  path: Path,
  found: { readonly problems: Problem[]; readonly failures: Failure[] },
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isDenotuneError(error)) throw error;
    const problem = {
      origin: leaf.origin,
      message: `\`${keyOf(path)}\`: ${lowerFirst(error.message)}`,
    };
    if (error.name === "DeviceError") found.failures.push({ problem, error });
    else found.problems.push(problem);
    return null;
  }
}

function textAt(
  run: Tree,
  path: Path,
): (Leaf & { readonly value: string }) | null {
  const leaf = at(run, path);
  if (
    leaf?.type !== "leaf" || typeof leaf.value !== "string" || leaf.value === ""
  ) return null;
  return { ...leaf, value: leaf.value };
}

/** A text or a list of texts, as a list; null where there is neither. */
function textsAt(run: Tree, path: Path): string[] | null {
  const tree = at(run, path);
  if (tree?.type !== "list") {
    const text = textAt(run, path);
    return text === null ? null : [text.value];
  }
  const texts = tree.items.map((_, i) => textAt(run, [...path, i])?.value);
  return texts.every((t) => t !== undefined) ? texts : null;
}
