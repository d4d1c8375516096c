/**
 * The paths of a run made absolute, Hub ids pinned to the commit that is in the cache.
 * @module
 */
import { isAbsolute, resolve } from "node:path";
import { isDenotuneError } from "../errors.ts";
import { type Environment, isHubId } from "./hub_cache.ts";
import {
  kindAt,
  resolveDataPath,
  type ResolvedPath,
  resolveModelPath,
} from "./paths.ts";
import { lowerFirst, type Problem } from "./problem.ts";
import { entryPaths } from "./rules.ts";
import {
  at,
  keyOf,
  keyOriginAt,
  type Leaf,
  type Path,
  replaceAt,
  type Tree,
} from "./tree.ts";

/** Whether files must exist (`check`), or only the run file is looked at (`ignore`). */
export type FileCheck = "check" | "ignore";

/** A run with absolute paths, and what is wrong with them. */
export async function withAbsoluteRunPaths(
  run: Tree,
  options: { readonly files: FileCheck; readonly env?: Environment },
): Promise<{ run: Tree; problems: Problem[] }> {
  const problems: Problem[] = [];
  let changed = run;

  const place = async (
    holder: Path,
    find: typeof resolveDataPath,
  ): Promise<ResolvedPath | null> => {
    const path = [...holder, "path"];
    const leaf = textAt(run, path);
    if (leaf === null) return null;
    const written = leaf.value;
    const absolute = resolve(leaf.origin.base, written);
    const found = await attempt(leaf, path, problems, async () => {
      if (options.files === "ignore") return null;
      const revision = textAt(run, [...holder, "revision"])?.value;
      return await find(written, {
        base: leaf.origin.base,
        revision,
        env: options.env,
      });
    });
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

  await place(["model"], resolveModelPath);
  for (const entry of entryPaths(run)) {
    const found = await place(entry, resolveDataPath);
    if (
      found === null || found.hub !== null ||
      await kindAt(found.path) !== "file"
    ) continue;
    for (const name of ["name", "split"]) {
      if (textAt(run, [...entry, name]) === null) continue;
      problems.push({
        origin: keyOriginAt(run, [...entry, name]),
        message: `\`${keyOf([...entry, name])}\` belongs to a Hub data set; \`${
          keyOf(entry)
        }.path\` is a file`,
      });
    }
  }

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

async function attempt<T>(
  leaf: Leaf,
  path: Path,
  problems: Problem[],
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!isDenotuneError(error)) throw error;
    problems.push({
      origin: leaf.origin,
      message: `\`${keyOf(path)}\`: ${lowerFirst(error.message)}`,
    });
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
